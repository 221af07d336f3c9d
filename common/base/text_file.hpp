// SPDX-License-Identifier: Apache-2.0
// Reading the small text files of /proc, /sys and a share, and the numbers in them. Every read is
// bounded, none follows what it reads, and parsers take text so that they can be tested and fuzzed.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

// The largest file that read_text() accepts unless told otherwise.
inline constexpr std::size_t kMaxTextFile = 1U << 20U;

// Opens for reading without ever blocking on a pipe that somebody put in a file's place.
[[nodiscard]] Result<FileDescriptor> open_for_reading(const std::filesystem::path& path);

// Reads at most `limit` bytes from the file's start; a longer file is an error.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path,
                                            std::size_t limit = kMaxTextFile);

// Reads the whole file again through a descriptor that is kept open between ticks, into `buffer`.
// Returns the part of the buffer that was filled. `where` names the file in an error.
[[nodiscard]] Result<std::string_view> reread(int fd, std::string& buffer,
                                              const std::string& where);

// The number in a file of one number. Surrounding blanks and newlines are allowed; an empty text,
// a sign, other characters or a number above 64 bits give no value.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

[[nodiscard]] std::string_view trim(std::string_view text);

// Takes what stands before the first separator, or all where there is none, off the text, and the
// separator with it.
std::string_view take_until(std::string_view& text, char separator);

} // namespace wattvisor
