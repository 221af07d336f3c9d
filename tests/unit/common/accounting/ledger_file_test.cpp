// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger_file.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <sys/stat.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::FakeTree;
using testing::HasSubstr;
using Wall = std::chrono::system_clock::time_point;

namespace fs = std::filesystem;

constexpr Wall kNoon{std::chrono::hours(24)};
const LedgerTextOptions kNobody{};

ConsumerPtr vm(const std::string& key, const std::string& name) {
    auto made = std::make_shared<Consumer>();
    made->kind = ConsumerKind::vm;
    made->key = key;
    made->name = name;
    return made;
}

// Two zones; "uuid-1" is listed, "uuid-2" has ended, "uuid-3" is forgotten.
Ledger example(const std::string& name = "web") {
    Ledger ledger(Residual::idle);
    ledger.zone_index({"intel-rapl:0", "package-0", ZoneKind::package, 0, 1000});
    ledger.zone_index({"intel-rapl:1:0", "dram", ZoneKind::dram, 1, 500});
    Account& first = ledger.open(vm("uuid-1", name));
    Account& second = ledger.open(vm("uuid-2", "db"));
    Account& third = ledger.open(vm("uuid-3", "old"));
    ledger.charge(0, 1000, {{&first, 5}, {&second, 2}, {&third, 1}}, 2);
    ledger.charge(1, 700, {{&first, 1}}, 0);
    ledger.charge(0, 50, {}, 0);
    ledger.close_unlisted({{&first, 5}, {&second, 2}, {&third, 1}}, kNoon, kNoon - 1h);
    ledger.close_unlisted({{&first, 5}, {&second, 2}}, kNoon + 1s, kNoon - 1h);
    ledger.close_unlisted({{&first, 5}}, kNoon + 1h, kNoon + 1min);
    return ledger;
}

Snapshot snapshot_of(const Ledger& ledger) {
    Snapshot snapshot;
    snapshot.epoch = "00ff00ff00ff00ff";
    snapshot.sequence = 17;
    snapshot.wall = kNoon + 2h + 3ms;
    snapshot.interval = 1s;
    for (const auto& [id, account] : ledger.accounts()) {
        if (account.listed) {
            ConsumerAccount consumer;
            consumer.consumer = account.consumer;
            consumer.power_uw = 2'500'000;
            snapshot.consumers.push_back(consumer);
        }
    }
    return snapshot;
}

std::string example_text(const std::string& name = "web") {
    const Ledger ledger = example(name);
    return encode_ledger(ledger, snapshot_of(ledger), {"boot-1", false, {}});
}

std::string with(const std::string& what, const std::string& instead) {
    std::string text = example_text();
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), instead);
}

std::string problem_of(const std::string& text) {
    const auto record = decode_ledger(text, "ledger.json");
    if (!record) {
        return record.error().message();
    }
    const auto sums = check_ledger(*record, "ledger.json");
    return sums ? "none" : sums.error().message();
}

