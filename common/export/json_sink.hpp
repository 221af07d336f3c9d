// SPDX-License-Identifier: Apache-2.0
// The exporter that writes JSON: a report per measurement into one array, in a file or on standard
// output. Asio thread only.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/json_array.hpp"
#include "common/export/json_report.hpp"
#include "common/export/sink.hpp"
#include "common/machine/surroundings.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace wattvisor {

// Where the array goes to. An empty name is standard output. A file is begun anew. Throws
// StartError where it cannot be written.
[[nodiscard]] std::unique_ptr<JsonArray> open_json_array(boost::asio::io_context& io,
                                                         const std::filesystem::path& file);

// What a JsonSink tells of itself.
struct JsonSinkEvents {
    std::function<void()> stop;   // nobody reads any more
    std::function<void()> failed; // a report could not be written; may be empty
};

class JsonSink final : public Sink {
public:
    // The surroundings outlive it.
    JsonSink(const JsonOptions& options, std::unique_ptr<JsonArray> array,
             const Surroundings& surroundings, JsonSinkEvents events);

    void publish(const SnapshotPtr& snapshot) override;

private:
    void note(int error);

    JsonReportOptions report_;
    std::unique_ptr<JsonArray> array_;
    const Surroundings& surroundings_;
    JsonSinkEvents events_;
    SnapshotPtr written_;
    int error_ = 0;              // of the report before
    std::uint64_t left_out_ = 0; // reports, since error_ is one
};

} // namespace wattvisor
