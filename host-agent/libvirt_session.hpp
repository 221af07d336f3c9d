// SPDX-License-Identifier: Apache-2.0
// The libvirt thread's side of the watcher: one connection under libvirt's default event loop,
// which is read-only unless energy is to go with the VMs, its events, and the timer that
// reconciles. Events only hasten the next reconciling, which decides; so a lost event costs one
// interval and never correctness. Libvirt thread only, from construction to destruction. Never
// retries in a loop of its own: the timer does, with back-off.
#pragma once

#include "host-agent/domain_lister.hpp"
#include "host-agent/libvirt_handles.hpp"
#include "host-agent/metadata_keeper.hpp"
#include "host-agent/vm.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::host {

struct WatcherSettings {
    std::string uri = "qemu:///system";
    std::filesystem::path run_dir = "/run/libvirt/qemu";
    std::chrono::nanoseconds reconcile = std::chrono::seconds(1);
    std::chrono::nanoseconds first_retry = std::chrono::seconds(1);
    std::chrono::nanoseconds longest_retry = std::chrono::seconds(30);
    // Where what goes with the VMs comes from; none: no domain is ever changed.
    std::shared_ptr<CarryMailbox> carry;
    CarryTiming carry_timing;
};

class LibvirtSession {
public:
    struct Listener {
        // A list that differs from the one before.
        std::function<void(const VmList&)> changed;
        // libvirt answered, whether or not anything changed.
        std::function<void(std::chrono::steady_clock::time_point)> answered;
    };

    LibvirtSession(WatcherSettings settings, Listener listener);
    LibvirtSession(const LibvirtSession&) = delete;
    LibvirtSession& operator=(const LibvirtSession&) = delete;
    // Takes the callbacks out, then closes the connection; the event loop must run once more
    // afterwards, since libvirt frees what they used from there.
    ~LibvirtSession();

    // Connects, or reconciles. Called by the timer; never throws.
    void on_timer() noexcept;
    // An event named this domain.
    void on_domain_event(virDomainPtr domain) noexcept;
    void on_lifecycle_event(virDomainPtr domain, int event, int detail) noexcept;
    void on_device_event(virDomainPtr domain) noexcept;
    // libvirt noticed that the connection is gone.
    void on_close(int reason) noexcept;

private:
    void connect();
    [[nodiscard]] Result<ConnectHandle> open();
    void carry();
    void reconcile();
    void lose(const Error& error, const char* headline);
    void disconnect();
    void register_events();
    void publish(VmList list);
    void fire_in(std::chrono::nanoseconds delay);

    WatcherSettings settings_;
    Listener listener_;
    DomainLister lister_;
    std::optional<MetadataKeeper> keeper_;
    bool may_write_ = false; // the connection
    bool said_read_only_ = false;
    ConnectHandle connection_;
    std::vector<int> event_ids_;
    bool has_close_callback_ = false;
    std::optional<int> close_reason_;
    int timer_ = -1;
    std::chrono::nanoseconds retry_;
    std::optional<VmList> published_;
};

} // namespace wattvisor::host
