// SPDX-License-Identifier: Apache-2.0
// How values of the command line are read and what is said of wrong ones. Private to the files that
// add options to a CLI::App; all throw CLI::ValidationError.
#pragma once

#include "common/base/pattern.hpp"
#include "common/cli/exporter_options.hpp"

#include <CLI/App.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

[[nodiscard]] std::chrono::nanoseconds duration_value(const std::string& option,
                                                      std::string_view text);
// Not shorter than counters are renewed, not longer than an hour.
[[nodiscard]] std::chrono::nanoseconds interval_value(const std::string& option,
                                                      const std::string& text);
[[nodiscard]] std::chrono::nanoseconds checked_interval(const std::string& option,
                                                        std::chrono::nanoseconds interval);
// Scaphandre's versions disagree on whether 0 or a negative number means forever: both do here,
// which is no value.
[[nodiscard]] std::optional<std::chrono::nanoseconds> timeout_value(const std::string& option,
                                                                    std::string_view text);
[[nodiscard]] std::uint64_t number_value(const std::string& option, const std::string& text,
                                         std::uint64_t low, std::uint64_t high);
[[nodiscard]] std::uint16_t port_value(const std::string& option, const std::string& text,
                                       std::uint16_t low = 1);

inline constexpr std::uint64_t kMostConsumers = 10'000;

// A regular expression; one that is none is a mistake of the command line.
CLI::Option* add_pattern(CLI::App& app, const std::string& names, std::optional<Pattern>& pattern,
                         const std::string& help);
// The path of a page, without slashes in front.
[[nodiscard]] std::string suffix_value(std::string text);
[[nodiscard]] HttpScheme scheme_value(const std::string& text);

// An option whose value is handed to `take` as it was typed.
CLI::Option* add_text(CLI::App& app, const std::string& names,
                      const std::function<void(const std::string&)>& take, const std::string& help,
                      const std::string& type, const std::string& standard);

// "wattvisor-guest stdout"
[[nodiscard]] std::string command_name(const CLI::App& app);
// The end of a help text; each line follows the name of the command.
[[nodiscard]] std::string examples(const CLI::App& command,
                                   std::initializer_list<std::string_view> arguments);

} // namespace wattvisor
