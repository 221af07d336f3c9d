// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/riemann.hpp"

#include "common/export/push/push_sink.hpp"
#include "common/export/push/push_world.hpp"
#include "common/export/push/riemann_events.hpp"
#include "common/export/push/riemann_transport.hpp"
#include "common/machine/host_name.hpp"

#include <spdlog/spdlog.h>

namespace wattvisor {
namespace {

RiemannTarget target_of(const RiemannOptions& options) {
    RiemannTarget target;
    target.server = {without_brackets(options.address), options.port};
    if (options.mtls) {
        target.tls = TlsSettings{true, options.ca, options.cert, options.key};
        // Read at each connection, but a mistake in a path shall be told now.
        if (const auto context = make_tls_context(*target.tls); !context) {
            throw StartError("riemann: " + context.error().message(), kExitConfiguration);
        }
    }
    return target;
}

} // namespace

std::unique_ptr<Sink> make_riemann(const RiemannOptions& options, const ExporterWorld& world) {
    auto transport = std::make_unique<RiemannTransport>(world.io, target_of(options));
    spdlog::info("riemann: events go to {}", transport->where());
    return std::make_unique<PushSink>(
        push_page(options.qemu, options.containers, world),
        [host = host_name()](const MetricPage& page, std::chrono::system_clock::time_point time) {
            RiemannEvents events(time, host);
            page.write(events);
            return events.take();
        },
        push_worker(PushSettings{"riemann"}, std::move(transport), world));
}

} // namespace wattvisor
