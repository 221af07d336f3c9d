// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"

namespace wattvisor {

ExporterCommands::ExporterCommands(CLI::App& app)
    : stdout_command_(add_stdout_command(app, stdout_)),
      json_command_(add_json_command(app, json_)),
      prometheus_command_(add_prometheus_command(app, prometheus_)),
      prometheus_push_command_(add_prometheus_push_command(app, prometheus_push_)),
      warp10_command_(add_warp10_command(app, warp10_)),
      warpten_command_(add_warpten_command(app, warpten_)),
      riemann_command_(add_riemann_command(app, riemann_)) {}

std::optional<ExporterOptions> ExporterCommands::chosen() const {
    if (stdout_command_->parsed()) {
        return stdout_;
    }
    if (json_command_->parsed()) {
        return json_;
    }
    if (prometheus_command_->parsed()) {
        return prometheus_;
    }
    if (prometheus_push_command_->parsed()) {
        return prometheus_push_;
    }
    if (warp10_command_->parsed()) {
        return warp10_;
    }
    if (warpten_command_->parsed()) {
        return warpten_;
    }
    if (riemann_command_->parsed()) {
        return riemann_;
    }
    return std::nullopt;
}

std::string_view ExporterCommands::secret() const {
    return warp10_command_->parsed() ? warp10_.write_token : warpten_.write_token;
}

std::vector<std::string> ExporterCommands::notices() const {
    std::vector<std::string> notices;
    if (stdout_command_->count("--regex") > 0 && stdout_command_->count("--processes") > 0) {
        notices.emplace_back("--processes has no effect: --regex shows all that it finds");
    }
    const bool by_process = json_command_->count("--process-regex") > 0;
    const bool by_container = json_command_->count("--container-regex") > 0;
    if (by_process && by_container) {
        notices.emplace_back("--container-regex has no effect: --process-regex goes before");
    }
    if ((by_process || by_container) && json_command_->count("--max-top-consumers") > 0) {
        notices.emplace_back("--max-top-consumers has no effect: a regular expression reports all "
                             "that it finds");
    }
    for (const std::string_view name : kPrometheusWithoutEffect) {
        if (prometheus_command_->count(std::string(name)) > 0) {
            notices.push_back(std::string(name) + " has no effect: pods are found without "
                                                  "Kubernetes' API server");
        }
    }
    return notices;
}

void apply_global_options(const GlobalOptions& global, ExporterOptions& exporter) {
    if (auto* terminal = std::get_if<StdoutOptions>(&exporter)) {
        terminal->with_header = !global.no_header;
    }
}

} // namespace wattvisor
