// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_process_watch.hpp"

#include "common/usage/short_lives.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor::host {

namespace {

using std::chrono::nanoseconds;

// None is kept open for the threads of a QEMU: they are looked at once a minute, and a host may
// have tens of thousands of them.
constexpr std::size_t kThreadDescriptors = 0;

} // namespace

VmProcessWatch::VmProcessWatch(ProcessClock clock, Component component, bool is_qemu,
                               bool from_birth)
    : process_(std::move(clock)), component_(component), is_qemu_(is_qemu),
      from_birth_(from_birth) {}

SocketTimes VmProcessWatch::read(CpuTimeSource& times) {
    if (has_ended_) {
        return {};
    }
    moved_.clear();
    auto reading = times.read(process_);
    if (!reading) {
        has_ended_ = reading.error().severity == Severity::gone;
        return {};
    }
    has_ended_ = reading->ended;
    if (std::exchange(is_new_, false) && !from_birth_) {
        last_ = reading->time; // it was charged to `other` until now
    }
    SocketTimes used = difference(reading->time, last_);
    last_ = std::move(reading->time);
    moved_ = std::move(reading->moved);
    waiting_ += total_of(used);
    return used;
}

void VmProcessWatch::look(const std::filesystem::path& proc_root, const CpuTopology& topology,
                          ComponentTimes& components) {
    if (is_qemu_) {
        look_at_threads(proc_root, topology, components);
    } else {
        components[index_of(component_)] += waiting_;
    }
    waiting_ = nanoseconds(0);
}

// The threads' times say in which proportion; what is shared out is what was charged.
void VmProcessWatch::look_at_threads(const std::filesystem::path& proc_root,
                                     const CpuTopology& topology, ComponentTimes& components) {
    if (!process_.threads && !has_ended_) {
        if (auto opened = ThreadTimes::open(proc_root, pid(), process_.clock.stat().start_ticks,
                                            kThreadDescriptors)) {
            process_.threads = std::move(*opened);
        }
    }
    if (!process_.threads) {
        components[index_of(component_)] += waiting_;
        return;
    }
    // The source may keep their sockets in the same object: with other sockets it would lose them.
    process_.threads->update(total_of(last_), topology);
    const auto parts = process_.threads->by_component();
    nanoseconds left = waiting_;
    nanoseconds seen{0};
    for (std::size_t i = 0; i < kComponents; ++i) {
        seen += parts[i] - last_components_[i];
    }
    for (std::size_t i = 0; i < kComponents && seen.count() > 0; ++i) {
        const double part = static_cast<double>((parts[i] - last_components_[i]).count()) /
                            static_cast<double>(seen.count());
        const auto share = std::min(left, nanoseconds(static_cast<std::int64_t>(
                                              static_cast<double>(waiting_.count()) * part)));
        components[i] += share;
        left -= share;
        last_components_[i] = parts[i];
    }
    components[index_of(component_)] += left; // rounding, or nothing was seen of its threads
}

} // namespace wattvisor::host