TEST(LedgerFile, BringsBackWhatWasWritten) {
    const auto record = decode_ledger(example_text(), "ledger.json");
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_EQ(record->epoch, "00ff00ff00ff00ff");
    EXPECT_EQ(record->sequence, 17U);
    EXPECT_EQ(record->interval_ns, 1'000'000'000U);
    EXPECT_EQ(record->written_unix_ms, std::chrono::milliseconds(26h + 3ms).count());

    ASSERT_EQ(record->zones.size(), 2U);
    EXPECT_EQ(record->zones[0].zone.id, "intel-rapl:0");
    EXPECT_EQ(record->zones[0].zone.name, "package-0");
    EXPECT_EQ(record->zones[0].total_uj, 1050U);
    EXPECT_EQ(record->zones[0].folded_uj, 100U);
    EXPECT_EQ(record->zones[0].other_uj, 200U);
    EXPECT_EQ(record->zones[0].idle_uj, 50U);
    EXPECT_EQ(record->zones[1].zone.socket, 1U);

    ASSERT_EQ(record->rows.size(), 2U);
    const auto& [first, first_power] = record->rows[0];
    EXPECT_EQ(first.consumer->key, "uuid-1");
    EXPECT_EQ(first.consumer->name, "web");
    EXPECT_EQ(first.total_uj, (std::vector<std::uint64_t>{500, 700}));
    EXPECT_TRUE(first.listed);
    EXPECT_EQ(first_power, 2'500'000U);
    const auto& [second, second_power] = record->rows[1];
    EXPECT_EQ(second.total_uj, (std::vector<std::uint64_t>{200, 0}));
    EXPECT_FALSE(second.listed);
    EXPECT_EQ(second.ended, kNoon + 1h);
    EXPECT_EQ(second_power, std::nullopt);
}

// A restored zone that took itself for a package would be added to the packages' energy.
TEST(LedgerFile, RemembersTheKindOfAZone) {
    const auto record = decode_ledger(example_text(), "ledger.json");
    ASSERT_TRUE(record);
    EXPECT_EQ(record->zones[0].zone.kind, ZoneKind::package);
    EXPECT_EQ(record->zones[1].zone.kind, ZoneKind::dram);
}

TEST(LedgerFile, RestoresALedgerThatAddsUpAndGoesOn) {
    auto record = decode_ledger(example_text(), "ledger.json");
    ASSERT_TRUE(record);
    Ledger ledger(Residual::idle);
    restore_ledger(ledger, std::move(*record), kNoon + 27h);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
    EXPECT_EQ(ledger.open(vm("uuid-1", "web")).total_uj, (std::vector<std::uint64_t>{500, 700}));
    EXPECT_EQ(ledger.open(vm("uuid-2", "db")).total_uj, (std::vector<std::uint64_t>{200, 0}));
    EXPECT_EQ(ledger.open(vm("uuid-3", "old")).total_uj, (std::vector<std::uint64_t>{0, 0}));
    EXPECT_EQ(ledger.zones()[0].total_uj, 1050U);
}

// The agent was off from Friday to Monday while the VM ran: its time to be kept begins now, or its
// totals would be forgotten before libvirt could name it.
TEST(LedgerFile, TakesWhatWasListedForEndedNotBeforeItIsRestored) {
    auto record = decode_ledger(example_text(), "ledger.json");
    ASSERT_TRUE(record);
    Ledger ledger(Residual::idle);
    restore_ledger(ledger, std::move(*record), kNoon + 27h);
    const Account& first = ledger.accounts().begin()->second;
    EXPECT_EQ(first.consumer->key, "uuid-1");
    EXPECT_FALSE(first.listed);
    EXPECT_EQ(first.ended, kNoon + 27h);
}

TEST(LedgerFile, HoldsAnEmptyLedger) {
    const Ledger empty(Residual::idle);
    const auto record = decode_ledger(encode_ledger(empty, Snapshot{}, kNobody), "ledger.json");
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_TRUE(record->zones.empty());
    EXPECT_TRUE(record->rows.empty());
}

TEST(LedgerFile, KeepsTheLargestTotals) {
    Ledger ledger(Residual::idle);
    ledger.zone_index({"intel-rapl:0", "package-0", ZoneKind::package, 0, 0});
    Account& account = ledger.open(vm("uuid-1", "web"));
    ledger.charge(0, UINT64_MAX, {{&account, 1}}, 0);
    const auto record = decode_ledger(encode_ledger(ledger, Snapshot{}, kNobody), "ledger.json");
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_EQ(record->rows[0].account.total_uj[0], UINT64_MAX);
}

// Whoever may define a domain chooses its name.
TEST(LedgerFile, SurvivesHostileNames) {
    for (const std::string name : {"a\"b", "a\\", "a\nb", "a\tb", "\"},{\"key\":\"x\"", "{}",
                                   "\x01\x1f", "\xe2\x98\x83", "{0}%s", "</script>"}) {
        const auto record = decode_ledger(example_text(name), "ledger.json");
        ASSERT_TRUE(record) << name << ": " << record.error().message();
        EXPECT_EQ(record->rows[0].account.consumer->name, name);
        EXPECT_EQ(record->rows.size(), 2U);
    }
}

TEST(LedgerFile, ReplacesWhatIsNotUtf8) {
    const std::string nul("a\0b", 3);
    for (const std::string& name : {std::string("a\xff\xfe"), std::string("\xc3"),
                                    std::string("\xed\xa0\x80"), std::string("\xc0\xaf"), nul}) {
        const auto record = decode_ledger(example_text(name), "ledger.json");
        ASSERT_TRUE(record) << record.error().message();
        EXPECT_EQ(record->rows[0].account.total_uj, (std::vector<std::uint64_t>{500, 700}));
    }
}

TEST(LedgerFile, CutOffAnywhereIsAnErrorAndNoCrash) {
    const std::string text = example_text();
    ASSERT_EQ(text.back(), '\n'); // without it nothing is lost
    for (std::size_t length = 0; length + 1 < text.size(); ++length) {
        const auto record = decode_ledger(text.substr(0, length), "ledger.json");
        ASSERT_FALSE(record) << length;
        ASSERT_EQ(record.error().severity, Severity::fatal);
    }
}

// Every change of a single character either shows, or harms nothing: the sums hold.
TEST(LedgerFile, ChangedAnywhereNeverYieldsTotalsThatDoNotAddUp) {
    const std::string text = example_text();
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char c : {'9', '"', '-', '\0'}) {
            std::string changed = text;
            changed[at] = c;
            auto record = decode_ledger(changed, "ledger.json");
            if (record && check_ledger(*record, {})) {
                Ledger ledger(Residual::idle);
                restore_ledger(ledger, std::move(*record), kNoon + 27h);
                ASSERT_EQ(ledger.conservation_error_uj(), 0U) << at << ' ' << c;
            }
        }
    }
}

