// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "host-agent/command_line.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A command line of the agent, parsed as main() does.
struct Parsed {
    explicit Parsed(std::vector<const char*> arguments) {
        add_global_options(app, line.global, Agent::host);
        add_host_options(app, line);
        add_qemu_command(app);
        add_run_command(app, line.run);
        exporters.emplace(app);
        add_vms_command(app, line.vms);
        add_enroll_commands(app, line.enroll);
        app.require_subcommand(0, 1);
        arguments.insert(arguments.begin(), "wattvisor-host");
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        exit_code = parse_command_line(app, static_cast<int>(arguments.size()), arguments.data(),
                                       out_stream, err_stream);
        out = out_stream.str();
        err = err_stream.str();
    }
    // The configuration that these options make of one.
    [[nodiscard]] HostConfig applied_to(HostConfig config) const {
        EXPECT_EQ(exit_code, std::nullopt) << err;
        apply_options(line, config);
        return config;
    }

    HostCommandLine line;
    std::optional<ExporterCommands> exporters;
    CLI::App app{"Measures VMs", "wattvisor-host"};
    std::optional<int> exit_code;
    std::string out;
    std::string err;
};

void expect_mistake(std::vector<const char*> arguments, const std::string& said) {
    const Parsed parsed(std::move(arguments));
    EXPECT_EQ(parsed.exit_code, kExitConfiguration) << said;
    EXPECT_THAT(parsed.err, AllOf(HasSubstr(said), HasSubstr("--help")));
    EXPECT_EQ(parsed.out, "");
}

// A configuration in which nothing is as it is by default.
HostConfig odd_config() {
    HostConfig config;
    config.interval = 7s;
    config.libvirt.uri = "qemu:///session";
    config.libvirt.run_dir = "/odd/libvirt";
    config.libvirt.reconcile = 9s;
    config.roots = {"/odd/proc", "/odd/sys", "/odd/powercap"};
    config.shares = {"/odd/shares", "/odd/run", ShareFolderNaming::uuid};
    config.share_layout = ShareLayout::per_socket;
    config.ledger.file = "/odd/ledger.json";
    config.ledger.keep_ended = 3h;
    config.policy.policy = Policy::capacity;
    config.cpu_time = CpuTimeChoice::clock;
    return config;
}

void expect_same(const HostConfig& a, const HostConfig& b) {
    EXPECT_EQ(a.interval, b.interval);
    EXPECT_EQ(a.libvirt, b.libvirt);
    EXPECT_EQ(a.roots, b.roots);
    EXPECT_EQ(a.shares, b.shares);
    EXPECT_EQ(a.share_layout, b.share_layout);
    EXPECT_EQ(a.ledger, b.ledger);
    EXPECT_EQ(a.policy, b.policy);
    EXPECT_EQ(a.cpu_time, b.cpu_time);
}

TEST(HostOptions, ThatAreNotGivenChangeNothing) {
    for (const char* command : {"qemu", "run", "stdout", "prometheus", "vms"}) {
        expect_same(Parsed({command}).applied_to(HostConfig()), HostConfig());
        expect_same(Parsed({command}).applied_to(odd_config()), odd_config());
    }
}

TEST(HostOptions, OverrideTheConfigurationOneByOne) {
    const auto expect_change = [](std::vector<const char*> arguments, auto change) {
        HostConfig expected = odd_config();
        change(expected);
        arguments.insert(arguments.begin(), "run");
        SCOPED_TRACE(arguments[1]);
        expect_same(Parsed(arguments).applied_to(odd_config()), expected);
    };
    expect_change({"--interval", "250ms"}, [](HostConfig& c) { c.interval = 250ms; });
    expect_change({"--proc", "/tmp"}, [](HostConfig& c) { c.roots.proc = "/tmp"; });
    expect_change({"--sys", "/tmp"}, [](HostConfig& c) {
        c.roots.sys = "/tmp";
        c.roots.powercap = "/tmp/class/powercap";
    });
    expect_change({"--powercap", "/p"}, [](HostConfig& c) { c.roots.powercap = "/p"; });
    expect_change({"--cpu-time", "bpf"}, [](HostConfig& c) { c.cpu_time = CpuTimeChoice::bpf; });
    expect_change({"--sys", "/tmp", "--powercap", "/p"}, [](HostConfig& c) {
        c.roots.sys = "/tmp";
        c.roots.powercap = "/p";
    });
    expect_change({"--libvirt-uri", "test:///default"},
                  [](HostConfig& c) { c.libvirt.uri = "test:///default"; });
    expect_change({"--libvirt-run-dir", "/l"}, [](HostConfig& c) { c.libvirt.run_dir = "/l"; });
    expect_change({"--share-root", "/s"}, [](HostConfig& c) { c.shares.root = "/s"; });
    expect_change({"--share-folder", "name"},
                  [](HostConfig& c) { c.shares.folder = ShareFolderNaming::name; });
    expect_change({"--share-layout", "merged"},
                  [](HostConfig& c) { c.share_layout = ShareLayout::merged; });
    expect_change({"--run-dir", "/r"}, [](HostConfig& c) {
        c.shares.run_dir = "/r";
        c.ledger.file = "/r/ledger.json";
        c.ledger.saved_file = "/r/ledger.saved.json";
    });
}

