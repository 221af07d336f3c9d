// SPDX-License-Identifier: Apache-2.0
// Where snapshots go: each exporter is one. Called by the agent's loop after every tick, on its
// thread, so it must not wait. A tick without a new measurement hands out the snapshot before
// again.
#pragma once

#include "common/accounting/snapshot.hpp"

namespace wattvisor {

class Sink {
public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    virtual void publish(const SnapshotPtr& snapshot) = 0;
};

} // namespace wattvisor
