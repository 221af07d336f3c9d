// SPDX-License-Identifier: Apache-2.0
#include "guest-agent/config.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "common/config/agent_keys.hpp"
#include "common/config/exporter_section.hpp"

#include <utility>

namespace wattvisor::guest {

GuestConfigReading read_guest_config(std::string_view text, std::string file) {
    GuestConfigReading reading;
    GuestConfig& config = reading.config;
    YamlDocument document(text, std::move(file));
    YamlSection root = document.root();
    read_tick_interval(root, config.interval);
    read_cpu_time(root, config.cpu_time);
    root.read("resources", config.resources);
    root.read("vm", config.vm);
    YamlSection roots = root.section("roots");
    roots.read_absolute_path("proc", config.proc);
    roots.read_absolute_path("sys", config.sys);
    if (roots.has("powercap")) {
        config.powercap.emplace();
        roots.read_absolute_path("powercap", *config.powercap);
    }
    config.exporters = read_exporters(root, {false, config.interval});
    reading.problems = document.finish();
    return reading;
}

GuestConfig load_guest_config(const std::filesystem::path& file) {
    const auto text = read_text(file);
    if (!text) {
        throw StartError("cannot read the configuration " + text.error().message() +
                             ". --config names another",
                         kExitConfiguration);
    }
    GuestConfigReading reading = read_guest_config(*text, file.string());
    check_config(reading.problems);
    if (reading.config.exporters.empty()) {
        throw StartError(
            file.string() + ": no exporter is listed, so there is nothing to run. Add for example\n"
                            "exporters:\n  - type: prometheus",
            kExitConfiguration);
    }
    return std::move(reading.config);
}

void apply_config(const GuestConfig& config, const CLI::App& app, GlobalOptions& global) {
    const auto typed = [&app](const char* option) { return app.get_option(option)->count() > 0; };
    global.interval = typed("--interval") ? global.interval : config.interval;
    global.cpu_time = typed("--cpu-time") ? global.cpu_time : config.cpu_time;
    global.resources = global.resources && config.resources;
    global.vm = global.vm || config.vm;
    global.proc = typed("--proc") ? global.proc : config.proc;
    global.sys = typed("--sys") ? global.sys : config.sys;
    global.powercap = global.powercap ? global.powercap : config.powercap;
}

} // namespace wattvisor::guest
