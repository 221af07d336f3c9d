// SPDX-License-Identifier: Apache-2.0
#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

// A command line of an agent, parsed.
struct CommandLine {
    explicit CommandLine(std::vector<const char*> arguments, Agent agent = Agent::guest) {
        add_global_options(app, global, agent);
        stdout_command = add_stdout_command(app, to_stdout);
        add_json_command(app, json);
        prometheus_command = add_prometheus_command(app, prometheus);
        arguments.insert(arguments.begin(), "wattvisor-guest");
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        exit_code = parse_command_line(app, static_cast<int>(arguments.size()), arguments.data(),
                                       out_stream, err_stream);
        out = out_stream.str();
        err = err_stream.str();
    }

    CLI::App app{"Measures energy", "wattvisor-guest"};
    GlobalOptions global;
    StdoutOptions to_stdout;
    JsonOptions json;
    PrometheusOptions prometheus;
    CLI::App* stdout_command = nullptr;
    CLI::App* prometheus_command = nullptr;
    std::optional<int> exit_code;
    std::string out;
    std::string err;
};

void expect_mistake(std::vector<const char*> arguments, const std::string& said) {
    const CommandLine line(std::move(arguments));
    EXPECT_EQ(line.exit_code, kExitConfiguration) << said;
    EXPECT_THAT(line.err, AllOf(HasSubstr(said), HasSubstr("--help")));
    EXPECT_EQ(line.out, "");
}