TEST(LedgerFile, SaysWhatToDoWithAFileThatItDoesNotUnderstand) {
    const auto record = decode_ledger("not json", "/var/lib/wattvisor/ledger.json");
    ASSERT_FALSE(record);
    EXPECT_THAT(record.error().message(), HasSubstr("/var/lib/wattvisor/ledger.json: is not a"));
    EXPECT_THAT(record.error().hint, HasSubstr("Move it away"));
}

TEST(LedgerFile, RefusesSumsThatDoNotAddUp) {
    EXPECT_THAT(problem_of(with("\"total_uj\":1050", "\"total_uj\":1051")),
                HasSubstr("the parts of zone intel-rapl:0 do not add up"));
    EXPECT_THAT(problem_of(with("\"intel-rapl:0\":500", "\"intel-rapl:0\":501")),
                HasSubstr("do not add up"));
}

TEST(LedgerFile, RefusesAnotherFormat) {
    EXPECT_THAT(problem_of(with("\"format\":2", "\"format\":3")), HasSubstr("format is not 2"));
    EXPECT_THAT(problem_of(with("\"format\":2", "\"format\":\"2\"")), HasSubstr("is not a ledger"));
    EXPECT_NE(problem_of("{}"), "none");
    EXPECT_NE(problem_of("[]"), "none");
    EXPECT_NE(problem_of("null"), "none");
}

TEST(LedgerFile, RefusesWhatIsNoWholeNumber) {
    for (const std::string number :
         {"-50", "50.0", "5e1", "\"50\"", "true", "null", "[50]", "18446744073709551666"}) {
        EXPECT_NE(problem_of(with("\"idle_uj\":50", "\"idle_uj\":" + number)), "none") << number;
    }
}

// -50 and 100 do add up to 50, and in unsigned numbers even without a complaint.
TEST(LedgerFile, RefusesNegativePartsAlsoWhereTheSumIsRight) {
    std::string text = with("\"idle_uj\":50", "\"idle_uj\":-50");
    const std::string other = "\"other_uj\":200";
    text.replace(text.find(other), other.size(), "\"other_uj\":300");
    EXPECT_THAT(problem_of(text), HasSubstr("-50"));
}

