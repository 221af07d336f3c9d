// SPDX-License-Identifier: Apache-2.0
#include "host-agent/libvirt_session.hpp"

#include "common/cli/safe_text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

namespace wattvisor::host {

namespace {

// A connection that is silent for 5 s is asked, and given up after 3 questions: within 20 s.
// https://libvirt.org/html/libvirt-libvirt-host.html#virConnectSetKeepAlive
constexpr int kKeepAliveSeconds = 5;
constexpr unsigned kKeepAliveCount = 3;

LibvirtSession& session_of(void* opaque) {
    return *static_cast<LibvirtSession*>(opaque);
}

void timer_fired(int /*timer*/, void* opaque) {
    session_of(opaque).on_timer();
}

void connection_closed(virConnectPtr /*connection*/, int reason, void* opaque) {
    session_of(opaque).on_close(reason);
}

void lifecycle_changed(virConnectPtr /*connection*/, virDomainPtr domain, int event, int detail,
                       void* opaque) {
    session_of(opaque).on_lifecycle_event(domain, event, detail);
}

// The same signature for a device that was added and one that was removed.
void device_changed(virConnectPtr /*connection*/, virDomainPtr domain, const char* /*alias*/,
                    void* opaque) {
    session_of(opaque).on_device_event(domain);
}

void metadata_changed(virConnectPtr /*connection*/, virDomainPtr domain, int type,
                      const char* namespace_uri, void* opaque) {
    // What the keeper wrote is nothing new.
    const bool is_carried = type == VIR_DOMAIN_METADATA_ELEMENT && namespace_uri != nullptr &&
                            std::string_view(namespace_uri) == kCarriedNamespace;
    if (!is_carried) {
        session_of(opaque).on_domain_event(domain);
    }
}

// What the macro VIR_DOMAIN_EVENT_CALLBACK does: libvirt casts back by the event's id.
template <typename Callback>
virConnectDomainEventGenericCallback generic(Callback callback) {
    return reinterpret_cast<virConnectDomainEventGenericCallback>(
        reinterpret_cast<void (*)()>(callback));
}

const char* close_reason_text(int reason) {
    switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_EOF:
        return "it closed the connection";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
        return "it did not answer for 20 seconds";
    case VIR_CONNECT_CLOSE_REASON_CLIENT:
        return "the connection was closed";
    default:
        return "the connection failed";
    }
}

// Where the folder of the VMs' files tells of starts and ends, libvirt is asked so often only. An
// answer must not be older than what is said to be a libvirt that hangs.
std::size_t rounds_per_question(std::chrono::nanoseconds reconcile) {
    constexpr std::chrono::seconds kLongestSilence(5);
    return static_cast<std::size_t>(std::max<std::int64_t>(
        kLongestSilence / std::max(reconcile, std::chrono::nanoseconds(1)), 1));
}

// Nothing may be thrown through libvirt's C frames; a callback that failed is made up for by the
// next reconciling.
template <typename Body>
void guarded(Body body) noexcept {
    try {
        body();
    } catch (const std::exception& error) {
        spdlog::error("while watching libvirt: {}", error.what());
    } catch (...) {
        spdlog::error("while watching libvirt: something unknown was thrown");
    }
}

} // namespace

LibvirtSession::LibvirtSession(WatcherSettings settings, Listener listener)
    : settings_(std::move(settings)), listener_(std::move(listener)),
      lister_(settings_.run_dir, rounds_per_question(settings_.reconcile)),
      timer_(virEventAddTimeout(0, timer_fired, this, nullptr)), retry_(settings_.first_retry) {
    if (settings_.carry) {
        keeper_.emplace(settings_.carry, settings_.carry_timing);
    }
}

LibvirtSession::~LibvirtSession() {
    disconnect();
    if (timer_ >= 0) {
        virEventRemoveTimeout(timer_);
    }
}

void LibvirtSession::on_timer() noexcept {
    guarded([this] {
        // Whatever happens below, the timer must not fire at every turn of the loop.
        fire_in(settings_.reconcile);
        if (close_reason_) {
            const int reason = *std::exchange(close_reason_, std::nullopt);
            lose(Error{Severity::transient, close_reason_text(reason), settings_.uri, {}},
                 "lost the connection to libvirt");
            return;
        }
        if (!connection_) {
            connect();
        }
        if (connection_) {
            reconcile();
            carry();
        }
    });
}

void LibvirtSession::on_domain_event(virDomainPtr domain) noexcept {
    guarded([this, domain] {
        lister_.refresh(domain_uuid(domain));
        fire_in(std::chrono::nanoseconds(0));
    });
}

void LibvirtSession::on_lifecycle_event(virDomainPtr domain, int event, int detail) noexcept {
    guarded([&] {
        if (keeper_ && event == VIR_DOMAIN_EVENT_STOPPED) {
            if (detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED) {
                keeper_->left(domain_uuid(domain), "has migrated");
            } else if (detail == VIR_DOMAIN_EVENT_STOPPED_SAVED) {
                keeper_->left(domain_uuid(domain), "was saved");
            }
        }
    });
    on_domain_event(domain);
}

