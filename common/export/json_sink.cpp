// SPDX-License-Identifier: Apache-2.0
#include "common/export/json_sink.hpp"

#include "common/base/error.hpp"
#include "common/cli/safe_text.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace {

// A JsonStream that has its descriptor: a named pipe, a terminal, /dev/stderr.
class OwnedStream final : public JsonArray {
public:
    OwnedStream(boost::asio::io_context& io, FileDescriptor fd)
        : fd_(std::move(fd)), stream_(io, fd_.get()) {}

    [[nodiscard]] int append(std::string_view report) override { return stream_.append(report); }
    [[nodiscard]] bool is_broken() const override { return stream_.is_broken(); }

private:
    FileDescriptor fd_; // destroyed last
    JsonStream stream_;
};

bool can_be_written_anywhere(int fd) {
    struct stat status {};
    const int flags = ::fcntl(fd, F_GETFL);
    return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && flags >= 0 &&
           (static_cast<unsigned>(flags) & static_cast<unsigned>(O_APPEND)) == 0;
}

std::string advice(int error, const std::filesystem::path& file) {
    const std::string folder = file.has_parent_path() ? file.parent_path().string() : ".";
    switch (error) {
    case ENOENT:
        return "Make its folder first: mkdir -p '" + folder + "'";
    case EACCES:
    case EROFS:
    case EPERM:
        return "Name a file in a folder that this user may write to, or run as root";
    case EISDIR:
        return "That is a folder: name a file in it";
    case ENXIO:
        return "That is a pipe, and nobody reads it yet: start the reader first";
    default:
        return "Name another file with --file";
    }
}

} // namespace

std::unique_ptr<JsonArray> open_json_array(boost::asio::io_context& io,
                                           const std::filesystem::path& file) {
    if (file.empty()) {
        if (can_be_written_anywhere(STDOUT_FILENO)) {
            return std::make_unique<JsonFile>(
                FileDescriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)), "standard output");
        }
        return std::make_unique<JsonStream>(io, STDOUT_FILENO);
    }
    // O_NONBLOCK: a pipe without a reader must not hold up the start.
    FileDescriptor opened(::open(
        file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
    if (!opened) {
        throw StartError(system_error(errno, file.string(), advice(errno, file)).message());
    }
    if (can_be_written_anywhere(opened.get())) {
        return std::make_unique<JsonFile>(std::move(opened), file.string());
    }
    return std::make_unique<OwnedStream>(io, std::move(opened));
}

JsonSink::JsonSink(const JsonOptions& options, std::unique_ptr<JsonArray> array,
                   const Surroundings& surroundings, JsonSinkEvents events)
    : array_(std::move(array)), surroundings_(surroundings), events_(std::move(events)) {
    report_.filter = consumers_of(options);
    report_.containers = options.containers;
    report_.resources = options.resources;
    const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
    report_.cpus = cpus > 0 ? static_cast<unsigned>(cpus) : 1;
}

// While nothing is measured, the log says why; a report of nothing would be taken for one of 0 W.
void JsonSink::publish(const SnapshotPtr& snapshot) {
    const bool is_news = written_ == nullptr || written_->sequence != snapshot->sequence;
    if (snapshot->source_up && snapshot->measured && is_news) {
        written_ = snapshot;
        note(array_->append(render_json_report(*snapshot, surroundings_.host(), report_)));
    }
}

void JsonSink::note(int error) {
    if (error == 0 && error_ != 0) {
        spdlog::info("json: reports are written again; {} were left out", left_out_);
        left_out_ = 0;
    }
    left_out_ += error != 0 ? 1 : 0;
    if (error == EPIPE) {
        spdlog::info("json: nobody reads the reports any more");
        events_.stop();
    } else if (error != 0 && error != error_) {
        const std::string why =
            error == EAGAIN ? "their reader is too slow" : std::generic_category().message(error);
        spdlog::error("json: reports are left out: {}", printable(why));
        if (events_.failed) {
            events_.failed();
        }
        if (array_->is_broken()) {
            events_.stop();
        }
    }
    error_ = error;
}

} // namespace wattvisor