TEST(LedgerFile, RefusesTimesThatNoClockCanShow) {
    EXPECT_NE(
        problem_of(with("\"ended_unix_ms\":90000000", "\"ended_unix_ms\":9223372036854775807")),
        "none");
    EXPECT_NE(
        problem_of(with("\"written_unix_ms\":93600003", "\"written_unix_ms\":9223372036854775807")),
        "none");
}

TEST(LedgerFile, RefusesAKeyOrAZoneThatIsThereTwice) {
    EXPECT_THAT(problem_of(with("uuid-2", "uuid-1")), HasSubstr("twice"));
    EXPECT_THAT(problem_of(with("\"id\":\"intel-rapl:1:0\"", "\"id\":\"intel-rapl:0\"")),
                HasSubstr("twice"));
}

TEST(LedgerFile, RefusesAnAccountThatLacksAZone) {
    EXPECT_NE(problem_of(with(",\"intel-rapl:1:0\":700", "")), "none");
}

TEST(LedgerFile, IsGoneWhereThereIsNone) {
    const FakeTree tree;
    const auto record = read_ledger_file(tree.root() / "ledger.json");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().severity, Severity::gone);
}

TEST(LedgerFile, IsAnErrorWhereItIsEmpty) {
    const FakeTree tree;
    const auto record = read_ledger_file(tree.file("ledger.json", ""));
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().severity, Severity::fatal) << "it is there, so it is not gone";
}

TEST(LedgerFile, IsWrittenAndReadBack) {
    const FakeTree tree;
    const fs::path path = tree.root() / "ledger.json";
    const std::string text = example_text();
    ASSERT_TRUE(write_ledger_file(path, text));
    EXPECT_EQ(tree.read("ledger.json"), text);
    const auto record = read_ledger_file(path);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->rows.size(), 2U);
    EXPECT_FALSE(fs::exists(path.string() + ".new"));
}

TEST(LedgerFile, IsNoBusinessOfOtherUsers) {
    const FakeTree tree;
    const fs::path path = tree.root() / "ledger.json";
    ASSERT_TRUE(write_ledger_file(path, "x"));
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0007U, 0U);
}

// A reader that has the old file open goes on reading the old file: it is replaced, not rewritten.
TEST(LedgerFile, IsReplacedAsAWhole) {
    const FakeTree tree;
    const fs::path path = tree.file("ledger.json", "old");
    fs::create_hard_link(path, tree.root() / "reader");
    ASSERT_TRUE(write_ledger_file(path, "new"));
    EXPECT_EQ(tree.read("ledger.json"), "new");
    EXPECT_EQ(tree.read("reader"), "old");
}

TEST(LedgerFile, StaysAsItWasWhenItCannotBeReplaced) {
    const FakeTree tree;
    const fs::path path = tree.file("ledger.json", "old");
    tree.folder("ledger.json.new"); // in the way of the temporary file
    const auto written = write_ledger_file(path, "new");
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().message(), HasSubstr("Totals will not survive"));
    EXPECT_EQ(tree.read("ledger.json"), "old");
}

TEST(LedgerFile, IsNotWrittenThroughALink) {
    const FakeTree tree;
    tree.file("victim", "precious");
    fs::create_symlink(tree.root() / "victim", tree.root() / "ledger.json.new");
    EXPECT_FALSE(write_ledger_file(tree.root() / "ledger.json", "new"));
    EXPECT_EQ(tree.read("victim"), "precious");
}

TEST(LedgerFile, OverwritesWhatAKilledAgentLeftBehind) {
    const FakeTree tree;
    tree.file("ledger.json.new", std::string(10'000, 'x'));
    ASSERT_TRUE(write_ledger_file(tree.root() / "ledger.json", "new"));
    EXPECT_EQ(tree.read("ledger.json"), "new");
}

TEST(LedgerFile, CannotBeWrittenIntoAFolderThatIsNotThere) {
    const FakeTree tree;
    EXPECT_FALSE(write_ledger_file(tree.root() / "no" / "ledger.json", "new"));
}

} // namespace
} // namespace wattvisor
