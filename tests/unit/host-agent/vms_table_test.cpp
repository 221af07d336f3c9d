// SPDX-License-Identifier: Apache-2.0
#include "common/cli/display_width.hpp"
#include "host-agent/vms_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>
#include <string>
#include <vector>

namespace wattvisor::host {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kUuid = "00000000-0000-4000-8000-00000000000";

VmRow row(std::string name, int number) {
    VmRow row;
    row.name = std::move(name);
    row.uuid = kUuid + std::to_string(number);
    row.state = "running";
    row.enrolled = Enrollment::yes;
    row.share_source = "/s";
    return row;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

TEST(VmsTable, AlignsColumns) {
    VmRow off = row("db", 2);
    off.state = "shut off";
    off.enrolled = Enrollment::no;
    EXPECT_EQ(render_vms_table(std::vector{row("web-1", 1), off}),
              "NAME   UUID                                  STATE     ENROLLED\n"
              "web-1  00000000-0000-4000-8000-000000000001  running   yes\n"
              "db     00000000-0000-4000-8000-000000000002  shut off  no\n");
}

TEST(VmsTable, ShowsEnergyWhereItIsKnown) {
    VmRow measured = row("web-1", 1);
    measured.share_ok = true;
    measured.watts = 12.345;
    measured.joules = 1234567.89;
    VmRow unknown = row("db", 2);
    unknown.enrolled = Enrollment::ninep;
    unknown.share_ok = false;
    EXPECT_EQ(render_vms_table(std::vector{measured, unknown}, 120),
              "NAME   UUID                                  STATE    ENROLLED  SHARE    WATTS     "
              "JOULES\n"
              "web-1  00000000-0000-4000-8000-000000000001  running  yes       ok        12.3  "
              "1234567.9\n"
              "db     00000000-0000-4000-8000-000000000002  running  9p        missing      -     "
              "     -\n");
}

TEST(VmsTable, FitsEightyColumns) {
    std::vector<VmRow> rows{row("a-rather-long-name-of-a-virtual-machine", 1),
                            row("数据库数据库数据库数据库", 2)};
    for (VmRow& vm : rows) {
        vm.share_ok = true;
        vm.watts = 1000.0;
        vm.joules = 123456789012.0;
    }
    const std::string table = render_vms_table(rows);
    for (const std::string& line : lines_of(table)) {
        EXPECT_LE(display_width(line), 80U) << line;
    }
    EXPECT_THAT(table, HasSubstr("  00000000  ")) << "the UUID's first group";
    EXPECT_THAT(table, HasSubstr("…"));
    EXPECT_THAT(table, HasSubstr("123456789012.0"));
}

TEST(VmsTable, WideCharactersKeepTheColumnsAligned) {
    const std::vector<std::string> lines =
        lines_of(render_vms_table(std::vector{row("数据", 1), row("abcd", 2)}));
    ASSERT_EQ(lines.size(), 3U);
    const auto column_of_uuid = [](const std::string& line) {
        return display_width(line.substr(0, line.find("00000000")));
    };
    EXPECT_EQ(column_of_uuid(lines[1]), column_of_uuid(lines[2]));
}

TEST(VmsTable, HostileNamesCannotReachTheTerminal) {
    const std::string table = render_vms_table(std::vector{row("\x1b[2Jgone\nroot\xFF", 1)});
    EXPECT_THAT(table, Not(HasSubstr("\x1b")));
    EXPECT_EQ(lines_of(table).size(), 2U);
}

TEST(VmsTable, SaysWhenThereIsNothing) {
    EXPECT_EQ(render_vms_table({}), "No VM is defined at this hypervisor.\n");
}

TEST(VmsJson, HasEveryFieldAndNullForTheUnknown) {
    VmRow vm = row("数据", 1);
    vm.watts = 12.5;
    const auto json = nlohmann::json::parse(render_vms_json(std::vector{vm}));
    ASSERT_EQ(json.size(), 1U);
    EXPECT_EQ(json[0]["name"], "数据");
    EXPECT_EQ(json[0]["uuid"], kUuid + "1");
    EXPECT_EQ(json[0]["state"], "running");
    EXPECT_EQ(json[0]["enrolled"], "yes");
    EXPECT_EQ(json[0]["share_source"], "/s");
    EXPECT_EQ(json[0]["watts"], 12.5);
    EXPECT_TRUE(json[0]["joules"].is_null());
    EXPECT_TRUE(json[0]["share_ok"].is_null());
}

TEST(VmsJson, EmptyListAndBytesThatAreNoUtf8) {
    EXPECT_EQ(render_vms_json({}), "[]\n");
    const auto json = nlohmann::json::parse(render_vms_json(std::vector{row("a\xFF", 1)}));
    EXPECT_EQ(json[0]["name"], "a\xEF\xBF\xBD");
}

} // namespace
} // namespace wattvisor::host
