// SPDX-License-Identifier: Apache-2.0
// The best that a meter with the active policy can find out at its interval: it looks at the truth
// once per tick, and splits what each zone used since by the exact CPU time that everybody spent on
// the zone's sockets since. No resolution, no rounding, no lost thread: what a real meter is off
// from this is the meter's own error, and what this is off from HostTruth's `energy` is the price
// of looking only so often. Pure; one thread.
//
//     IdealMeter ideal(IdealMeter::Consumers::vms);
//     loop: host.advance(1s); tree.write(host); meter.tick(…); ideal.look(host.truth());
//     ideal.energy(uuid, zone)   // against the ledger's total
#pragma once

#include "tests/simulated-host/host_truth.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::simulated {

class IdealMeter {
public:
    // VMs, all else being `other`; or processes, QEMU's and its helpers' too, and kernel threads
    // and interrupts being `other`.
    enum class Consumers { vms, processes };
    explicit IdealMeter(Consumers consumers) : consumers_(consumers) {}

    // The first look charges nothing, as with every meter.
    void look(const HostTruth& truth);

    // What was charged to a VM's UUID, a process' "PID:STARTTIME", "other" or "idle" up to now.
    [[nodiscard]] Energy energy(std::string_view key, std::size_t zone) const;
    // All of it: what the zones used between the first look and the last.
    [[nodiscard]] Energy total(std::size_t zone) const;
    [[nodiscard]] std::vector<std::string> keys() const;

private:
    struct Share {
        const std::string* key;
        SocketNanos cpu; // since the look before
    };
    [[nodiscard]] std::vector<Share> shares(const HostTruth& truth);
    void charge(std::size_t zone, const BankZone& of, const std::vector<Share>& shares,
                const SocketNanos& busy);

    Consumers consumers_;
    bool has_looked_ = false;
    std::map<std::string, SocketNanos, std::less<>> cpu_; // at the look before
    std::map<std::string, std::vector<Energy>, std::less<>> charged_;
    std::vector<Energy> zones_; // at the look before
    std::vector<Energy> first_;
    SocketNanos busy_;
};

} // namespace wattvisor::simulated
