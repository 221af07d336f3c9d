// SPDX-License-Identifier: Apache-2.0
// Running totals of what belongs together: the processes of a systemd unit, those of a container.
// A total keeps what ended processes were charged, so it never goes back while its group is known.
// One that has neither processes nor energy for an hour is forgotten, and begins at 0 should it
// come back. Part of the meter; a tick costs a look-up for each process that was charged, nothing
// for those that sleep.
#pragma once

#include "common/accounting/snapshot.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace wattvisor {

class GroupEnergy {
public:
    static constexpr std::chrono::nanoseconds kKeepEnded = std::chrono::hours(1);
    // Whoever may start services may name as many as he likes.
    static constexpr std::size_t kMostGroups = 2000; // of each kind

    // `charged_uj` is what each consumer was charged in this tick; `now` the monotonic clock.
    void take(const UsageSample& usage, const std::vector<std::uint64_t>& charged_uj,
              std::chrono::nanoseconds now);

    // By name; power over `measured`, absent where that is.
    [[nodiscard]] std::vector<GroupAccount>
    units(std::optional<std::chrono::nanoseconds> measured) const;
    [[nodiscard]] std::vector<GroupAccount>
    containers(std::optional<std::chrono::nanoseconds> measured) const;

private:
    struct Group {
        ContainerPtr container;
        std::uint64_t total_uj = 0;
        std::uint64_t tick_uj = 0;
        std::chrono::nanoseconds seen{0};
    };
    using Groups = std::unordered_map<std::string, Group>;

    // Null where there are too many.
    [[nodiscard]] static Group* find(Groups& groups, const std::string& key,
                                     std::chrono::nanoseconds now);
    void charge(const Consumer& consumer, std::uint64_t charged_uj, std::chrono::nanoseconds now);
    [[nodiscard]] static std::vector<GroupAccount>
    tell(const Groups& groups, std::optional<std::chrono::nanoseconds> measured);

    Groups units_;
    Groups containers_; // by owner and id
    std::optional<std::chrono::nanoseconds> looked_at_all_;
};

} // namespace wattvisor
