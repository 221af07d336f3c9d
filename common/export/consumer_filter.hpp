// SPDX-License-Identifier: Apache-2.0
// Chooses the consumers that an exporter tells of. Pure functions on a snapshot. What is left out
// is only not listed: the totals of zones and host, `other` and `idle` are those of the whole.
#pragma once

#include "common/accounting/snapshot.hpp"
#include "common/cli/exporter_options.hpp"

#include <cstddef>
#include <vector>

namespace wattvisor {

[[nodiscard]] bool is_chosen(const Consumer& consumer, const ConsumerFilter& filter);

// Those that the filter chooses and whose power is known, the biggest first; equals by their key.
// None while the source is down. They point into the snapshot.
[[nodiscard]] std::vector<const ConsumerAccount*> biggest_consumers(const Snapshot& snapshot,
                                                                    const ConsumerFilter& filter);

// A snapshot with the chosen consumers only, in the order they had; the same one where the filter
// asks for nothing. With `top`, while no power is known, nobody is among the biggest.
[[nodiscard]] SnapshotPtr filtered(const SnapshotPtr& snapshot, const ConsumerFilter& filter);

} // namespace wattvisor
