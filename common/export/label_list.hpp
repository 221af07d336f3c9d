// SPDX-License-Identifier: Apache-2.0
// Labels of one sample, put together on the stack: the writers of metrics run for every series of
// every scrape and must not allocate. Private to common/export.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/cli/safe_text.hpp"
#include "common/export/metric_sink.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace wattvisor {

// Names and titles are short in earnest; whoever makes them longer only loses the rest.
inline constexpr std::size_t kMaxNameBytes = 1024;

// A number as text, alive as long as this object is.
class NumberText {
public:
    explicit NumberText(std::uint64_t value)
        : size_(static_cast<std::size_t>(
              std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr -
              digits_.data())) {}
    [[nodiscard]] std::string_view view() const { return {digits_.data(), size_}; }

private:
    std::array<char, 20> digits_{};
    std::size_t size_;
};

class LabelList {
public:
    void add(std::string_view name, std::string_view value) { labels_.at(size_++) = {name, value}; }
    void add_name(std::string_view name, std::string_view value) {
        add(name, cut_utf8(value, kMaxNameBytes));
    }
    [[nodiscard]] std::span<const Label> view() const { return {labels_.data(), size_}; }

private:
    std::array<Label, 8> labels_{};
    std::size_t size_ = 0;
};

// pid, exe and cmdline, as all series of a process carry them. `pid` must outlive the labels.
inline void add_process_labels(LabelList& labels, const Consumer& process, const NumberText& pid,
                               std::size_t cmdline_limit) {
    labels.add("pid", pid.view());
    labels.add_name("exe", process.exe);
    if (cmdline_limit > 0) {
        labels.add("cmdline", cut_utf8(process.cmdline, cmdline_limit));
    }
}

} // namespace wattvisor
