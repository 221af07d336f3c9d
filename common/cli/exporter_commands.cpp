// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"

namespace wattvisor {

ExporterCommands::ExporterCommands(CLI::App& app)
    : stdout_command_(add_stdout_command(app, stdout_)),
      prometheus_command_(add_prometheus_command(app, prometheus_)) {}

std::optional<ExporterOptions> ExporterCommands::chosen() const {
    if (stdout_command_->parsed()) {
        return stdout_;
    }
    if (prometheus_command_->parsed()) {
        return prometheus_;
    }
    return std::nullopt;
}

void apply_global_options(const GlobalOptions& global, ExporterOptions& exporter) {
    if (auto* terminal = std::get_if<StdoutOptions>(&exporter)) {
        terminal->with_header = !global.no_header;
    }
}

} // namespace wattvisor
