// SPDX-License-Identifier: Apache-2.0
#include "host-agent/libvirt_watcher.hpp"

#include "common/base/file_descriptor.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wattvisor::host {

struct LibvirtWatcher::Shared {
    WatcherSettings settings;
    FileDescriptor wake; // an eventfd: stop() must not call libvirt to wake its loop
    std::atomic<bool> stopping{false};
    std::atomic<std::chrono::steady_clock::rep> last_answer{0};

    std::mutex mutex;
    std::condition_variable ended;
    bool has_ended = false; // guarded by mutex, as is callback
    Callback callback;      // emptied when the thread is left behind

    void deliver(const VmList& list) {
        const std::lock_guard lock(mutex);
        if (callback && !stopping) {
            callback(list);
        }
    }
};

namespace {

// virEventRegisterDefaultImpl() has to come before virConnectOpen(): a connection takes the loop
// that it finds. https://libvirt.org/html/libvirt-libvirt-event.html#virEventRegisterDefaultImpl
bool register_event_loop() {
    static const bool registered = [] {
        initialize_libvirt();
        return virEventRegisterDefaultImpl() == 0;
    }();
    return registered;
}

// Being readable ends the poll; run() sees the flag.
void woken(int /*watch*/, int fd, int /*events*/, void* /*opaque*/) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);
}

// What made the loop's poll fail would do so again at once: a pause, which stop() ends, keeps it
// from eating a core.
void run_loop(const std::atomic<bool>& stopping, int wake) {
    constexpr int kPauseMilliseconds = 1000;
    while (!stopping) {
        if (virEventRunDefaultImpl() != 0) {
            spdlog::error("{}", last_libvirt_error("libvirt's event loop").message());
            pollfd until_stopped{wake, POLLIN, 0};
            ::poll(&until_stopped, 1, kPauseMilliseconds);
        }
    }
}

void nothing(int /*timer*/, void* /*opaque*/) {}

// libvirt removes handles and frees what they used at the next turns of the loop.
void run_leftovers() {
    constexpr int kTurns = 4;
    const int timer = virEventAddTimeout(0, nothing, nullptr, nullptr);
    for (int turn = 0; timer >= 0 && turn < kTurns; ++turn) {
        virEventRunDefaultImpl();
    }
    if (timer >= 0) {
        virEventRemoveTimeout(timer);
    }
}

} // namespace

LibvirtWatcher::LibvirtWatcher(WatcherSettings settings, Callback callback)
    : shared_(std::make_shared<Shared>()) {
    shared_->settings = std::move(settings);
    shared_->callback = std::move(callback);
}

LibvirtWatcher::~LibvirtWatcher() {
    const bool was_told = shared_->stopping;
    if (thread_.joinable() && (was_told || !stop())) {
        thread_.detach();
    }
}

void LibvirtWatcher::start() {
    shared_->wake = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!shared_->wake) {
        throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    thread_ = std::thread([shared = shared_] { run(shared); });
}

bool LibvirtWatcher::stop(std::chrono::nanoseconds deadline) {
    if (!thread_.joinable()) {
        return true;
    }
    shared_->stopping = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(shared_->wake.get(), &one, sizeof one);
    std::unique_lock lock(shared_->mutex);
    const bool ended =
        shared_->ended.wait_for(lock, deadline, [this] { return shared_->has_ended; });
    if (ended) {
        lock.unlock();
        thread_.join();
        return true;
    }
    shared_->callback = nullptr;
    lock.unlock();
    spdlog::warn("libvirt at {} does not answer, not waiting for it. Is libvirtd wedged? try: "
                 "systemctl restart libvirtd",
                 shared_->settings.uri);
    return false;
}

std::chrono::steady_clock::time_point LibvirtWatcher::last_answer() const {
    return std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration(shared_->last_answer.load()));
}

void LibvirtWatcher::run(const std::shared_ptr<Shared>& shared) {
    pthread_setname_np(pthread_self(), "libvirt");
    if (!register_event_loop()) {
        spdlog::error("libvirt's event loop cannot be started: VMs will not be found");
    } else {
        const int watch = virEventAddHandle(shared->wake.get(), VIR_EVENT_HANDLE_READABLE, woken,
                                            nullptr, nullptr);
        {
            LibvirtSession session(
                shared->settings,
                {[&shared](const VmList& list) { shared->deliver(list); },
                 [&shared](auto now) { shared->last_answer = now.time_since_epoch().count(); }});
            run_loop(shared->stopping, shared->wake.get());
        }
        virEventRemoveHandle(watch);
        run_leftovers();
    }
    const std::lock_guard lock(shared->mutex);
    shared->has_ended = true;
    shared->ended.notify_all();
}

} // namespace wattvisor::host
