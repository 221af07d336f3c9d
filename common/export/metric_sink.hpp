// SPDX-License-Identifier: Apache-2.0
// What a metric is, apart from the format it is sent in. Whoever knows metrics writes them into a
// MetricSink; a sink renders each as it comes (Prometheus' text, a Riemann event, a Warp 10 line).
// Nothing is copied on the way, so a thousand series cost no allocation. Values stay exact:
// microjoules are never made a floating point number. Any thread, one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wattvisor {

enum class MetricType { gauge, counter };

// Where a metric's name comes from.
enum class MetricOrigin {
    seed,       // Scaphandre's documents that Wattvisor follows to the letter
    scaphandre, // later versions of Scaphandre
    wattvisor,
};

enum class MetricAgents { both, host, guest };

// One row of the table of all metrics, metric_table.hpp.
struct MetricInfo {
    std::string_view name;
    MetricType type;
    std::string_view unit; // "J", "µW", "pages"; "1" of counts and flags
    std::string_view
        labels; // separated by blanks, in their order; in brackets: only when asked for
    MetricAgents agents;
    MetricOrigin origin;
    std::string_view help; // the HELP line; also what the reference says
};

struct Label {
    std::string_view name;
    std::string_view value; // any bytes: the sink escapes them
};

// An integer, an integer with a decimal point (exact), or a double (shortest text that reads back
// as the same number). Its text is the same in every locale.
class MetricValue {
public:
    static constexpr MetricValue integer(std::uint64_t value) { return decimal(value, 0); }
    // value / 10^decimals, with exactly so many decimals.
    static constexpr MetricValue decimal(std::uint64_t value, unsigned decimals) {
        MetricValue result;
        result.integer_ = value;
        result.decimals_ = decimals;
        return result;
    }
    static constexpr MetricValue flag(bool value) { return integer(value ? 1 : 0); }
    static constexpr MetricValue joules(std::uint64_t microjoules) {
        return decimal(microjoules, 6);
    }
    static constexpr MetricValue watts(std::uint64_t microwatts) { return decimal(microwatts, 6); }
    static constexpr MetricValue real(double value) {
        MetricValue result;
        result.real_ = value;
        result.is_real_ = true;
        return result;
    }

    void append_to(std::string& out) const;
    [[nodiscard]] std::string text() const;
    // For protocols that tell integers from other numbers.
    [[nodiscard]] bool is_integer() const { return !is_real_ && decimals_ == 0; }
    [[nodiscard]] std::uint64_t as_integer() const { return integer_; } // only if is_integer()
    [[nodiscard]] double as_double() const;

private:
    std::uint64_t integer_ = 0;
    double real_ = 0;
    unsigned decimals_ = 0;
    bool is_real_ = false;
};

class MetricSink {
public:
    MetricSink() = default;
    MetricSink(const MetricSink&) = delete;
    MetricSink& operator=(const MetricSink&) = delete;
    virtual ~MetricSink() = default;

    // Begins a family; the texts must stay valid until the next one begins. A family without a
    // sample leaves no trace, so a writer need not know beforehand whether it will have any.
    virtual void family(std::string_view name, std::string_view help, MetricType type) = 0;
    virtual void sample(std::span<const Label> labels, const MetricValue& value) = 0;

    void single(std::string_view name, std::string_view help, MetricType type,
                const MetricValue& value) {
        family(name, help, type);
        sample({}, value);
    }
    // Of the table.
    void family(const MetricInfo& metric) { family(metric.name, metric.help, metric.type); }
    void single(const MetricInfo& metric, const MetricValue& value) {
        family(metric);
        sample({}, value);
    }
};

} // namespace wattvisor