// The same value as the default's is given all the same, and the file says something else.
TEST(HostOptions, OverrideTheConfigurationWithADefaultsValueToo) {
    const HostConfig config = Parsed({"run", "--interval", "1s", "--proc", "/proc", "--sys", "/sys",
                                      "--libvirt-uri", "qemu:///system"})
                                  .applied_to(odd_config());
    EXPECT_EQ(config.interval, 1s);
    EXPECT_EQ(config.roots.proc, "/proc");
    EXPECT_EQ(config.roots.sys, "/sys");
    EXPECT_EQ(config.roots.powercap, "/sys/class/powercap");
    EXPECT_EQ(config.libvirt.uri, "qemu:///system");
}

TEST(HostOptions, AreTakenBeforeAndBehindTheCommand) {
    for (const auto& arguments : {std::vector<const char*>{"--interval", "1s", "qemu"},
                                  std::vector<const char*>{"qemu", "--interval", "1s"}}) {
        EXPECT_EQ(Parsed(arguments).applied_to(odd_config()).interval, 1s);
    }
    for (const auto& arguments : {std::vector<const char*>{"--share-layout=per-socket", "qemu"},
                                  std::vector<const char*>{"qemu", "--share-layout=per-socket"}}) {
        EXPECT_EQ(Parsed(arguments).applied_to({}).share_layout, ShareLayout::per_socket);
    }
}

TEST(HostOptions, KnowEveryNamingAndLayout) {
    EXPECT_EQ(Parsed({"qemu", "--share-folder", "uuid"}).applied_to({}).shares.folder,
              ShareFolderNaming::uuid);
    EXPECT_EQ(Parsed({"qemu", "--share-folder", "name"}).applied_to({}).shares.folder,
              ShareFolderNaming::name);
    EXPECT_EQ(Parsed({"qemu", "--share-layout", "per-socket"}).applied_to({}).share_layout,
              ShareLayout::per_socket);
}

// The agent's folders are compared with those in the XML of VMs, which are absolute.
TEST(HostOptions, MakePathsAbsolute) {
    const HostConfig config =
        Parsed({"qemu", "--share-root", "a/../b", "--run-dir", "./r"}).applied_to({});
    const auto here = std::filesystem::current_path();
    EXPECT_EQ(config.shares.root, here / "b");
    EXPECT_EQ(config.shares.run_dir, here / "r");
    EXPECT_EQ(config.ledger.file, here / "r/ledger.json");
}

TEST(HostOptions, AreRefusedWithWhatIsAllowed) {
    expect_mistake({"qemu", "--share-folder", "title"},
                   "--share-folder: \"title\" is not one of name|uuid");
    expect_mistake({"qemu", "--share-layout", "split"},
                   "--share-layout: \"split\" is not one of merged|per-socket");
    expect_mistake({"qemu", "--interval", "fast"}, "--interval");
    expect_mistake({"qemu", "--interval", "0"}, "out of range");
    expect_mistake({"qemu", "--proc", "/no/such/folder"}, "--proc");
    expect_mistake({"qemu", "--share-root"}, "--share-root");
    expect_mistake({"qemu", "--run-dir", ""}, "--run-dir: a folder is missing");
    expect_mistake({"qemu", "--share-rot", "/x"}, "--share-rot");
    expect_mistake({"qemu", "surplus"}, "surplus");
    expect_mistake({"enroll"}, "NAME");
    expect_mistake({"unenroll"}, "NAME");
    expect_mistake({}, "a command is missing, one of qemu, run");
    expect_mistake({"qemu", "--vm"}, "--vm"); // the guest agent's
}

