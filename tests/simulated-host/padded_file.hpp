// SPDX-License-Identifier: Apache-2.0
// A file whose text changes while others read it. It appears with its content; from then on only
// the bytes that differ are written, in place, and the text is padded behind with newlines to a
// constant length, so that no reader meets an empty or a cut one. One thread.
//
// The limit of that: a number that changes in several digits is written by one call, but a reader
// on another CPU at that very moment is not locked out. padded_file_test.cpp looks for it.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace wattvisor::simulated {

// Some files stay open, others are opened for each write: a process may have so many only.
class DescriptorBudget {
public:
    // Half of what the process may have (RLIMIT_NOFILE); its soft limit is raised to the hard one.
    [[nodiscard]] static DescriptorBudget of_process();
    explicit DescriptorBudget(std::size_t most) : left_(most) {}

    [[nodiscard]] bool take() { return left_ > 0 && left_-- > 0; }
    void give_back() { ++left_; }

private:
    std::size_t left_;
};

class PaddedFile {
public:
    // Replaces what is there. `folder_is_hidden`: nobody sees the file before its folder is
    // renamed, so it is written at once.
    [[nodiscard]] static Result<PaddedFile> create(const std::filesystem::path& path,
                                                   std::string_view text, DescriptorBudget& budget,
                                                   bool folder_is_hidden = false);
    PaddedFile(PaddedFile&&) noexcept;
    PaddedFile& operator=(PaddedFile&&) noexcept;
    PaddedFile(const PaddedFile&) = delete;
    PaddedFile& operator=(const PaddedFile&) = delete;
    ~PaddedFile();

    [[nodiscard]] Result<bool> write(std::string_view text);
    // Nothing is left to read for who has it open; the next write() brings all back.
    [[nodiscard]] Result<bool> blank();
    // Its folder got another name.
    void moved_to(std::filesystem::path path) { path_ = std::move(path); }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    PaddedFile(std::filesystem::path path, DescriptorBudget& budget)
        : path_(std::move(path)), budget_(&budget) {}

    std::filesystem::path path_;
    DescriptorBudget* budget_; // none in what was moved away
    FileDescriptor fd_;
    std::string content_; // with padding
    std::size_t length_ = 0;
};

// A file that is written once and never changes, without padding.
[[nodiscard]] Result<bool> place_text(const std::filesystem::path& path, std::string_view text,
                                      bool folder_is_hidden = false);

} // namespace wattvisor::simulated
