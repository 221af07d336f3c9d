// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/padded_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

constexpr mode_t kFileMode = 0644;
// Numbers grow: room for some digits more, so that the length stays the same for long.
constexpr std::size_t kRoom = 24;

Result<FileDescriptor> write_new(const fs::path& path, std::string_view text) {
    FileDescriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!file) {
        return system_error(errno, path.string());
    }
    const ssize_t written = ::pwrite(file.get(), text.data(), text.size(), 0);
    if (written < 0 || static_cast<std::size_t>(written) != text.size()) {
        return system_error(written < 0 ? errno : ENOSPC, path.string());
    }
    return file;
}

Result<FileDescriptor> place(const fs::path& path, std::string_view text, bool is_hidden) {
    if (is_hidden) {
        return write_new(path, text);
    }
    const fs::path beside = path.parent_path() / ("." + path.filename().string() + ".new");
    auto file = write_new(beside, text);
    if (file && ::rename(beside.c_str(), path.c_str()) != 0) {
        return system_error(errno, path.string(), "Choose an empty folder for --root");
    }
    return file;
}

} // namespace

DescriptorBudget DescriptorBudget::of_process() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return DescriptorBudget(256);
    }
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return DescriptorBudget(limit.rlim_max / 2);
}

Result<PaddedFile> PaddedFile::create(const fs::path& path, std::string_view text,
                                      DescriptorBudget& budget, bool folder_is_hidden) {
    PaddedFile file(path, budget);
    file.content_ = text;
    file.length_ = (text.size() / kRoom + 2) * kRoom;
    file.content_.resize(file.length_, '\n');
    auto fd = place(path, file.content_, folder_is_hidden);
    if (!fd) {
        return fd.error();
    }
    if (budget.take()) {
        file.fd_ = std::move(*fd);
    }
    return file;
}

PaddedFile::PaddedFile(PaddedFile&& other) noexcept
    : path_(std::move(other.path_)), budget_(std::exchange(other.budget_, nullptr)),
      fd_(std::move(other.fd_)), content_(std::move(other.content_)), length_(other.length_) {}

PaddedFile& PaddedFile::operator=(PaddedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(budget_, other.budget_);
    std::swap(fd_, other.fd_);
    std::swap(content_, other.content_);
    std::swap(length_, other.length_);
    return *this;
}

PaddedFile::~PaddedFile() {
    if (budget_ != nullptr && fd_) {
        budget_->give_back();
    }
}

Result<bool> PaddedFile::write(std::string_view text) {
    std::string content(text);
    length_ = std::max(length_, text.size() + 1);
    content.resize(length_, '\n');
    content_.resize(content.size(), '\0'); // differs from all that is new
    const auto first = std::mismatch(content.begin(), content.end(), content_.begin()).first;
    if (first == content.end()) {
        return true;
    }
    const auto last = std::mismatch(content.rbegin(), content.rend(), content_.rbegin()).first;
    const auto offset = first - content.begin();
    const auto length = static_cast<std::size_t>(last.base() - first);
    FileDescriptor opened;
    if (!fd_) {
        opened = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!opened) {
            return system_error(errno, path_.string());
        }
    }
    const ssize_t written = ::pwrite(fd_ ? fd_.get() : opened.get(), &*first, length, offset);
    if (written < 0 || static_cast<std::size_t>(written) != length) {
        return system_error(written < 0 ? errno : ENOSPC, path_.string());
    }
    content_ = std::move(content);
    return true;
}

Result<bool> PaddedFile::blank() {
    content_.clear();
    const int failed = fd_ ? ::ftruncate(fd_.get(), 0) : ::truncate(path_.c_str(), 0);
    return failed == 0 ? Result<bool>(true) : Result<bool>(system_error(errno, path_.string()));
}

Result<bool> place_text(const fs::path& path, std::string_view text, bool folder_is_hidden) {
    const auto file = place(path, text, folder_is_hidden);
    return file ? Result<bool>(true) : Result<bool>(file.error());
}

} // namespace wattvisor::simulated
