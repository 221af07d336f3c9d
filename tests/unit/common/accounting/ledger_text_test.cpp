// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger_file.hpp"
#include "common/accounting/ledger_text.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::consumer;
using test::FakeTree;
using testing::HasSubstr;
using Wall = std::chrono::system_clock::time_point;

constexpr Wall kNoon{std::chrono::hours(24)};
const LedgerTextOptions kWhole{"boot-1", true, {}};
const LedgerTextOptions kApart{"boot-1", false, "ledger.json.ended-a"};

// Two zones; "awake" is listed, "at rest" has ended. All carries are open.
Ledger example() {
    Ledger ledger(Residual::idle);
    ledger.zone_index({"intel-rapl:0", "package-0", ZoneKind::package, 0, 1000});
    ledger.zone_index({"intel-rapl:2", "package-2", ZoneKind::package, 2, 500});
    Account& awake = ledger.open(consumer("awake"));
    Account& at_rest = ledger.open(consumer("at rest"));
    ledger.charge(0, 1'000, {{&awake, 1}, {&at_rest, 1}}, 3, 2);
    ledger.charge(1, 100, {{&awake, 1}, {&at_rest, 1}}, 1, 0);
    ledger.close_unlisted({{&awake, 1}, {&at_rest, 1}}, kNoon, kNoon - 1h);
    ledger.close_unlisted({{&awake, 1}}, kNoon + 1s, kNoon - 1h);
    ZoneTotals& notes = ledger.notes(0);
    notes.counter_uj = 123'456;
    notes.unmetered_uj = 77;
    notes.wraps = 3;
    notes.resets = 2;
    notes.jumps = 1;
    notes.floor_uw = 4'500'000;
    return ledger;
}

std::string text_of(const Ledger& ledger, const LedgerTextOptions& options = kWhole) {
    Snapshot snapshot;
    snapshot.wall = kNoon + 1min;
    return encode_ledger(ledger, snapshot, options);
}

LedgerRecord decoded(const std::string& text) {
    auto record = decode_ledger(text, "ledger.json");
    EXPECT_TRUE(record) << (record ? "" : record.error().message());
    return record ? std::move(*record) : LedgerRecord{};
}

std::string problem_of(const std::string& text) {
    const auto record = decode_ledger(text, "ledger.json");
    return record ? "none" : record.error().message();
}

std::string with(std::string text, const std::string& what, const std::string& instead) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what << " in " << text;
    return at == std::string::npos ? text : text.replace(at, what.size(), instead);
}

TEST(LedgerText, HoldsWhoseLedgerItIs) {
    const Ledger ledger = example();
    const LedgerRecord record = decoded(text_of(ledger));
    EXPECT_EQ(record.id, ledger.id());
    EXPECT_EQ(record.boot_id, "boot-1");
    EXPECT_TRUE(record.ended_in_order);
    EXPECT_TRUE(record.ended_accounts_in.empty());
    EXPECT_FALSE(decoded(text_of(example(), kApart)).ended_in_order);
}

