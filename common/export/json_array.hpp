// SPDX-License-Identifier: Apache-2.0
// One JSON array that grows by a report at a time and is valid JSON however the run ends. In a
// file it is so after each report: every write brings the array's end along and the next one
// begins before it, so that even SIGKILL leaves an array of whole reports. A pipe or terminal gets
// the end when the array is destroyed. Asio thread only.
#pragma once

#include "common/base/file_descriptor.hpp"
#include "common/export/text_stream.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace wattvisor {

class JsonArray {
public:
    JsonArray() = default;
    JsonArray(const JsonArray&) = delete;
    JsonArray& operator=(const JsonArray&) = delete;
    virtual ~JsonArray() = default;

    // Adds the report whole or not at all. Returns why not, an errno: ENOSPC where the disk is
    // full, EPIPE where nobody reads any more, EAGAIN where the reader is too slow; 0 if all is
    // well.
    [[nodiscard]] virtual int append(std::string_view report) = 0;
    // Nothing can be written any more, also later.
    [[nodiscard]] virtual bool is_broken() const { return false; }
};

class JsonFile final : public JsonArray {
public:
    // Begins an empty array at the descriptor's position, which must be that of a file that is not
    // in append mode; `name` is for messages. Throws StartError where not even that has room.
    JsonFile(FileDescriptor file, const std::string& name);

    [[nodiscard]] int append(std::string_view report) override;

private:
    [[nodiscard]] int write(std::string_view text, off_t at) const;

    FileDescriptor file_;
    off_t end_ = 0; // where the end of the array begins
    bool is_empty_ = true;
};

class JsonStream final : public JsonArray {
public:
    // The descriptor stays the caller's.
    JsonStream(boost::asio::io_context& io, int fd);
    ~JsonStream() override;

    [[nodiscard]] int append(std::string_view report) override;
    [[nodiscard]] bool is_broken() const override { return stream_.error() != 0; }

private:
    TextStream stream_;
    bool is_empty_ = true;
};

} // namespace wattvisor
