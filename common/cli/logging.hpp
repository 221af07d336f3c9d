// SPDX-License-Identifier: Apache-2.0
// The log: always stderr, never stdout, which belongs to what an exporter prints. Under systemd
// every line carries the level in the form that the journal reads (sd-daemon(3)); elsewhere a time
// and a word. What is logged may quote hostile names, so each message stays one printable line.
// setup_logging() is called once by main before other threads exist; logging itself is thread-safe.
#pragma once

#include <spdlog/common.h>
#include <spdlog/logger.h>

#include <memory>

namespace wattvisor {

enum class LogFormat {
    terminal, // "2026-01-31 12:00:00 warning: text", in colour on a terminal
    journal,  // "<4>text"
};

// Whether the file descriptor is the stream that systemd announced in JOURNAL_STREAM
// ("DEVICE:INODE", systemd.exec(5)). A service whose stderr went elsewhere gets plain lines.
[[nodiscard]] LogFormat log_format(const char* journal_stream, int fd);

// Each -v shows one level more than `base`.
[[nodiscard]] spdlog::level::level_enum log_level(spdlog::level::level_enum base,
                                                  unsigned verbosity);

[[nodiscard]] std::unique_ptr<spdlog::formatter> make_log_formatter(LogFormat format);

// Makes the logger that spdlog::info() and its like use from here on.
void setup_logging(spdlog::level::level_enum base, unsigned verbosity);

} // namespace wattvisor
