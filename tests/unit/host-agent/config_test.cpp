// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "host-agent/config.hpp"
#include "tests/support/fake_tree.hpp"
#include "virtiofs/share_settings_yaml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

HostConfig read(std::string_view text) {
    const HostConfigReading reading = read_host_config(text, "h.yaml");
    EXPECT_EQ(describe(reading.problems), "");
    return reading.config;
}

std::vector<std::string> problems_of(std::string_view text) {
    std::vector<std::string> problems;
    for (const ConfigProblem& problem : read_host_config(text, "h.yaml").problems) {
        problems.push_back(problem.message());
    }
    return problems;
}

void expect_defaults(const HostConfig& config) {
    const HostConfig defaults;
    EXPECT_EQ(config.interval, defaults.interval);
    EXPECT_EQ(config.policy, defaults.policy);
    EXPECT_EQ(config.libvirt, defaults.libvirt);
    EXPECT_EQ(config.roots, defaults.roots);
    EXPECT_EQ(config.shares, defaults.shares);
    EXPECT_EQ(config.share_layout, defaults.share_layout);
    EXPECT_EQ(config.ledger, defaults.ledger);
    EXPECT_THAT(config.exporters, IsEmpty());
}

PrometheusOptions prometheus(const HostConfig& config, std::size_t position) {
    return std::get<PrometheusOptions>(config.exporters.at(position).exporter);
}

std::string shipped_file() {
    const auto text = read_text(std::filesystem::path(WATTVISOR_DEPLOY) / "wattvisor-host.yaml");
    EXPECT_TRUE(text.has_value());
    return text ? *text : "";
}

TEST(HostConfig, EmptyFileIsTheDefaults) {
    const HostConfig config = read("");
    expect_defaults(config);
    EXPECT_EQ(config.interval, 1s);
    EXPECT_EQ(config.libvirt.uri, "qemu:///system");
    EXPECT_EQ(config.shares.root, "/var/lib/libvirt/scaphandre");
    EXPECT_EQ(config.ledger.keep_ended, 24h);
    EXPECT_FALSE(config.ledger.carry) << "the agent changes no domain unless it is told to";
    EXPECT_THAT(config.exporters, IsEmpty());
}

TEST(HostConfig, ShippedFileIsTheDefaults) {
    expect_defaults(read(shipped_file()));
}

// The commented example, as an operator who takes the comment signs away gets it.
TEST(HostConfig, ShippedExampleOfAnExporterIsTheDefaultExporter) {
    std::string text = std::regex_replace(shipped_file(), std::regex("exporters: \\[\\]"), "");
    text = std::regex_replace(text, std::regex("# (exporters:|  - type|    [a-z_]+: )"), "$1");
    const HostConfig config = read(text);
    ASSERT_EQ(config.exporters.size(), 1U);
    const PrometheusOptions shown = prometheus(config, 0);
    const PrometheusOptions defaults = prometheus(read("exporters:\n  - type: prometheus\n"), 0);
    EXPECT_EQ(shown.address, defaults.address);
    EXPECT_EQ(shown.port, defaults.port);
    EXPECT_EQ(shown.suffix, defaults.suffix);
    EXPECT_EQ(shown.qemu, defaults.qemu);
    EXPECT_EQ(shown.cmdline_limit, defaults.cmdline_limit);
}

TEST(HostConfig, ReadsEveryKey) {
    const HostConfig config =
        read("interval: 500ms\n"
             "policy: active\n"
             "libvirt: { uri: \"qemu:///session\", run_dir: /r, reconcile: 5s }\n"
             "roots: { proc: /h/proc, sys: /h/sys, powercap: /h/pc }\n"
             "shares: { root: /s, run_dir: /w, folder: uuid, layout: per-socket }\n"
             "ledger: { file: /l.json, saved_file: /s.json, save_interval: 5s, keep_ended: 1h,\n"
             "  carry: true }\n"
             "exporters:\n"
             "  - { type: prometheus, address: 127.0.0.1, port: 9090,\n"
             "      suffix: /m, qemu: false, cmdline_limit: 0 }\n");
    EXPECT_EQ(config.interval, 500ms);
    EXPECT_EQ(config.libvirt, (LibvirtSettings{"qemu:///session", "/r", 5s}));
    EXPECT_EQ(config.roots, (Roots{"/h/proc", "/h/sys", "/h/pc"}));
    EXPECT_EQ(config.shares, (ShareSettings{"/s", "/w", ShareFolderNaming::uuid}));
    EXPECT_EQ(config.share_layout, ShareLayout::per_socket);
    EXPECT_EQ(config.ledger, (LedgerSettings{"/l.json", "/s.json", 5s, 1h, true}));
    const PrometheusOptions exporter = prometheus(config, 0);
    EXPECT_EQ(exporter.address, "127.0.0.1");
    EXPECT_EQ(exporter.port, 9090);
    EXPECT_EQ(exporter.suffix, "m");
    EXPECT_FALSE(exporter.qemu);
    EXPECT_EQ(exporter.cmdline_limit, 0U);
}