TEST(LedgerText, HoldsAllThatIsKnownOfACounter) {
    const LedgerRecord record = decoded(text_of(example()));
    ASSERT_EQ(record.zones.size(), 2U);
    const ZoneTotals& first = record.zones[0];
    EXPECT_EQ(first.counter_uj, 123'456U);
    EXPECT_EQ(first.unmetered_uj, 77U);
    EXPECT_EQ(first.wraps, 3U);
    EXPECT_EQ(first.resets, 2U);
    EXPECT_EQ(first.jumps, 1U);
    EXPECT_EQ(first.floor_uw, 4'500'000U);
    EXPECT_EQ(first.zone.max_energy_range_uj, 1'000U) << "a wrap over a restart needs it";
    EXPECT_EQ(record.zones[1].counter_uj, std::nullopt);
    EXPECT_EQ(record.zones[1].floor_uw, std::nullopt);
    EXPECT_EQ(record.zones[1].zone.socket, 2U);
}

// A restart each hour would otherwise take up to a microjoule per consumer and hour.
TEST(LedgerText, HoldsWhatRoundingOwes) {
    const Ledger ledger = example();
    const LedgerRecord record = decoded(text_of(ledger));
    for (std::size_t zone = 0; zone < 2; ++zone) {
        EXPECT_EQ(record.zones[zone].other_carry, ledger.zones()[zone].other_carry);
        EXPECT_EQ(record.zones[zone].idle_carry, ledger.zones()[zone].idle_carry);
    }
    EXPECT_NE(record.zones[0].other_carry, 0);
    EXPECT_NE(record.zones[0].idle_carry, 0);
    EXPECT_NE(record.zones[0].other_carry, record.zones[0].idle_carry);
    std::size_t row = 0;
    for (const auto& [id, account] : ledger.accounts()) {
        EXPECT_EQ(record.rows[row].account.consumer->key, account.consumer->key);
        EXPECT_EQ(record.rows[row].account.carry, account.carry);
        EXPECT_NE(account.carry[0], 0);
        ++row;
    }
}

TEST(LedgerText, LeavesWhatEndedToATextOfItsOwn) {
    const Ledger ledger = example();
    LedgerRecord record = decoded(text_of(ledger, kApart));
    EXPECT_EQ(record.ended_accounts_in, "ledger.json.ended-a");
    ASSERT_EQ(record.rows.size(), 1U);
    EXPECT_EQ(record.rows[0].account.consumer->key, "awake");
    EXPECT_THAT(check_ledger(record, "ledger.json").error().message(), HasSubstr("do not add up"))
        << "a part is missing";
    ASSERT_TRUE(decode_ended_accounts(encode_ended_accounts(ledger), "ended", record));
    ASSERT_EQ(record.rows.size(), 2U);
    EXPECT_EQ(record.rows[1].account.consumer->key, "at rest");
    EXPECT_EQ(record.rows[1].account.ended, kNoon + 1s);
    EXPECT_FALSE(record.rows[1].account.listed);
    EXPECT_TRUE(check_ledger(record, "ledger.json"));
}

TEST(LedgerText, RefusesAnAccountThatIsInBothTexts) {
    const Ledger ledger = example();
    LedgerRecord record = decoded(text_of(ledger)); // all of them
    const auto added = decode_ended_accounts(encode_ended_accounts(ledger), "ended", record);
    ASSERT_FALSE(added);
    EXPECT_THAT(added.error().message(), HasSubstr("at rest is there twice"));
}

TEST(LedgerText, RefusesEndedAccountsThatAreNone) {
    LedgerRecord record = decoded(text_of(example(), kApart));
    for (const std::string text :
         {"", "{}", "[]", R"({"format":3,"accounts":[]})", R"({"format":2,"accounts":[{}]})"}) {
        EXPECT_FALSE(decode_ended_accounts(text, "ended", record)) << text;
    }
}

// 0.1.0 wrote neither identity nor carries nor counters; its totals go on.
TEST(LedgerText, StillReadsTheFirstFormat) {
    const LedgerRecord record = decoded(
        R"({"format":1,"epoch":"00ff","sequence":5,"written_unix_ms":1000,"interval_ns":1000000000,)"
        R"("zones":[{"id":"intel-rapl:0","name":"package-0","socket":0,"total_uj":60,)"
        R"("folded_uj":10,"other_uj":20,"idle_uj":5}],)"
        R"("accounts":[{"key":"uuid-1","name":"web","ended_unix_ms":null,"power_uw":7,)"
        R"("zones_uj":{"intel-rapl:0":25}}]})");
    EXPECT_EQ(record.id, LedgerId());
    EXPECT_TRUE(record.boot_id.empty());
    EXPECT_TRUE(record.ended_accounts_in.empty());
    ASSERT_EQ(record.zones.size(), 1U);
    EXPECT_EQ(record.zones[0].total_uj, 60U);
    EXPECT_EQ(record.zones[0].counter_uj, std::nullopt);
    EXPECT_EQ(record.zones[0].other_carry, 0);
    ASSERT_EQ(record.rows.size(), 1U);
    EXPECT_EQ(record.rows[0].account.total_uj, std::vector<std::uint64_t>{25});
    EXPECT_EQ(record.rows[0].account.carry, std::vector<std::int64_t>{0});
    EXPECT_TRUE(check_ledger(record, "ledger.json"));
}

// A carry is a fraction of a microjoule. One of 2^63 would be handed out as two billion of them,
// one by one.
TEST(LedgerText, RefusesACarryThatIsNoFraction) {
    const std::string text = text_of(example());
    const std::string carry = "\"other_carry\":" + std::to_string(example().zones()[0].other_carry);
    for (const std::string number : {"1099511627777", "-1099511627777", "9223372036854775807",
                                     "18446744073709551615", "0.5", "\"0\"", "null"}) {
        EXPECT_NE(problem_of(with(text, carry, "\"other_carry\":" + number)), "none") << number;
    }
    for (const std::string number : {"1099511627776", "-1099511627776", "0"}) {
        EXPECT_EQ(problem_of(with(text, carry, "\"other_carry\":" + number)), "none") << number;
    }
}

TEST(LedgerText, RefusesATextThatLacksSomething) {
    const std::string text = text_of(example());
    for (const std::string field : {"ledger_id", "boot_id", "ended_in_order", "ended_accounts_in",
                                    "unmetered_uj", "other_carry", "idle_carry", "counter_uj",
                                    "range_uj", "wraps", "resets", "jumps", "floor_uw", "carry"}) {
        EXPECT_NE(problem_of(with(text, "\"" + field + "\":", "\"no\":")), "none") << field;
    }
}

TEST(LedgerText, NamesEachLedgerAnew) {
    std::set<std::string> seen;
    for (int i = 0; i < 50; ++i) {
        const std::string id = to_string(Ledger(Residual::idle).id());
        EXPECT_EQ(id.size(), 32U);
        EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
        seen.insert(id);
    }
    EXPECT_EQ(seen.size(), 50U);
}

// The file of those that ended is written first, so a ledger never names one that is not there;
// where it is missing all the same, totals would be lost without a word.
TEST(LedgerFileInTwo, IsAnErrorWhereThePartThatItNamesIsMissing) {
    const FakeTree tree;
    const auto path = tree.file("ledger.json", text_of(example(), kApart));
    const auto record = read_ledger_file(path);
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().severity, Severity::fatal) << "not gone: that would begin at 0";
    EXPECT_THAT(record.error().message(), HasSubstr("ledger.json.ended-a"));
}

TEST(LedgerFileInTwo, IsReadTogether) {
    const FakeTree tree;
    tree.file("ledger.json.ended-a", encode_ended_accounts(example()));
    const auto record = read_ledger_file(tree.file("ledger.json", text_of(example(), kApart)));
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_EQ(record->rows.size(), 2U);
}

TEST(LedgerFileInTwo, IsAnErrorWhereThePartsAreOfTwoLedgers) {
    const FakeTree tree;
    tree.file("ledger.json.ended-a", encode_ended_accounts(Ledger(Residual::idle)));
    const auto record = read_ledger_file(tree.file("ledger.json", text_of(example(), kApart)));
    ASSERT_FALSE(record);
    EXPECT_THAT(record.error().message(), HasSubstr("do not add up"));
}

TEST(LedgerFileInTwo, FollowsNoPathToItsPart) {
    const FakeTree tree;
    tree.file("elsewhere", encode_ended_accounts(example()));
    for (const std::string name : {"../elsewhere", "/etc/passwd", "a/b", "/"}) {
        const LedgerTextOptions options{"boot-1", false, name};
        const auto record =
            read_ledger_file(tree.file("folder/ledger.json", text_of(example(), options)));
        ASSERT_FALSE(record) << name;
        EXPECT_THAT(record.error().message(), HasSubstr("names a path")) << name;
    }
}

} // namespace
} // namespace wattvisor
