// SPDX-License-Identifier: Apache-2.0
// Labels of one sample, put together on the stack: the writers of metrics run for every series of
// every scrape and must not allocate. Private to common/export.
#pragma once

#include "common/cli/safe_text.hpp"
#include "common/export/metrics.hpp"

#include <boost/container/small_vector.hpp>

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
    void add(std::string_view name, std::string_view value) { labels_.push_back({name, value}); }
    void add_name(std::string_view name, std::string_view value) {
        add(name, cut_utf8(value, kMaxNameBytes));
    }
    [[nodiscard]] std::span<const Label> view() const { return {labels_.data(), labels_.size()}; }
    [[nodiscard]] std::size_t size() const { return labels_.size(); }
    // Takes off what was added since there were so many.
    void cut(std::size_t size) { labels_.resize(size); }

private:
    // Enough for all but a container with many labels of its own.
    boost::container::small_vector<Label, 20> labels_;
};

// What is known of where a process runs; a label that has nothing to say is left out.
inline void add_place_labels(LabelList& labels, const Consumer& process) {
    const auto add_known = [&labels](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            labels.add_name(name, value);
        }
    };
    add_known("systemd_unit", process.systemd_unit);
    if (!process.container) {
        return;
    }
    const Container& container = *process.container;
    add_known("container_scheduler", container.scheduler);
    add_known("container_runtime", container.runtime);
    add_known("container_id", container.id);
    add_known("container_names", container.name);
    add_known("kubernetes_pod_name", container.pod_name);
    add_known("kubernetes_pod_namespace", container.pod_namespace);
    add_known("kubernetes_pod_uid", container.pod_uid);
    add_known("kubernetes_node_name", container.node_name);
    for (const auto& [name, value] : container.labels) {
        labels.add_name(name, value);
    }
}

// As all series of a process carry them. `pid` must outlive the labels.
inline void add_process_labels(LabelList& labels, const Consumer& process, const NumberText& pid,
                               const MetricOptions& options) {
    labels.add("pid", pid.view());
    labels.add_name("exe", process.exe);
    if (options.cmdline_limit > 0) {
        labels.add("cmdline", cut_utf8(process.cmdline, options.cmdline_limit));
    }
    if (options.qemu && process.kind == ConsumerKind::vm) {
        labels.add_name("vmname", process.name);
    }
    if (options.containers) {
        add_place_labels(labels, process);
    }
}

// Whether the next consumer is another process with this one's pid: this one has ended, and is told
// of once more while the pid is in use again. Two series with the same labels would fail the
// scrape.
inline bool is_replaced(const Snapshot& snapshot, std::size_t index) {
    if (index + 1 >= snapshot.consumers.size()) {
        return false;
    }
    const Consumer& now = *snapshot.consumers[index].consumer;
    const Consumer& next = *snapshot.consumers[index + 1].consumer;
    return now.pid > 0 && now.pid == next.pid && next.kind == ConsumerKind::process;
}

} // namespace wattvisor
