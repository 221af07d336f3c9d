// SPDX-License-Identifier: Apache-2.0
#include "common/base/text_file.hpp"
#include "guest-agent/config.hpp"

#include <gmock/gmock.h>

namespace wattvisor::guest {
namespace {

using namespace std::chrono_literals;

GuestConfig read(std::string_view text) {
    const GuestConfigReading reading = read_guest_config(text, "g.yaml");
    EXPECT_EQ(describe(reading.problems), "");
    return reading.config;
}

void expect_defaults(const GuestConfig& config) {
    const GuestConfig defaults;
    EXPECT_EQ(config.interval, defaults.interval);
    EXPECT_EQ(config.cpu_time, defaults.cpu_time);
    EXPECT_EQ(config.resources, defaults.resources);
    EXPECT_EQ(config.vm, defaults.vm);
    EXPECT_EQ(config.proc, defaults.proc);
    EXPECT_EQ(config.sys, defaults.sys);
    EXPECT_EQ(config.powercap, defaults.powercap);
    EXPECT_TRUE(config.exporters.empty());
}

TEST(GuestConfig, EmptyFileAndShippedFileAreTheDefaults) {
    expect_defaults(read(""));
    expect_defaults(
        read(read_text(std::filesystem::path(WATTVISOR_DEPLOY) / "wattvisor-guest.yaml").value()));
}

TEST(GuestConfig, ReadsEveryKey) {
    const GuestConfig config =
        read("interval: 2s\ncpu_time: clock\nresources: false\nvm: true\n"
             "roots: { proc: /h/proc, sys: /h/sys, powercap: /pc }\n"
             "exporters:\n  - type: prometheus\n  - { type: json, file: /j }\n");
    EXPECT_EQ(config.interval, 2s);
    EXPECT_EQ(config.cpu_time, CpuTimeChoice::clock);
    EXPECT_FALSE(config.resources);
    EXPECT_TRUE(config.vm);
    EXPECT_EQ(config.proc, "/h/proc");
    EXPECT_EQ(config.sys, "/h/sys");
    EXPECT_EQ(config.powercap, "/pc");
    ASSERT_EQ(config.exporters.size(), 2U);
    EXPECT_FALSE(std::get<PrometheusOptions>(config.exporters[0].exporter).qemu)
        << "no consumer of a guest is a VM";
}

TEST(GuestConfig, TheCommandLineGoesBeforeTheFile) {
    GlobalOptions global;
    CLI::App app("Measures energy", "wattvisor-guest");
    add_global_options(app, global, Agent::guest);
    app.parse("--interval 5s");
    apply_config(read("interval: 2s\nvm: true\nroots: { powercap: /pc }\n"), app, global);
    EXPECT_EQ(global.interval, 5s);
    EXPECT_TRUE(global.vm);
    EXPECT_EQ(global.powercap, "/pc");
}

} // namespace
} // namespace wattvisor::guest
