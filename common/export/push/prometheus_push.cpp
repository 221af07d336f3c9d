// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/prometheus_push.hpp"

#include "common/cli/safe_text.hpp"
#include "common/export/push/http_transport.hpp"
#include "common/export/push/push_sink.hpp"
#include "common/export/push/push_world.hpp"
#include "common/machine/host_name.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace wattvisor {
namespace {

constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

// base64 for URLs, RFC 4648 section 5.
std::string base64url(std::string_view text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        bits = (bits << 8U) | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) {
            out += kDigits[(bits >> (count - 6)) & 0x3FU];
        }
    }
    if (count > 0) {
        out += kDigits[(bits << (6 - count)) & 0x3FU];
    }
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::string path_part(std::string_view name, std::string_view value) {
    const bool is_plain =
        !value.empty() && value.find_first_not_of(kPlain) == std::string_view::npos &&
        value.find_first_not_of('.') != std::string_view::npos; // "." and ".." are no names
    std::string part = "/" + std::string(name);
    if (is_plain) {
        return part + '/' + std::string(value);
    }
    // An empty value is a lone "=": a path must not have an empty part.
    return part + "@base64/" + (value.empty() ? "=" : base64url(value));
}

HttpTarget target_of(const PrometheusPushOptions& options, const std::string& hostname) {
    HttpTarget target;
    target.server = {without_brackets(options.host), options.port};
    if (options.scheme == HttpScheme::https) {
        target.tls.emplace();
        target.tls->verify = options.tls_check;
    }
    target.method = "PUT";
    target.path = pushgateway_path(options.suffix, options.job, hostname);
    target.content_type = kPrometheusContentType;
    return target;
}

} // namespace

std::string pushgateway_path(std::string_view suffix, std::string_view job,
                             std::string_view instance) {
    // As the body has them: a Pushgateway refuses labels that contradict the path, or are no UTF-8.
    return '/' + std::string(suffix) + path_part("job", valid_utf8(job)) +
           path_part("instance", valid_utf8(instance));
}

void InstanceText::family(std::string_view name, std::string_view help, MetricType type) {
    text_.family(name, help, type);
}

void InstanceText::sample(std::span<const Label> labels, const MetricValue& value) {
    labels_.assign(labels.begin(), labels.end());
    for (const std::string_view name : {"instance", "hostname"}) {
        if (std::ranges::find(labels, name, &Label::name) == labels.end()) {
            labels_.push_back(Label{name, hostname_});
        }
    }
    text_.sample(labels_, value);
    ++values_;
}

std::unique_ptr<Sink> make_prometheus_push(const PrometheusPushOptions& options,
                                           const ExporterWorld& world) {
    const std::string hostname = host_name();
    auto transport = std::make_unique<HttpTransport>(world.io, target_of(options, hostname));
    spdlog::info("prometheus-push: metrics go to {} as job {} and instance {}", transport->where(),
                 printable(options.job), printable(hostname));
    PushSettings settings{"prometheus-push"};
    settings.queue_bytes = 0; // a Pushgateway keeps the newest values only
    return std::make_unique<PushSink>(
        push_page(options.qemu, options.containers, world),
        [hostname](const MetricPage& page, std::chrono::system_clock::time_point) {
            PushMessage message;
            InstanceText text(message.bytes, hostname);
            page.write(text);
            message.values = text.values();
            std::vector<PushMessage> messages;
            messages.push_back(std::move(message));
            return messages;
        },
        push_worker(std::move(settings), std::move(transport), world));
}

} // namespace wattvisor
