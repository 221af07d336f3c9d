// SPDX-License-Identifier: Apache-2.0
#include "common/export/json_array.hpp"

#include "common/base/error.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace {

constexpr std::string_view kEnd = "\n]\n";

} // namespace

JsonFile::JsonFile(FileDescriptor file, const std::string& name) : file_(std::move(file)) {
    const off_t begin = ::lseek(file_.get(), 0, SEEK_CUR);
    const int error = begin < 0 ? errno : write("[" + std::string(kEnd), begin);
    if (error != 0) {
        throw StartError(name + ": " + std::generic_category().message(error) +
                         ". Name another file with --file");
    }
    end_ = begin + 1;
}

int JsonFile::append(std::string_view report) {
    std::string text = is_empty_ ? "\n" : ",\n";
    text += report;
    const auto length = static_cast<off_t>(text.size());
    text += kEnd;
    // Room first: where there is none, nothing of the file has changed yet. File systems that
    // cannot promise room are written to at once.
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, end_, static_cast<off_t>(text.size())) != 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR) {
        return errno;
    }
    if (const int error = write(text, end_); error != 0) {
        // The end stood here before, so there is room for it.
        if (write(kEnd, end_) != 0 ||
            ::ftruncate(file_.get(), end_ + static_cast<off_t>(kEnd.size())) != 0) {
            spdlog::error("the file of reports could not be closed: its last one is in pieces");
        }
        return error;
    }
    end_ += length;
    is_empty_ = false;
    return 0;
}

int JsonFile::write(std::string_view text, off_t at) const {
    while (!text.empty()) {
        const ssize_t count = ::pwrite(file_.get(), text.data(), text.size(), at);
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
            at += count;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

JsonStream::JsonStream(boost::asio::io_context& io, int fd) : stream_(io, fd) {
    stream_.write_last("[");
}

JsonStream::~JsonStream() {
    stream_.write_last("\n]\n");
}

int JsonStream::append(std::string_view report) {
    std::string text = is_empty_ ? "\n" : ",\n";
    text += report;
    if (!stream_.write(text)) {
        return EAGAIN;
    }
    is_empty_ = false;
    return stream_.error();
}

} // namespace wattvisor
