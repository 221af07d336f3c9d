// SPDX-License-Identifier: Apache-2.0
#include "host-agent/command_line.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <map>

namespace wattvisor::host {

namespace {

// A path in the configuration is absolute, and so is one on the command line once it is taken.
void add_path(CLI::App& app, const std::string& name, std::optional<std::filesystem::path>& value,
              const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [&value, name](const std::string& text) {
               if (text.empty()) {
                   throw CLI::ValidationError(name, "a folder is missing");
               }
               value = std::filesystem::absolute(text).lexically_normal();
           },
           help)
        ->type_name("DIR");
}

template <typename T>
void add_choice(CLI::App& app, const std::string& name, std::optional<T>& value,
                const std::map<std::string, T>& choices, const std::string& help) {
    std::string names;
    for (const auto& [choice, unused] : choices) {
        names += (names.empty() ? "" : "|") + choice;
    }
    app.add_option_function<std::string>(
           name,
           [&value, choices, name, names](const std::string& text) {
               const auto chosen = choices.find(text);
               if (chosen == choices.end()) {
                   throw CLI::ValidationError(name, '"' + text + "\" is not one of " + names);
               }
               value = chosen->second;
           },
           help)
        ->type_name(names);
}

} // namespace

bool HostCommandLine::given(const std::string& option) const {
    return app != nullptr && app->get_option(option)->count() > 0;
}

void add_host_options(CLI::App& app, HostCommandLine& line) {
    line.app = &app;
    HostOptions& options = line.host;
    app.add_option_function<std::string>(
           "--libvirt-uri", [&options](const std::string& uri) { options.libvirt_uri = uri; },
           "Which libvirt to ask for VMs")
        ->type_name("URI")
        ->default_str(LibvirtSettings().uri);
    add_path(app, "--libvirt-run-dir", options.libvirt_run_dir,
             "Where libvirt writes QEMU's pid files (default " +
                 LibvirtSettings().run_dir.string() + ")");
    add_path(app, "--share-root", options.share_root,
             "Where the shares are exported from (default " + ShareSettings().root.string() + ")");
    add_path(app, "--run-dir", options.run_dir,
             "Where the agent keeps its ledger, the saved copy of it, and the writable side of the "
             "shares (default " +
                 ShareSettings().run_dir.string() + ", and " +
                 LedgerSettings().saved_file.string() + ")");
    add_choice<ShareFolderNaming>(
        app, "--share-folder", options.share_folder,
        {{"name", ShareFolderNaming::name}, {"uuid", ShareFolderNaming::uuid}},
        "What a VM's folder is called (default name)");
    add_choice<ShareLayout>(
        app, "--share-layout", options.share_layout,
        {{"merged", ShareLayout::merged}, {"per-socket", ShareLayout::per_socket}},
        "Whether a VM sees one package or as many as the host has (default merged)");
    app.add_flag(
        "--with-processes,!--no-processes",
        [&options](std::int64_t count) { options.processes = count > 0; },
        "Charge the processes that belong to no VM too, each by itself (default: with the commands "
        "of one exporter, not with qemu and run)");
}

void add_qemu_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "qemu", "Publishes to each enrolled VM its own energy, in the foreground");
    command->fallthrough();
    command->footer("Each enrolled VM finds its energy in its share:\n"
                    "  wattvisor-host enroll web1     once, then restart the VM\n"
                    "  wattvisor-host qemu\n"
                    "and inside the VM:\n"
                    "  mount -t virtiofs scaphandre /var/scaphandre\n"
                    "  wattvisor-guest --vm stdout");
}

void add_run_command(CLI::App& app, RunOptions& options) {
    CLI::App* command =
        app.add_subcommand("run", "Publishes the shares and runs the exporters of a configuration");
    command->fallthrough();
    command
        ->add_option_function<std::string>(
            "-c,--config",
            [&options](const std::string& path) {
                options.config = path;
                options.config_given = true;
            },
            "The configuration to read")
        ->type_name("FILE")
        ->default_str(options.config.string());
    command->add_flag("--check-config", options.check_config,
                      "Read the configuration, tell every mistake in it, and run nothing");
}

void add_vms_command(CLI::App& app, VmsOptions& options) {
    CLI::App* command = app.add_subcommand(
        "vms", "Shows the VMs: enrolled or not, and what the running agent measured of them");
    command->fallthrough();
    command->add_flag("--json", options.json, "Print JSON instead of a table");
}

void add_enroll_commands(CLI::App& app, EnrollArguments& arguments) {
    CLI::App* enroll =
        app.add_subcommand("enroll", "Adds the share to the definition of VMs; harmless if done");
    CLI::App* unenroll =
        app.add_subcommand("unenroll", "Takes the share out of the definition of VMs");
    for (CLI::App* command : {enroll, unenroll}) {
        command->fallthrough();
        command->add_option("NAME", arguments.names, "Names or UUIDs of the VMs")->required();
    }
    enroll->add_flag("--live", arguments.live,
                     "Attach the share to the running VM at once, instead of at its next start");
    unenroll->add_flag("--live", arguments.live, "Detach the share from the running VM at once");
    enroll
        ->add_option_function<std::string>(
            "--virtiofsd", [&arguments](const std::string& path) { arguments.virtiofsd = path; },
            "The virtiofsd to run for these VMs, if not libvirt's own")
        ->type_name("PATH");
    enroll->footer("Examples:\n  wattvisor-host enroll web1 db1\n"
                   "  wattvisor-host enroll --live web1");
}

void apply_options(const HostCommandLine& line, HostConfig& config) {
    const GlobalOptions& global = line.global;
    if (line.given("--interval")) {
        config.interval = global.interval;
    }
    if (line.given("--cpu-time")) {
        config.cpu_time = global.cpu_time;
    }
    if (line.given("--proc")) {
        config.roots.proc = global.proc;
    }
    if (line.given("--sys")) {
        config.roots.sys = global.sys;
        config.roots.powercap = global.sys / "class" / "powercap";
    }
    if (global.powercap) {
        config.roots.powercap = *global.powercap;
    }
    const HostOptions& host = line.host;
    config.libvirt.uri = host.libvirt_uri.value_or(config.libvirt.uri);
    config.libvirt.run_dir = host.libvirt_run_dir.value_or(config.libvirt.run_dir);
    config.shares.root = host.share_root.value_or(config.shares.root);
    config.shares.folder = host.share_folder.value_or(config.shares.folder);
    config.share_layout = host.share_layout.value_or(config.share_layout);
    config.processes = host.processes.value_or(config.processes);
    config.resources = config.resources && global.resources;
    if (host.run_dir) {
        config.shares.run_dir = *host.run_dir;
        config.ledger.file = *host.run_dir / "ledger.json";
        config.ledger.saved_file = *host.run_dir / "ledger.saved.json";
    }
}

} // namespace wattvisor::host