TEST(HostConfig, PowercapFollowsSys) {
    EXPECT_EQ(read("roots: { sys: /host/sys }\n").roots.powercap, "/host/sys/class/powercap");
    EXPECT_EQ(read("roots: { powercap: /pc }\n").roots.powercap, "/pc");
}

TEST(HostConfig, SaysWhichPoliciesAndExportersThereAre) {
    EXPECT_THAT(problems_of("policy: capcity\n"),
                ElementsAre("h.yaml:1:9: policy must be active, capacity or static, not "
                            "\"capcity\""));
    EXPECT_THAT(
        problems_of("exporters:\n  - type: carbon\n    port: 2003\n"),
        ElementsAre("h.yaml:2:11: type must be stdout, json, prometheus, prometheus-push, riemann, "
                    "warp10 or warpten, not \"carbon\""));
    EXPECT_THAT(
        problems_of("exporters:\n  - port: 5555\n"),
        ElementsAre(HasSubstr("the key \"type\" is missing, for example type: prometheus")));
}

// What belongs to a type of exporter that is not known here is no mistake of its own.
TEST(HostConfig, UnknownExporterIsOneProblem) {
    EXPECT_THAT(problems_of("exporters:\n  - type: carbon\n    line: true\n"), testing::SizeIs(1));
}

TEST(HostConfig, ReadsEveryKeyOfThoseThatPush) {
    const HostConfig config = read(R"(exporters:
  - { type: prometheus-push, host: gw, port: 1, suffix: m, scheme: https, step: 2s, job: j,
      qemu: true, containers: true, tls_check: false }
  - { type: warp10, host: w, port: 3, scheme: https, step: 4s, write_token: t, qemu: true }
  - { type: warpten, host: ten }
  - { type: riemann, address: r, port: 5, step: 6s, qemu: true, containers: true,
      mtls: true, ca: a.pem, cert: b.pem, key: c.pem }
)");
    const auto push = std::get<PrometheusPushOptions>(config.exporters.at(0).exporter);
    EXPECT_EQ(push.host, "gw");
    EXPECT_EQ(push.port, 1);
    EXPECT_EQ(push.suffix, "m");
    EXPECT_EQ(push.scheme, HttpScheme::https);
    EXPECT_EQ(push.step, 2s);
    EXPECT_EQ(push.job, "j");
    EXPECT_TRUE(push.qemu);
    EXPECT_TRUE(push.containers);
    EXPECT_FALSE(push.tls_check);
    const auto warp10 = std::get<Warp10Options>(config.exporters.at(1).exporter);
    EXPECT_EQ(warp10.host, "w");
    EXPECT_EQ(warp10.port, 3);
    EXPECT_EQ(warp10.scheme, HttpScheme::https);
    EXPECT_EQ(warp10.step, 4s);
    EXPECT_EQ(warp10.write_token, "t");
    EXPECT_TRUE(warp10.qemu);
    EXPECT_EQ(std::get<Warp10Options>(config.exporters.at(2).exporter).host, "ten");
    const auto riemann = std::get<RiemannOptions>(config.exporters.at(3).exporter);
    EXPECT_EQ(riemann.address, "r");
    EXPECT_EQ(riemann.port, 5);
    EXPECT_EQ(riemann.step, 6s);
    EXPECT_TRUE(riemann.qemu);
    EXPECT_TRUE(riemann.containers);
    EXPECT_TRUE(riemann.mtls);
    EXPECT_EQ(riemann.ca + riemann.cert + riemann.key, "a.pemb.pemc.pem");
}

TEST(HostConfig, ChecksWhatThoseThatPushNeed) {
    EXPECT_THAT(problems_of("exporters:\n  - { type: riemann, mtls: true, ca: a.pem }\n"),
                ElementsAre(HasSubstr("mtls: true needs ca, cert and key")));
    EXPECT_THAT(problems_of("exporters:\n  - { type: riemann, key: a.pem }\n"),
                ElementsAre(HasSubstr("these need mtls: true")));
    EXPECT_THAT(problems_of("exporters:\n  - { type: warp10, host: '' }\n"),
                ElementsAre(HasSubstr("host must be a name or an IP address")));
    EXPECT_THAT(problems_of("exporters:\n  - { type: prometheus-push, scheme: ftp }\n"),
                ElementsAre(HasSubstr("scheme must be http or https")));
}

