// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/riemann_events.hpp"

#include "common/cli/safe_text.hpp"
#include "common/export/push/riemann.pb.h"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace wattvisor {

struct RiemannBatch {
    riemann::Msg message;
    std::size_t bytes = 0; // of its events
};

namespace {

constexpr float kTtl = 60;
constexpr int kEventsPerMessage = 500;
constexpr std::size_t kMessageBytes = 256UL * 1024;
constexpr std::size_t kValueBytes = 16UL * 1024; // of one attribute
constexpr std::size_t kServiceBytes = 512;
constexpr std::string_view kPrefix = "scaph_";
constexpr std::string_view kProcessPower = "scaph_process_power_consumption_microwatts";

// Riemann's index keeps one event per host and service: without the values of these labels in the
// service, each series of a metric would overwrite the one before.
constexpr std::array<std::string_view, 3> kOfProcess{"pid", "exe", "zone"};
constexpr std::array<std::string_view, 14> kOfOther{
    "uuid",      "unit",        "container_id", "systemd_unit",     "zone",
    "socket_id", "domain_name", "domain_id",    "rapl_domain_name", "disk_name",
    "component", "kind",        "exporter",     "disk_mount_point"};

// A protobuf string must be UTF-8.
std::string utf8(std::string_view text, std::size_t limit) {
    return valid_utf8(cut_utf8(text, limit));
}

// FNV-1a: the same in every build, since rules of users may hold what it makes.
std::string hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16).ptr;
    return {digits.data(), end};
}

// Names that share a long beginning, or differ in what is no UTF-8, would become one service.
std::string service_of(const std::string& text) {
    std::string service = utf8(text, kServiceBytes);
    if (service != text) {
        service += '#' + hash_of(text);
    }
    return service;
}

std::string_view label_of(std::span<const Label> labels, std::string_view name) {
    const auto found = std::ranges::find(labels, name, &Label::name);
    return found == labels.end() ? std::string_view() : found->value;
}

bool is_sendable(const MetricValue& value) {
    if (value.is_integer()) {
        return value.as_integer() <=
               static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    }
    return std::isfinite(value.as_double());
}

} // namespace

std::vector<std::string> riemann_services(std::string_view metric, std::span<const Label> labels) {
    const bool is_of_process = !label_of(labels, "pid").empty();
    std::string of_whom;
    for (const std::string_view name : is_of_process
                                           ? std::span<const std::string_view>(kOfProcess)
                                           : std::span<const std::string_view>(kOfOther)) {
        if (const std::string_view value = label_of(labels, name); !value.empty()) {
            of_whom += '_';
            of_whom += value;
        }
    }
    std::vector<std::string> services{service_of(std::string(metric) + of_whom)};
    if (metric == kProcessPower) {
        services.push_back(service_of(std::string(metric.substr(kPrefix.size())) + of_whom));
    } else if (metric.starts_with(kPrefix) && !is_of_process && !of_whom.empty()) {
        services.emplace_back(metric);
    }
    return services;
}

RiemannEvents::RiemannEvents(std::chrono::system_clock::time_point time, std::string_view host)
    : time_(time), host_(utf8(host, kServiceBytes)), batch_(std::make_unique<RiemannBatch>()) {}

RiemannEvents::~RiemannEvents() = default;

void RiemannEvents::family(std::string_view name, std::string_view help, MetricType /*type*/) {
    name_ = name;
    help_ = utf8(help, kValueBytes);
}

void RiemannEvents::sample(std::span<const Label> labels, const MetricValue& value) {
    if (!is_sendable(value)) {
        return;
    }
    for (const std::string& service : riemann_services(name_, labels)) {
        add_event(service, labels, value);
    }
}

void RiemannEvents::add_event(const std::string& service, std::span<const Label> labels,
                              const MetricValue& value) {
    riemann::Event event;
    const auto since_1970 = time_.time_since_epoch();
    event.set_time(std::chrono::duration_cast<std::chrono::seconds>(since_1970).count());
    event.set_time_micros(
        std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
    event.set_state("ok");
    event.set_service(service);
    event.set_host(host_);
    event.set_description(help_);
    event.add_tags("scaphandre");
    event.set_ttl(kTtl);
    for (const Label& label : labels) {
        riemann::Attribute& attribute = *event.add_attributes();
        attribute.set_key(std::string(label.name));
        attribute.set_value(utf8(label.value, kValueBytes));
    }
    if (value.is_integer()) {
        event.set_metric_sint64(static_cast<std::int64_t>(value.as_integer()));
    } else {
        event.set_metric_d(value.as_double());
    }
    const std::size_t size = event.ByteSizeLong();
    if (batch_->message.events_size() >= kEventsPerMessage ||
        (batch_->message.events_size() > 0 && batch_->bytes + size > kMessageBytes)) {
        end_message();
    }
    batch_->bytes += size;
    *batch_->message.add_events() = std::move(event);
}

void RiemannEvents::end_message() {
    if (batch_->message.events_size() == 0) {
        return;
    }
    PushMessage out;
    out.values = static_cast<std::size_t>(batch_->message.events_size());
    const std::string body = batch_->message.SerializeAsString();
    std::array<char, 4> length{};
    boost::endian::endian_store<std::uint32_t, 4, boost::endian::order::big>(
        reinterpret_cast<unsigned char*>(length.data()), static_cast<std::uint32_t>(body.size()));
    out.bytes.reserve(length.size() + body.size());
    out.bytes.append(length.data(), length.size());
    out.bytes += body;
    messages_.push_back(std::move(out));
    batch_ = std::make_unique<RiemannBatch>();
}

std::vector<PushMessage> RiemannEvents::take() {
    end_message();
    return std::exchange(messages_, {});
}

RiemannAnswer read_riemann_answer(std::string_view message) {
    riemann::Msg answer;
    if (!answer.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
        return {false, "the server answers with something that is no message of Riemann"};
    }
    if (answer.ok()) {
        return {true, ""};
    }
    return {false, answer.error().empty() ? "the server answers not ok, and says nothing of why"
                                          : answer.error()};
}

} // namespace wattvisor
