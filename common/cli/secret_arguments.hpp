// SPDX-License-Identifier: Apache-2.0
// Every user of a machine can read every command line, and the agent itself sends command lines
// out as a label. Called by main, after parsing.
#pragma once

#include <string_view>

namespace wattvisor {

// Overwrites each occurrence of the secret in the arguments, in the memory that /proc/PID/cmdline
// shows, with asterisks. An empty secret changes nothing.
void hide_in_arguments(int argc, char** argv, std::string_view secret);

} // namespace wattvisor
