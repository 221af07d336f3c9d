// SPDX-License-Identifier: Apache-2.0
#include "common/export/metric_sink.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace wattvisor {
namespace {

void append_decimal(std::string& out, std::uint64_t value, unsigned decimals) {
    std::array<char, 20> buffer{};
    const char* const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    if (decimals == 0) {
        out += digits;
        return;
    }
    if (digits.size() <= decimals) {
        out += "0.";
        out.append(decimals - digits.size(), '0');
        out += digits;
        return;
    }
    out += digits.substr(0, digits.size() - decimals);
    out += '.';
    out += digits.substr(digits.size() - decimals);
}

void append_real(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "NaN";
    } else if (std::isinf(value)) {
        out += value > 0 ? "+Inf" : "-Inf";
    } else {
        std::array<char, 32> buffer{};
        out.append(buffer.data(),
                   std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
    }
}

} // namespace

void MetricValue::append_to(std::string& out) const {
    if (is_real_) {
        append_real(out, real_);
    } else {
        append_decimal(out, integer_, decimals_);
    }
}

std::string MetricValue::text() const {
    std::string out;
    append_to(out);
    return out;
}

double MetricValue::as_double() const {
    if (is_real_) {
        return real_;
    }
    double scale = 1;
    for (unsigned i = 0; i < decimals_; ++i) {
        scale *= 10;
    }
    return static_cast<double>(integer_) / scale;
}

} // namespace wattvisor
