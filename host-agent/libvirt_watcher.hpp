// SPDX-License-Identifier: Apache-2.0
// Owns the libvirt thread, the only one that calls libvirt in the daemon: every vir* call is a
// blocking RPC, and a wedged libvirtd may make data stale but never stop a tick. Connects, follows
// events, reconciles, reconnects; start() and stop() belong to the thread that made it. The
// callback runs on the libvirt thread and should only hand the list over (asio::post). Only one
// watcher may run in a process at a time, since libvirt has one default event loop per process.
#pragma once

#include "host-agent/libvirt_session.hpp"
#include "host-agent/vm.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

namespace wattvisor::host {

class LibvirtWatcher {
public:
    // Called with the complete list whenever it, or the connection's state, has changed.
    using Callback = std::function<void(VmList)>;

    LibvirtWatcher(WatcherSettings settings, Callback callback);
    LibvirtWatcher(const LibvirtWatcher&) = delete;
    LibvirtWatcher& operator=(const LibvirtWatcher&) = delete;
    ~LibvirtWatcher(); // stops

    void start();

    // Ends the thread; the callback is not called any more once this returned. True if the thread
    // ended within the deadline. False if libvirt does not let go of it: calling again waits again,
    // the destructor leaves the thread behind, and the process should then end by
    // std::quick_exit() rather than take its globals away under it.
    bool stop(std::chrono::nanoseconds deadline = std::chrono::seconds(3));

    // When libvirt last answered, the clock's zero if never. A growing age while the last list says
    // `connected` means that libvirt is wedged. Any thread.
    [[nodiscard]] std::chrono::steady_clock::time_point last_answer() const;

private:
    struct Shared;
    static void run(const std::shared_ptr<Shared>& shared);

    std::shared_ptr<Shared> shared_; // outlives this object if the thread is left behind
    std::thread thread_;
};

} // namespace wattvisor::host