TEST(HostConfig, ChecksWhatValuesMean) {
    EXPECT_THAT(problems_of("interval: 10ms\n"),
                ElementsAre("h.yaml:1:11: interval must be from 100ms to 1h, not \"10ms\""));
    EXPECT_THAT(problems_of("interval: 2h\n"), testing::SizeIs(1));
    EXPECT_THAT(problems_of("roots: { proc: proc }\n"), ElementsAre(HasSubstr("begins with /")));
    EXPECT_THAT(problems_of("libvirt: { uri: \"\" }\n"),
                ElementsAre(HasSubstr("such as qemu:///system")));
    const std::string exporter = "exporters:\n  - type: prometheus\n    ";
    EXPECT_THAT(problems_of(exporter + "port: 0\n"), ElementsAre(HasSubstr("from 1 to 65535")));
    EXPECT_THAT(problems_of(exporter + "address: localhost\n"),
                ElementsAre(HasSubstr("must be an IP address")));
    EXPECT_THAT(problems_of(exporter + "suffix: \"a b\"\n"),
                ElementsAre(HasSubstr("the path of a URL")));
}

TEST(HostConfig, TwoExportersOfOnePort) {
    EXPECT_THAT(problems_of("exporters:\n  - type: prometheus\n  - type: prometheus\n"),
                ElementsAre("h.yaml:3:5: port 8080 of :: is taken by an exporter above"));
    EXPECT_THAT(problems_of("exporters:\n  - type: prometheus\n"
                            "  - { type: prometheus, port: 8081 }\n"),
                IsEmpty());
}

TEST(HostConfig, UnknownKeysAnywhere) {
    EXPECT_THAT(problems_of("shares: { rot: /x }\nledgers: {}\n"),
                ElementsAre("h.yaml:1:11: unknown key \"rot\" in shares; did you mean \"root\"?",
                            "h.yaml:2:1: unknown key \"ledgers\"; did you mean \"ledger\"?"));
}

TEST(LoadHostConfig, ThrowsWithTheExitCodeThatSystemdDoesNotRestart) {
    const test::FakeTree tree;
    const auto file = tree.file("h.yaml", "intervall: 1s\nport: 1\n");
    try {
        static_cast<void>(load_host_config(file));
        FAIL() << "must throw";
    } catch (const StartError& error) {
        EXPECT_EQ(error.exit_code(), kExitConfiguration);
        EXPECT_THAT(error.what(), HasSubstr("2 problems:\n" + file.string() + ":1:1: unknown key"));
        EXPECT_THAT(error.what(), HasSubstr("h.yaml:2:1: "));
    }
    try {
        static_cast<void>(load_host_config(tree.root() / "absent.yaml"));
        FAIL() << "must throw";
    } catch (const StartError& error) {
        EXPECT_EQ(error.exit_code(), kExitConfiguration);
        EXPECT_THAT(error.what(), HasSubstr("absent.yaml"));
    }
}

// The hook reads the same file but must not stop a VM for what it does not understand.
TEST(ShareSettingsYaml, ReadsItsSectionAndNothingElse) {
    const ShareSettingsReading reading =
        read_share_settings("interval: nonsense\nnew_key: 1\n"
                            "shares: { root: /s, folder: uuid, layout: merged }\n",
                            "h.yaml");
    EXPECT_THAT(reading.problems, IsEmpty());
    EXPECT_EQ(reading.settings.root, "/s");
    EXPECT_EQ(reading.settings.folder, ShareFolderNaming::uuid);
    EXPECT_EQ(reading.settings.run_dir, ShareSettings{}.run_dir);
}

TEST(ShareSettingsYaml, TakesTheDefaultForWhatIsWrong) {
    const ShareSettingsReading reading =
        read_share_settings("shares: { root: relative, run_dir: /w }\n", "h.yaml");
    EXPECT_EQ(reading.problems.size(), 1U);
    EXPECT_EQ(reading.settings.root, ShareSettings{}.root);
    EXPECT_EQ(reading.settings.run_dir, "/w");
    EXPECT_EQ(read_share_settings("{[", "h.yaml").settings, ShareSettings{});
}

TEST(HostConfig, HasProcessesAndResourcesOffUnlessAskedFor) {
    EXPECT_FALSE(read_host_config("", "f").config.processes);
    EXPECT_FALSE(read_host_config("", "f").config.resources);
    const auto reading = read_host_config(
        "processes: true\nresources: true\nexporters: [{type: prometheus, containers: true}]", "f");
    EXPECT_TRUE(reading.problems.empty());
    EXPECT_TRUE(reading.config.processes);
    EXPECT_TRUE(reading.config.resources);
    EXPECT_TRUE(std::get<PrometheusOptions>(reading.config.exporters.at(0).exporter).containers);
    EXPECT_FALSE(read_host_config("processes: 3", "f").problems.empty());
}

} // namespace
} // namespace wattvisor::host
