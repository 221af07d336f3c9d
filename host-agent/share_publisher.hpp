// SPDX-License-Identifier: Apache-2.0
// Publishes to each enrolled VM its own share, once per measurement. One VM whose share cannot be
// written never stops the others; what is wrong with it is logged when it changes and kept for the
// exporters. Asio thread only; touches nothing but the shares' folders.
#pragma once

#include "common/accounting/snapshot.hpp"
#include "common/export/sink.hpp"
#include "host-agent/published_zones.hpp"
#include "host-agent/share_folder.hpp"
#include "host-agent/vm.hpp"
#include "virtiofs/share_paths.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::host {

class SharePublisher final : public Sink {
public:
    SharePublisher(ShareSettings settings, ShareLayout layout);

    // The VMs that run now; shares of others are closed.
    void update(const std::vector<Vm>& vms);

    // Writes the snapshot's energy into every share, unless nothing new was measured: a share that
    // stands still tells the guest that nothing is known.
    void publish(const SnapshotPtr& snapshot) override;

    struct Status {
        std::string uuid;
        bool up = false;
        std::string problem;
    };
    // One per enrolled VM.
    [[nodiscard]] std::vector<Status> status() const;

private:
    struct Share {
        Vm vm;
        std::optional<ShareFolder> folder;
        std::string problem;
    };

    void publish_one(Share& share, const ShareRecord& record, ShareRecordText& text);
    [[nodiscard]] Result<bool> try_publish(Share& share, const ShareRecord& record,
                                           ShareRecordText& text) const;
    [[nodiscard]] Result<ShareFolder> open_folder(const Vm& vm, const ShareRecord& record) const;
    static void note(Share& share, const std::string& problem);

    ShareSettings settings_;
    ShareLayout layout_;
    std::vector<PublishedZone> zones_;
    std::size_t host_zones_ = 0; // how many zones the layout above was made from
    std::uint64_t published_sequence_ = 0;
    std::map<std::string, Share> shares_; // by UUID
};

} // namespace wattvisor::host
