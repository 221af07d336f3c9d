// SPDX-License-Identifier: Apache-2.0
// The subcommand of each exporter, with its options and its help. Spellings of all Scaphandre
// versions are taken where they do not clash. Called by main only, before anything runs. Options
// are filled while CLI11 parses, so they must outlive the CLI::App.
#pragma once

#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_options.hpp"

#include <CLI/App.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// Each adds a subcommand, with its help and an example, and returns it. Global options are taken
// behind the subcommand's name too, where a letter does not mean something else there. One file
// each: stdout_command.cpp, prometheus_command.cpp, ...
CLI::App* add_stdout_command(CLI::App& app, StdoutOptions& options);
CLI::App* add_json_command(CLI::App& app, JsonOptions& options);
CLI::App* add_prometheus_command(CLI::App& app, PrometheusOptions& options);
// Told with them where Kubernetes' API is; here containers are found without it.
inline constexpr std::array<std::string_view, 3> kPrometheusWithoutEffect{
    "--kubernetes-host", "--kubernetes-scheme", "--kubernetes-port"};
CLI::App* add_prometheus_push_command(CLI::App& app, PrometheusPushOptions& options);
// The seed's spelling, and that of later versions, whose short letters mean the opposite.
CLI::App* add_warp10_command(CLI::App& app, Warp10Options& options);
CLI::App* add_warpten_command(CLI::App& app, Warp10Options& options);
CLI::App* add_riemann_command(CLI::App& app, RiemannOptions& options);

// All of them.
class ExporterCommands {
public:
    explicit ExporterCommands(CLI::App& app);
    ExporterCommands(const ExporterCommands&) = delete; // the app points into it
    ExporterCommands& operator=(const ExporterCommands&) = delete;
    ~ExporterCommands() = default;

    // Which one was typed, after parsing; none if another command was.
    [[nodiscard]] std::optional<ExporterOptions> chosen() const;
    // What was typed and nobody else must read, to be taken out of the command line; may be empty.
    [[nodiscard]] std::string_view secret() const;
    // Sentences for the log: options that have no effect beside others.
    [[nodiscard]] std::vector<std::string> notices() const;

private:
    StdoutOptions stdout_;
    JsonOptions json_;
    PrometheusOptions prometheus_;
    PrometheusPushOptions prometheus_push_;
    Warp10Options warp10_;
    Warp10Options warpten_;
    RiemannOptions riemann_;
    CLI::App* stdout_command_;
    CLI::App* json_command_;
    CLI::App* prometheus_command_;
    CLI::App* prometheus_push_command_;
    CLI::App* warp10_command_;
    CLI::App* warpten_command_;
    CLI::App* riemann_command_;
};

// What global options say of an exporter: --no-header.
void apply_global_options(const GlobalOptions& global, ExporterOptions& exporter);

} // namespace wattvisor