void LibvirtSession::on_device_event(virDomainPtr domain) noexcept {
    guarded([&] {
        if (keeper_) {
            keeper_->device_changed(domain_uuid(domain), std::chrono::steady_clock::now());
        }
    });
    on_domain_event(domain);
}

void LibvirtSession::on_close(int reason) noexcept {
    // The connection may not be closed inside its own callback; the timer does it.
    close_reason_ = reason;
    fire_in(std::chrono::nanoseconds(0));
}

void LibvirtSession::connect() {
    auto connection = open();
    if (!connection) {
        lose(connection.error(), "");
        return;
    }
    connection_ = std::move(*connection);
    close_reason_.reset();
    // Drivers inside this process (test:///) know neither keep-alive nor closing; that is fine.
    virConnectSetKeepAlive(connection_.get(), kKeepAliveSeconds, kKeepAliveCount);
    has_close_callback_ =
        virConnectRegisterCloseCallback(connection_.get(), connection_closed, this, nullptr) == 0;
    register_events();
    lister_.refresh_all();
    if (keeper_ && may_write_) {
        keeper_->connected(connection_.get(), std::chrono::steady_clock::now());
    }
}

// Who may not write still measures: that the energy does not go with the VMs is said, once.
Result<ConnectHandle> LibvirtSession::open() {
    may_write_ = false;
    if (keeper_) {
        auto connection = open_connection(settings_.uri, ConnectMode::read_write);
        if (connection) {
            may_write_ = true;
            said_read_only_ = false;
            return connection;
        }
        auto read_only = open_connection(settings_.uri, ConnectMode::read_only);
        if (read_only && !std::exchange(said_read_only_, true)) {
            spdlog::warn("energy does not go with the VMs, since nothing can be written: {}",
                         printable(connection.error().message()));
        }
        return read_only;
    }
    return open_connection(settings_.uri, ConnectMode::read_only);
}

void LibvirtSession::carry() {
    if (keeper_ && may_write_ && connection_ && published_) {
        keeper_->turn(connection_.get(), published_->vms, std::chrono::steady_clock::now());
    }
}

// A driver without one of the events still works: reconciling finds what the event would tell.
void LibvirtSession::register_events() {
    const std::pair<int, virConnectDomainEventGenericCallback> events[] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, generic(lifecycle_changed)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, generic(device_changed)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, generic(device_changed)},
        {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, generic(metadata_changed)},
    };
    for (const auto& [event, callback] : events) {
        const int id = virConnectDomainEventRegisterAny(connection_.get(), nullptr, event, callback,
                                                        this, nullptr);
        if (id >= 0) {
            event_ids_.push_back(id);
        } else {
            spdlog::debug("libvirt event {} is not available: {}", event,
                          last_libvirt_error(settings_.uri).message());
        }
    }
}

void LibvirtSession::reconcile() {
    const auto changed = lister_.reconcile(connection_.get());
    if (!changed) {
        lose(changed.error(), "lost the connection to libvirt");
        return;
    }
    retry_ = settings_.first_retry;
    const auto now = std::chrono::steady_clock::now();
    if (lister_.has_asked()) {
        listener_.answered(now);
    }
    if (*changed || !published_ || !published_->connected) {
        publish(VmList{lister_.vms(), true, {}, now});
    } else {
        published_->time = now;
    }
}

void LibvirtSession::lose(const Error& error, const char* headline) {
    disconnect();
    VmList list = published_.value_or(VmList{});
    std::string problem = *headline == '\0' ? error.message()
                                            : std::string(headline) + ": " + error.message() +
                                                  ". Trying again; if this lasts: systemctl "
                                                  "status libvirtd";
    // The first word on a loss stands until libvirt is back: whoever logs each change of it says
    // it once, not with every attempt.
    if (!published_ || published_->connected) {
        list.problem = std::move(problem);
    } else {
        spdlog::debug("{}", printable(problem));
    }
    list.connected = false;
    publish(std::move(list));
    fire_in(retry_);
    retry_ = std::min(retry_ * 2, settings_.longest_retry);
}

void LibvirtSession::disconnect() {
    if (!connection_) {
        return;
    }
    for (const int id : event_ids_) {
        virConnectDomainEventDeregisterAny(connection_.get(), id);
    }
    event_ids_.clear();
    if (has_close_callback_) {
        virConnectUnregisterCloseCallback(connection_.get(), connection_closed);
        has_close_callback_ = false;
    }
    connection_.reset();
    close_reason_.reset();
}

void LibvirtSession::publish(VmList list) {
    const bool same = published_ && published_->connected == list.connected &&
                      published_->problem == list.problem && published_->vms == list.vms;
    if (same) {
        published_->time = list.time;
        return;
    }
    published_ = std::move(list);
    listener_.changed(*published_);
}

void LibvirtSession::fire_in(std::chrono::nanoseconds delay) {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(delay).count();
    virEventUpdateTimeout(timer_, static_cast<int>(std::clamp<std::int64_t>(whole, 0, 3'600'000)));
}

} // namespace wattvisor::host
