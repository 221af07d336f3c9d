// SPDX-License-Identifier: Apache-2.0
// The exporter riemann: see riemann_events.hpp for what is sent, riemann_transport.hpp for how.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/exporter.hpp"

#include <memory>

namespace wattvisor {

// Throws StartError where certificates cannot be used.
[[nodiscard]] std::unique_ptr<Sink> make_riemann(const RiemannOptions& options,
                                                 const ExporterWorld& world);

} // namespace wattvisor