TEST(GlobalOptions, HaveTheSeedsDefaults) {
    const CommandLine line({"prometheus"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_EQ(line.global.verbosity, 0U);
    EXPECT_FALSE(line.global.no_header);
    EXPECT_FALSE(line.global.vm);
    EXPECT_EQ(line.global.interval, 1s);
    EXPECT_EQ(line.global.proc, "/proc");
    EXPECT_EQ(line.prometheus.address, "::");
    EXPECT_EQ(line.prometheus.port, 8080);
    EXPECT_EQ(line.prometheus.suffix, "metrics");
    EXPECT_FALSE(line.prometheus.qemu);
    EXPECT_TRUE(line.prometheus_command->parsed());
    EXPECT_FALSE(line.stdout_command->parsed());
}

TEST(GlobalOptions, TakeTheSeedsExamples) {
    const CommandLine line({"--vm", "-s", "powercap_rapl", "stdout", "-t", "60", "-s", "5"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_TRUE(line.global.vm);
    EXPECT_EQ(line.to_stdout.timeout, 60s);
    EXPECT_EQ(line.to_stdout.step, 5s);
}

TEST(GlobalOptions, CountV) {
    EXPECT_EQ(CommandLine({"-vvv", "stdout"}).global.verbosity, 3U);
    EXPECT_EQ(CommandLine({"-v", "-v", "stdout"}).global.verbosity, 2U);
}

TEST(GlobalOptions, AreTakenBehindTheSubcommandToo) {
    const CommandLine line({"prometheus", "--vm", "--interval", "500ms", "-v"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_TRUE(line.global.vm);
    EXPECT_EQ(line.global.interval, 500ms);
    EXPECT_EQ(line.global.verbosity, 1U);
}

TEST(GlobalOptions, TakeBufferSizesOfEitherSpellingAndSaySo) {
    const CommandLine line({"--sensor-buffer-per-socket-max-kB", "1",
                            "--sensor-buffer-per-domain-max-kb", "2", "stdout"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_THAT(line.global.notices,
                testing::ElementsAre(HasSubstr("--sensor-buffer-per-socket-max-kB has no effect"),
                                     HasSubstr("--sensor-buffer-per-domain-max-kB has no effect")));
}

TEST(GlobalOptions, RefuseWhatTheyCannotMean) {
    expect_mistake({"-s", "msr", "stdout"}, "powercap_rapl");
    expect_mistake({"--interval", "5", "--interval", "6d", "stdout"}, "--interval");
    expect_mistake({"--interval", "6d", "stdout"}, "not a unit of time");
    expect_mistake({"--interval", "1ms", "stdout"}, "10ms to 1h");
    expect_mistake({"--interval", "2h", "stdout"}, "10ms to 1h");
    expect_mistake({"--proc", "/no/such/folder", "stdout"}, "/no/such/folder");
    expect_mistake({"--frobnicate"}, "frobnicate");
}

TEST(GlobalOptions, KnowVmInTheGuestOnly) {
    const CommandLine line({"--vm", "stdout"}, Agent::host);
    EXPECT_EQ(line.exit_code, kExitConfiguration);
}

TEST(StdoutCommand, HasTheSeedsDefaultsAndBothSpellings) {
    const CommandLine line({"stdout"});
    EXPECT_EQ(line.to_stdout.timeout, 10s);
    EXPECT_EQ(line.to_stdout.step, 2s);
    EXPECT_EQ(line.to_stdout.processes, 5U);
    EXPECT_EQ(CommandLine({"stdout", "--process", "7"}).to_stdout.processes, 7U);
    EXPECT_EQ(CommandLine({"stdout", "--processes", "8", "-q"}).to_stdout.processes, 8U);
    EXPECT_EQ(CommandLine({"stdout", "-p", "0"}).to_stdout.processes, 0U);
}

// Up to 0.5 it was 0 that meant forever, since 1.0 it is a negative number.
TEST(StdoutCommand, TakesEitherWordForForever) {
    EXPECT_EQ(CommandLine({"stdout", "-t", "0"}).to_stdout.timeout, std::nullopt);
    EXPECT_EQ(CommandLine({"stdout", "-t", "-1"}).to_stdout.timeout, std::nullopt);
    EXPECT_EQ(CommandLine({"stdout", "--timeout=-1"}).to_stdout.timeout, std::nullopt);
    EXPECT_EQ(CommandLine({"stdout", "-t", "2m"}).to_stdout.timeout, 2min);
}

TEST(StdoutCommand, RefusesWhatItCannotMean) {
    expect_mistake({"stdout", "-t", "soon"}, "not a duration");
    expect_mistake({"stdout", "-s", "0"}, "out of range");
    expect_mistake({"stdout", "-p", "-3"}, "not a number from 0 to 10000");
    expect_mistake({"stdout", "-p", "many"}, "\"many\" is not a number");
}

TEST(PrometheusCommand, TakesEveryOption) {
    const CommandLine line({"prometheus", "-a", "127.0.0.1", "-p", "9101", "-s", "/energy", "-q",
                            "--cmdline-limit", "100"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_EQ(line.prometheus.address, "127.0.0.1");
    EXPECT_EQ(line.prometheus.port, 9101);
    EXPECT_EQ(line.prometheus.suffix, "energy");
    EXPECT_TRUE(line.prometheus.qemu);
    EXPECT_EQ(line.prometheus.cmdline_limit, 100U);
}

TEST(PrometheusCommand, RefusesWhatItCannotMean) {
    expect_mistake({"prometheus", "-p", "65536"}, "not a number from 0 to 65535");
    expect_mistake({"prometheus", "-p", "http"}, "not a number");
    expect_mistake({"prometheus", "-s", "a b"}, "--suffix metrics");
    expect_mistake({"prometheus", "-s", "/"}, "--suffix metrics");
    expect_mistake({"prometheus", "-s", "\"><script>"}, "--suffix metrics");
}

TEST(CommandLine, AnswersHelpAndVersionOnStdout) {
    const CommandLine help({"prometheus", "--help"});
    EXPECT_EQ(help.exit_code, kExitOk);
    EXPECT_THAT(help.out, AllOf(HasSubstr("--cmdline-limit"), HasSubstr("8080"),
                                HasSubstr("  wattvisor-guest prometheus -a 127.0.0.1")));
    EXPECT_EQ(help.err, "");
    const CommandLine version({"-V"});
    EXPECT_EQ(version.exit_code, kExitOk);
    EXPECT_EQ(version.out, std::string(WATTVISOR_VERSION) + "\n");
}

TEST(CommandLine, NamesTheSubcommandThatWasMistyped) {
    expect_mistake({"stdout", "--frobnicate"}, "frobnicate");
    EXPECT_THAT(CommandLine({"prometheus", "-p", "x"}).err,
                HasSubstr("wattvisor-guest prometheus --help"));
}

TEST(PowercapFolder, FollowsItsOrder) {
    GlobalOptions options;
    EXPECT_EQ(powercap_folder(options, "/ignored"), "/sys/class/powercap");
    options.sys = "/fake";
    EXPECT_EQ(powercap_folder(options, nullptr), "/fake/class/powercap");
    options.vm = true;
    EXPECT_EQ(powercap_folder(options, nullptr), "/var/scaphandre");
    EXPECT_EQ(powercap_folder(options, ""), "/var/scaphandre");
    EXPECT_EQ(powercap_folder(options, "/mnt/share"), "/mnt/share");
    options.powercap = "/given";
    EXPECT_EQ(powercap_folder(options, "/mnt/share"), "/given");
}

TEST(StdoutCommand, TakesARegularExpressionInAllSpellings) {
    for (const char* option : {"-r", "--regex", "--regex-filter"}) {
        const CommandLine line({"stdout", option, "nginx|php", "--containers", "--raw-metrics"});
        EXPECT_EQ(line.to_stdout.regex.value().text(), "nginx|php");
        EXPECT_TRUE(line.to_stdout.containers && line.to_stdout.raw_metrics);
    }
    expect_mistake({"stdout", "-r", "("}, "--regex: \"(\": is no regular expression");
}

TEST(JsonCommand, HasScaphandresDefaults) {
    const CommandLine line({"json"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_EQ(line.json.timeout, 10s);
    EXPECT_EQ(line.json.step, 2s);
    EXPECT_EQ(line.json.max_top_consumers, 10U);
    EXPECT_TRUE(line.json.file.empty());
}

TEST(JsonCommand, TakesAllSpellings) {
    const CommandLine line({"json", "-t", "0", "-s", "0", "-n", "100000000", "-f", "r.json", "-m",
                            "3", "--containers", "--container-regex", "c", "--process-regex", "p",
                            "--resources", "-q"});
    EXPECT_EQ(line.exit_code, std::nullopt) << line.err;
    EXPECT_EQ(line.json.timeout, std::nullopt);
    EXPECT_EQ(line.json.step, 100ms);
    EXPECT_EQ(line.json.file, "r.json");
    EXPECT_EQ(line.json.max_top_consumers, 3U);
    EXPECT_EQ(line.json.container_regex.value().text(), "c");
    EXPECT_EQ(line.json.process_regex.value().text(), "p");
    EXPECT_TRUE(line.json.containers && line.json.resources);
    EXPECT_EQ(CommandLine({"json", "--step_nano", "500000000"}).json.step, 2500ms);
    EXPECT_EQ(CommandLine({"json", "--step", "1", "--step-nano", "5"}).json.step, 1'000'000'005ns);
}

TEST(JsonCommand, SaysWhatIsWrong) {
    expect_mistake({"json", "-s", "0"}, "10ms to 1h");
    expect_mistake({"json", "-s", "0", "-n", "5"}, "10ms to 1h");
    expect_mistake({"json", "-n", "-5"}, "--step-nano");
    expect_mistake({"json", "--container-regex", "a"}, "--containers");
    expect_mistake({"json", "--process-regex", "["}, "is no regular expression");
}

} // namespace
} // namespace wattvisor
