// SPDX-License-Identifier: Apache-2.0
#include "common/export/stdout_report.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kRule = "------------------------------------------------------------\n\n";

StdoutReportOptions with_qemu() {
    StdoutReportOptions options;
    options.qemu = true;
    return options;
}

TEST(StdoutReport, HasScaphandresLayout) {
    EXPECT_EQ(render_stdout_report(test::host_snapshot(), {}),
              std::string("Host:\t25.500000 W\n"
                          "\tpackage \tcore\t\tdram\n"
                          "Socket0\t15.200000 W |\t4.100000 W\t3.300000 W\n"
                          "Socket1\t7.000000 W |\t---     \t---     \n"
                          "\n"
                          "Top 5 consumers:\n"
                          "Power\t\tPID\tExe\n"
                          "10.312500 W\t4242\t\"qemu-system-x86\"\n") +
                  kRule);
}

TEST(StdoutReport, NamesTheVmWhereAsked) {
    EXPECT_THAT(render_stdout_report(test::host_snapshot(), with_qemu()),
                HasSubstr("Power\t\tPID\tExe\t\t\tVM\n"
                          "10.312500 W\t4242\t\"qemu-system-x86\"\tdb\n"));
}

TEST(StdoutReport, ShowsTheBiggestFirstAndNoMoreThanAsked) {
    Snapshot snapshot = test::guest_snapshot();
    EXPECT_THAT(render_stdout_report(snapshot, {}),
                HasSubstr("0.925000 W\t77\t\"postgres\"\n0.000000 W\t1\t\"systemd\"\n"));
    StdoutReportOptions one;
    one.consumers = 1;
    EXPECT_THAT(render_stdout_report(snapshot, one), Not(HasSubstr("systemd")));
    StdoutReportOptions none;
    none.consumers = 0;
    EXPECT_THAT(render_stdout_report(snapshot, none), Not(HasSubstr("consumers")));
}

// Scaphandre 0.4 panicked where a VM's share has no domains.
TEST(StdoutReport, ShowsASocketWithoutDomains) {
    Snapshot snapshot = test::guest_snapshot();
    snapshot.zones.resize(1);
    EXPECT_THAT(render_stdout_report(snapshot, {}),
                testing::StartsWith("Host:\t0.900000 W\nSocket0\t0.900000 W\n\nTop 5"));
}

TEST(StdoutReport, SaysWhyPowerIsNotKnown) {
    Snapshot snapshot = test::host_snapshot();
    test::take_source_down(snapshot, "/var/scaphandre: it stands still\x1b[2J");
    const std::string down = render_stdout_report(snapshot, {});
    EXPECT_THAT(down, HasSubstr("Host:\tpower is not known:\n\t/var/scaphandre: it stands still"
                                "\\x1b[2J\n"));
    EXPECT_THAT(down, HasSubstr("The power of no process is known yet.\n"));
    EXPECT_THAT(down, Not(HasSubstr(" W")));

    Snapshot first = test::host_snapshot();
    first.measured.reset();
    for (ZoneAccount& account : first.zones) {
        account.power_uw.reset();
    }
    EXPECT_THAT(render_stdout_report(first, {}), HasSubstr("it takes two measurements"));

    Snapshot partial = test::host_snapshot();
    partial.zones[0].power_uw.reset();
    EXPECT_THAT(render_stdout_report(partial, {}),
                testing::AllOf(HasSubstr("a counter could not be read"),
                               HasSubstr("Socket0\t----     |\t4.1")));
}

TEST(StdoutReport, SaysThatPowerIsEstimated) {
    Snapshot snapshot = test::guest_snapshot();
    snapshot.estimated = true;
    EXPECT_THAT(render_stdout_report(snapshot, {}), HasSubstr("Host:\t1.000000 W (estimated"));
}

TEST(StdoutReport, UsesEscapesOnlyForColourAndNeverThoseOfANameAVmHas) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.consumers.push_back(test::consumer(
        ConsumerKind::vm, "k", "\x1b]0;owned\x07\nHost:\t0 W", 9, {1, 1, 1, 1, 1}, 99'000'000));
    EXPECT_THAT(render_stdout_report(snapshot, with_qemu()),
                testing::AllOf(Not(HasSubstr("\x1b")), HasSubstr("\\x1b]0;owned\\x07")));
    StdoutReportOptions colour;
    colour.colour = true;
    EXPECT_THAT(render_stdout_report(snapshot, colour), HasSubstr("\x1b[1m"));
}

std::size_t columns_of(const std::string& line) {
    std::size_t column = 0;
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\t') {
            column += 8 - column % 8;
        } else if ((byte & 0xC0U) != 0x80U) {
            column += byte >= 0xE3 ? 2 : 1; // Chinese; the ellipsis begins with 0xE2
        }
    }
    return column;
}

