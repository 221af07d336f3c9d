// SPDX-License-Identifier: Apache-2.0
// What the text format 0.0.4 and OpenMetrics have in common: a family's header before its first
// sample, escaped texts, and lines of samples. Bytes that are no UTF-8 are replaced by U+FFFD,
// numbers are the same in every locale. Pure; any thread; never throws for what a label holds.
// Private to common/export.
#pragma once

#include "common/export/metric_sink.hpp"

#include <span>
#include <string>
#include <string_view>

namespace wattvisor {

class ExpositionText : public MetricSink {
public:
    void family(std::string_view name, std::string_view help, MetricType type) final;
    void sample(std::span<const Label> labels, const MetricValue& value) final;

protected:
    // Appends to `out`, which must outlive this object.
    explicit ExpositionText(std::string& out) : out_(out) {}

    // HELP, TYPE and the like of the family, as the format has them.
    virtual void write_header(std::string_view name, std::string_view help, MetricType type) = 0;
    [[nodiscard]] std::string& out() const { return out_; }

private:
    std::string& out_;
    std::string_view name_;
    std::string_view help_;
    MetricType type_ = MetricType::gauge;
    bool header_written_ = false;
};

// `\`, line feed and `"` escaped: label values of both formats, and HELP of OpenMetrics.
void append_quoted_text(std::string& out, std::string_view text);
// `\` and line feed escaped, a quote as it is: HELP of the text format.
void append_help_text(std::string& out, std::string_view text);

} // namespace wattvisor