TEST(RunCommand, TakesItsConfigurationFromTheUsualPlace) {
    const Parsed parsed({"run"});
    EXPECT_EQ(parsed.line.run.config, "/etc/wattvisor/host.yaml");
    EXPECT_FALSE(parsed.line.run.config_given);
    EXPECT_FALSE(parsed.line.run.check_config);
}

TEST(RunCommand, TakesAnotherConfiguration) {
    for (const char* spelling : {"-c", "--config"}) {
        const Parsed parsed({"run", spelling, "/x.yaml", "--check-config"});
        EXPECT_EQ(parsed.exit_code, std::nullopt) << parsed.err;
        EXPECT_EQ(parsed.line.run.config, "/x.yaml");
        EXPECT_TRUE(parsed.line.run.config_given);
        EXPECT_TRUE(parsed.line.run.check_config);
    }
}

TEST(VmsCommand, PrintsATableOrJson) {
    EXPECT_FALSE(Parsed({"vms"}).line.vms.json);
    EXPECT_TRUE(Parsed({"vms", "--json"}).line.vms.json);
}

TEST(EnrollCommand, TakesNamesAndOptions) {
    const Parsed parsed(
        {"enroll", "web1", "--live", "db 1", "--virtiofsd", "/usr/libexec/virtiofsd"});
    EXPECT_EQ(parsed.exit_code, std::nullopt) << parsed.err;
    EXPECT_THAT(parsed.line.enroll.names, ElementsAre("web1", "db 1"));
    EXPECT_TRUE(parsed.line.enroll.live);
    EXPECT_EQ(parsed.line.enroll.virtiofsd, "/usr/libexec/virtiofsd");
    const Parsed other({"unenroll", "web1"});
    EXPECT_EQ(other.exit_code, std::nullopt) << other.err;
    EXPECT_THAT(other.line.enroll.names, ElementsAre("web1"));
    EXPECT_FALSE(other.line.enroll.live);
    EXPECT_EQ(other.line.enroll.virtiofsd, std::nullopt);
}

TEST(EnrollCommand, TakesTheFoldersFromTheOptions) {
    const Parsed parsed({"enroll", "web1", "--share-root", "/s", "--share-folder", "uuid"});
    const HostConfig config = parsed.applied_to(odd_config());
    EXPECT_EQ(config.shares.root, "/s");
    EXPECT_EQ(config.shares.folder, ShareFolderNaming::uuid);
    EXPECT_THAT(parsed.line.enroll.names, ElementsAre("web1"));
}

TEST(HelpText, NamesEveryOptionAndItsDefault) {
    const Parsed parsed({"--help"});
    EXPECT_EQ(parsed.exit_code, kExitOk);
    EXPECT_EQ(parsed.err, "");
    for (const char* text :
         {"--libvirt-uri", "qemu:///system", "--libvirt-run-dir", "/run/libvirt/qemu",
          "--share-root", "/var/lib/libvirt/scaphandre", "--run-dir", "/run/wattvisor",
          "--share-folder", "name|uuid", "--share-layout", "merged|per-socket"}) {
        EXPECT_THAT(parsed.out, HasSubstr(text));
    }
    for (const char* command : {"qemu", "run", "vms", "enroll", "unenroll"}) {
        EXPECT_EQ(Parsed({command, "--help"}).exit_code, kExitOk);
    }
}

TEST(HostOptions, HaveProcessesOnAndOff) {
    EXPECT_FALSE(Parsed({"qemu"}).applied_to({}).processes);
    EXPECT_TRUE(Parsed({"--with-processes", "qemu"}).applied_to({}).processes);
    EXPECT_TRUE(Parsed({"run", "--with-processes"}).applied_to({}).processes);
    HostConfig with;
    with.processes = true;
    with.resources = true;
    EXPECT_TRUE(Parsed({"run"}).applied_to(with).processes);
    EXPECT_FALSE(Parsed({"run", "--no-processes"}).applied_to(with).processes);
    EXPECT_TRUE(Parsed({"run"}).applied_to(with).resources);
    EXPECT_FALSE(Parsed({"run", "--no-resources"}).applied_to(with).resources);
}

} // namespace
} // namespace wattvisor::host