// Not only the biggest, and not the ones that are cut off by a number.
TEST(StdoutReport, ShowsAllThatARegularExpressionFinds) {
    StdoutReportOptions options;
    options.consumers = 1;
    options.regex = Pattern::parse("^(systemd|postgres)$").value();
    EXPECT_THAT(render_stdout_report(test::guest_snapshot(), options),
                HasSubstr("Processes filtered by '^(systemd|postgres)$':\nPower\t\tPID\tExe\n"
                          "0.925000 W\t77\t\"postgres\"\n0.000000 W\t1\t\"systemd\"\n"));
    options.regex = Pattern::parse("nginx").value();
    EXPECT_THAT(render_stdout_report(test::guest_snapshot(), options),
                HasSubstr("No process is found by it"));
    options.regex = Pattern::parse("\x1b\\[2J").value();
    EXPECT_THAT(render_stdout_report(test::guest_snapshot(), options), Not(HasSubstr("\x1b")));
}

// The first N that are met are not the N biggest: upstream's list was at the mercy of the order.
TEST(StdoutReport, TopNIsTheTopWhateverTheOrder) {
    Snapshot snapshot = test::guest_snapshot();
    snapshot.consumers.clear();
    for (std::uint64_t i = 0; i < 50; ++i) {
        const std::uint64_t power = (i * 37) % 50;
        snapshot.consumers.push_back(test::consumer(ConsumerKind::process, std::to_string(i),
                                                    "p" + std::to_string(power), 1, {1, 1, 1},
                                                    power * 1'000'000));
    }
    StdoutReportOptions three;
    three.consumers = 3;
    EXPECT_THAT(render_stdout_report(snapshot, three),
                HasSubstr("49.000000 W\t1\t\"p49\"\n48.000000 W\t1\t\"p48\"\n"
                          "47.000000 W\t1\t\"p47\"\n---"));
}

TEST(StdoutReport, NamesTheContainerWhereAsked) {
    Snapshot snapshot = test::guest_snapshot();
    auto who = std::make_shared<Consumer>(*snapshot.consumers[1].consumer);
    who->container = std::make_shared<Container>(
        Container{std::string(64, 'a'), "shop_db", {}, {}, {}, {}, {}, {}, {}});
    snapshot.consumers[1].consumer = who;
    StdoutReportOptions options;
    options.containers = true;
    EXPECT_THAT(render_stdout_report(snapshot, options),
                testing::AllOf(HasSubstr("Exe\t\t\tContainer\n"),
                               HasSubstr("77\t\"postgres\"\t\tshop_db\n")));
}

TEST(StdoutReport, FitsEightyColumns) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.zones[0].power_uw = 1'234'000'000;
    snapshot.zones.push_back(
        test::zone("intel-rapl:0:2", "uncore", ZoneKind::uncore, 0, 1, 1'234'000'000));
    snapshot.consumers.push_back(test::consumer(ConsumerKind::vm, "k", std::string(200, 'w'),
                                                4'194'304, {1, 1, 1, 1, 1, 1}, 1'234'000'000));
    // A character of Chinese takes two columns.
    std::string wide;
    for (int i = 0; i < 100; ++i) {
        wide += "\u4e2d";
    }
    snapshot.consumers.push_back(
        test::consumer(ConsumerKind::vm, "w", wide, 4'194'304, {1, 1, 1, 1, 1, 1}, 1));
    auto hostile = std::make_shared<Consumer>(*snapshot.consumers.back().consumer);
    hostile->exe = wide;
    snapshot.consumers.back().consumer = hostile;
    Snapshot down = snapshot;
    test::take_source_down(down, std::string(500, 'y'));
    for (const Snapshot& shown : {snapshot, down}) {
        std::istringstream lines(render_stdout_report(shown, with_qemu()));
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(columns_of(line), 80U) << line;
        }
    }
}

TEST(StdoutReport, KeepsItsColumnsStraight) {
    const std::string text = render_stdout_report(test::host_snapshot(), with_qemu());
    std::istringstream lines(text);
    std::vector<std::string> all;
    for (std::string line; std::getline(lines, line);) {
        all.push_back(line);
    }
    const auto column = [&](std::size_t line, const std::string& word) {
        return columns_of(all[line].substr(0, all[line].find(word)));
    };
    EXPECT_EQ(column(1, "core"), column(2, "4.1"));
    EXPECT_EQ(column(1, "dram"), column(2, "3.3"));
    EXPECT_EQ(column(6, "PID"), column(7, "4242"));
    EXPECT_EQ(column(6, "Exe"), column(7, "\"qemu"));
    EXPECT_EQ(column(6, "VM"), column(7, "db"));
}

TEST(StdoutHeader, NamesTheStep) {
    EXPECT_EQ(stdout_header(2s, false),
              "Wattvisor stdout exporter\nSending ⚡ metrics\nMeasurement step is: 2s\n\n");
}

} // namespace
} // namespace wattvisor
