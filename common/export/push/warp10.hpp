// SPDX-License-Identifier: Apache-2.0
// The exporters warp10 and warpten: metrics in Warp 10's input format, with the time at which they
// were measured.
// https://www.warp10.io/content/03_Documentation/03_Interacting_with_Warp_10/04_Ingesting_data/02_GTS_input_format
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/exporter.hpp"
#include "common/export/push/push_queue.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// Throws StartError where no token is given.
[[nodiscard]] std::unique_ptr<Sink> make_warp10(const Warp10Options& options,
                                                const ExporterWorld& world);

// The option's token, else that of the environment (null when unset). Throws StartError with
// kExitConfiguration when there is none, or one that no token can be; says nothing of it.
[[nodiscard]] std::string warp10_token(const std::string& option, const char* environment);

// Lines "MICROSECONDS// NAME{LABELS} VALUE". Integers are sent as such (Warp 10's LONG), all else
// with a point (DOUBLE), so that a series has one type for ever. Names and labels are UTF-8 with
// every byte but A-Z a-z 0-9 - . _ ~ percent-encoded. Warp 10 refuses a whole request for one
// series whose labels are longer than 2048: longer values are cut.
class Warp10Text final : public MetricSink {
public:
    // `host` outlives this object.
    Warp10Text(std::chrono::system_clock::time_point time, std::string_view host);
    void family(std::string_view name, std::string_view help, MetricType type) override;
    void sample(std::span<const Label> labels, const MetricValue& value) override;

    // Requests of half a mebibyte or so each.
    [[nodiscard]] std::vector<PushMessage> take();

private:
    std::string time_;
    std::string_view host_;
    std::string name_; // encoded
    std::vector<Label> labels_;
    std::string line_;
    std::vector<PushMessage> messages_;
};

} // namespace wattvisor
