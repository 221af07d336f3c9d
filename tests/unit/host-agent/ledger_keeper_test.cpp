// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger_file.hpp"
#include "host-agent/ledger_keeper.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/support/log_capture.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>
#include <string>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using wattvisor::test::FakeTree;

namespace fs = std::filesystem;

constexpr std::chrono::system_clock::time_point kNow{std::chrono::hours(24)};

class RisingEnergy final : public EnergySource {
public:
    [[nodiscard]] Result<EnergySample> read(nanoseconds now) override {
        EnergySample sample;
        sample.zones = std::make_shared<const ZoneList>(
            ZoneList{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 1'000'000'000}});
        sample.counters_uj = {counter_uj += 1'000'000};
        sample.epoch = "local";
        sample.time = now;
        sample.sequence = ++sequence;
        return sample;
    }
    std::uint64_t counter_uj = 0;
    std::uint64_t sequence = 0;
};

class OneBusyVm final : public ConsumerSource {
public:
    [[nodiscard]] UsageSample collect() override {
        if (is_gone) {
            return {};
        }
        auto vm = std::make_shared<Consumer>();
        vm->kind = ConsumerKind::vm;
        vm->key = "11111111-2222-3333-4444-555555555555";
        vm->name = "web";
        used += 500ms;
        UsageSample sample;
        sample.consumers.push_back({vm, {used}, {}, {}});
        sample.busy_time = SocketTimes{2 * used};
        return sample;
    }
    nanoseconds used{0};
    bool is_gone = false;
};

// An agent's run: its meter, and the keeper as its only sink.
class AgentRun {
public:
    explicit AgentRun(const LedgerSettings& settings, const std::string& boot_id = "boot-1")
        : AgentRun(settings, boot_id, load_ledger(settings, boot_id, kNow)) {}
    AgentRun(const LedgerSettings& settings, const std::string& boot_id, Ledger ledger)
        : meter({"epoch", 1s, 1h, {}}, std::move(ledger)), keeper(meter, settings, boot_id) {}

    SnapshotPtr tick() {
        now.monotonic += 1s;
        now.wall += 1s;
        ++now.ticks;
        const SnapshotPtr snapshot = meter.tick(now, energy, vms);
        keeper.publish(snapshot);
        return snapshot;
    }

    RisingEnergy energy;
    OneBusyVm vms;
    TickTime now{100s, kNow, 0, 0, 100s};
    Meter meter;
    LedgerKeeper keeper;
};

class Keeper : public testing::Test {
protected:
    [[nodiscard]] fs::path file() const { return tree.root() / "ledger.json"; }
    [[nodiscard]] fs::path saved_file() const { return tree.root() / "saved.json"; }
    [[nodiscard]] LedgerSettings settings() const { return {file(), saved_file(), 1min, 1h}; }
    [[nodiscard]] Ledger load() const { return load_ledger(settings(), "boot-1", kNow); }
    FakeTree tree;
    test::LogCapture log;
};

TEST_F(Keeper, BeginsWithNothingAndSaysNothingWithoutAFile) {
    const Ledger ledger = load();
    EXPECT_TRUE(ledger.zones().empty());
    EXPECT_TRUE(ledger.accounts().empty());
    EXPECT_EQ(log.take(), "");
    EXPECT_FALSE(fs::exists(file()));
    const fs::path nowhere = tree.root() / "no/such/folder";
    const LedgerSettings settings{nowhere / "l.json", nowhere / "s.json", 1min, 1h};
    EXPECT_TRUE(load_ledger(settings, "boot-1", kNow).zones().empty());
}

TEST_F(Keeper, WritesDownWhatWasMeasured) {
    AgentRun run(settings());
    run.tick();
    const SnapshotPtr snapshot = run.tick();
    const auto record = read_ledger_file(file());
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_EQ(record->sequence, snapshot->sequence);
    EXPECT_EQ(record->epoch, "epoch");
    ASSERT_THAT(record->rows, SizeIs(1));
    EXPECT_EQ(record->rows[0].account.total_uj, snapshot->consumers.at(0).total_uj);
    EXPECT_GT(record->rows[0].account.total_uj.at(0), 0U);
    EXPECT_EQ(log.take(), "");
}

TEST_F(Keeper, GoesOnWithTheTotalsOfTheRunBefore) {
    std::uint64_t before = 0;
    {
        AgentRun first(settings());
        for (int i = 0; i < 5; ++i) {
            before = first.tick()->consumers.at(0).total_uj.at(0);
        }
    }
    ASSERT_GT(before, 0U);
    for (int restart = 0; restart < 3; ++restart) {
        AgentRun next(settings());
        EXPECT_THAT(log.take(),
                    AllOf(HasSubstr("info: going on with the totals of"), HasSubstr("of 1 VMs")));
        const SnapshotPtr first = next.tick();
        EXPECT_EQ(first->consumers.at(0).total_uj.at(0), before) << "the gap is charged to nobody";
        EXPECT_EQ(first->conservation_error_uj, 0U);
        const SnapshotPtr second = next.tick();
        EXPECT_GT(second->consumers.at(0).total_uj.at(0), before);
        EXPECT_EQ(second->conservation_error_uj, 0U);
        before = second->consumers.at(0).total_uj.at(0);
    }
}

TEST_F(Keeper, MovesAFileAsideThatIsNoLedger) {
    for (const std::string& content :
         {std::string("{ not json"), std::string(), std::string("{\"format\":999}"),
          std::string("null"), std::string(1000, '\0')}) {
        SCOPED_TRACE(content);
        tree.file("ledger.json", content);
        const Ledger ledger = load();
        EXPECT_TRUE(ledger.accounts().empty());
        EXPECT_FALSE(fs::exists(file()));
        EXPECT_EQ(tree.read("ledger.json.broken"), content);
        EXPECT_THAT(log.take(), AllOf(HasSubstr("error: "), HasSubstr("beginning with new totals"),
                                      HasSubstr("ledger.json.broken")));
    }
    AgentRun run(settings());
    run.tick();
    EXPECT_TRUE(read_ledger_file(file()));
}

// Otherwise the next measurement would overwrite the only copy.
TEST_F(Keeper, DoesNotBeginWhereABrokenFileCannotBeMovedAside) {
    tree.file("ledger.json", "broken");
    tree.folder("ledger.json.broken/in the way");
    EXPECT_THROW(static_cast<void>(load()), StartError);
    EXPECT_EQ(tree.read("ledger.json"), "broken");
}

// The totals may be sound, and are not to begin anew because they could not be read just now.
TEST_F(Keeper, DoesNotBeginWhereTheFileCannotBeRead) {
    tree.folder("ledger.json");
    try {
        static_cast<void>(load());
        FAIL();
    } catch (const StartError& error) {
        EXPECT_THAT(error.what(), HasSubstr("ledger.json: "));
        EXPECT_EQ(error.exit_code(), kExitFailure) << "worth a restart";
    }
    EXPECT_TRUE(fs::exists(file()));
}

TEST_F(Keeper, WritesAMeasurementOnce) {
    AgentRun run(settings());
    const SnapshotPtr snapshot = run.tick();
    fs::remove(file());
    run.keeper.publish(snapshot);
    EXPECT_FALSE(fs::exists(file()));
    run.tick();
    EXPECT_TRUE(fs::exists(file()));
}

TEST_F(Keeper, LeavesNoHalfWrittenFileBehind) {
    AgentRun run(settings());
    run.tick();
    run.tick();
    EXPECT_EQ(std::distance(fs::directory_iterator(tree.root()), {}), 2)
        << "the ledger, and the accounts of those that ended";
}

TEST_F(Keeper, LogsAFolderThatCannotBeWrittenWhenThatChangesAndGoesOn) {
    const fs::path far = tree.root() / "later/ledger.json";
    AgentRun run({far, saved_file(), 1min, 1h});
    run.tick();
    EXPECT_THAT(log.take(), AllOf(HasSubstr("error: "), HasSubstr("later/ledger.json")));
    run.tick();
    run.tick();
    EXPECT_EQ(log.take(), "");
    tree.folder("later");
    run.tick();
    EXPECT_THAT(log.take(), HasSubstr("info: the ledger is written to"));
    EXPECT_TRUE(read_ledger_file(far));
    run.tick();
    EXPECT_EQ(log.take(), "");
}

TEST_F(Keeper, LosesNothingOfWhatItCouldNotWrite) {
    const fs::path far = tree.root() / "later/ledger.json";
    AgentRun run({far, saved_file(), 1min, 1h});
    for (int i = 0; i < 4; ++i) {
        run.tick();
    }
    tree.folder("later");
    const SnapshotPtr snapshot = run.tick();
    const auto record = read_ledger_file(far);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->rows.at(0).account.total_uj, snapshot->consumers.at(0).total_uj);
}

TEST_F(Keeper, FollowsNoLinkInTheTemporaryFilesPlace) {
    tree.file("victim", "untouched");
    fs::create_symlink(tree.root() / "victim", tree.root() / "ledger.json.new");
    AgentRun run(settings());
    run.tick();
    EXPECT_EQ(tree.read("victim"), "untouched");
    EXPECT_THAT(log.take(), HasSubstr("error: "));
}

std::uint64_t total_of_vm(const SnapshotPtr& snapshot) {
    return snapshot->consumers.at(0).total_uj.at(0);
}

// The host was shut down in order: /run is empty, the counters begin anew, and nothing is missing.
TEST_F(Keeper, GoesOnAfterAReboot) {
    std::uint64_t before = 0;
    {
        AgentRun run(settings());
        for (int i = 0; i < 5; ++i) {
            before = total_of_vm(run.tick());
        }
        run.keeper.close();
    }
    fs::remove(file());
    static_cast<void>(log.take());
    AgentRun next(settings(), "boot-2");
    EXPECT_THAT(log.take(), HasSubstr("info: the host was started anew; totals go on"));
    EXPECT_EQ(total_of_vm(next.tick()), before);
    EXPECT_EQ(next.tick()->zones.at(0).unmetered_uj, 0U) << "the counter began anew";
}

TEST_F(Keeper, SaysSoWhereTheHostWentDownUnderIt) {
    {
        AgentRun run(settings());
        for (int i = 0; i < 63; ++i) {
            run.tick();
        }
    }
    fs::remove(file());
    static_cast<void>(log.take());
    AgentRun next(settings(), "boot-2");
    EXPECT_THAT(log.take(), AllOf(HasSubstr("warning: the host went down before the agent ended"),
                                  HasSubstr("in up to 60 s before")));
    EXPECT_GT(total_of_vm(next.tick()), 0U) << "the copy of the minute before";
}

TEST_F(Keeper, SavesACopyEverySoOften) {
    AgentRun run(settings());
    for (int i = 0; i < 60; ++i) {
        run.tick();
    }
    EXPECT_FALSE(fs::exists(saved_file()));
    run.tick();
    run.keeper.close();
    const auto saved = read_ledger_file(saved_file());
    ASSERT_TRUE(saved) << saved.error().message();
    EXPECT_TRUE(saved->ended_in_order);
    EXPECT_EQ(saved->ended_accounts_in, "") << "it is whole";
}

// A restart of the agent alone: the file in memory is newer than the copy on the disk, whatever the
// wall clock says.
TEST_F(Keeper, TakesTheFileThatKnowsMore) {
    std::uint64_t before = 0;
    {
        AgentRun run(settings());
        for (int i = 0; i < 70; ++i) {
            before = total_of_vm(run.tick());
        }
    }
    ASSERT_TRUE(read_ledger_file(saved_file()));
    {
        AgentRun next(settings());
        EXPECT_EQ(total_of_vm(next.tick()), before);
    }
    fs::remove(file());
    AgentRun from_the_disk(settings());
    EXPECT_LT(total_of_vm(from_the_disk.tick()), before);
}

TEST_F(Keeper, TellsApartWhatWasUsedWhileNoAgentRan) {
    std::uint64_t counter = 0;
    std::uint64_t total = 0;
    {
        AgentRun run(settings());
        run.tick();
        total = run.tick()->zones.at(0).total_uj;
        counter = run.energy.counter_uj;
    }
    AgentRun next(settings());
    next.energy.counter_uj = counter + 7'000'000;
    const SnapshotPtr first = next.tick();
    EXPECT_EQ(first->zones.at(0).total_uj, total) << "charged to nobody";
    EXPECT_EQ(first->zones.at(0).unmetered_uj, 8'000'000U);
    EXPECT_EQ(next.tick()->zones.at(0).unmetered_uj, 8'000'000U);
}

// Thousands of VMs that are off must not make each tick dearer: their accounts lie apart.
TEST_F(Keeper, WritesTheAccountsOfVmsThatAreOffOnlyWhenTheyChange) {
    AgentRun run(settings());
    run.tick();
    run.tick();
    run.vms.is_gone = true;
    run.tick();
    const auto ended = read_ledger_file(file())->ended_accounts_in;
    ASSERT_NE(ended, "");
    EXPECT_THAT(tree.read("ledger.json"), testing::Not(HasSubstr("11111111-2222")));
    EXPECT_THAT(tree.read(ended), HasSubstr("11111111-2222"));
    const auto written = fs::last_write_time(tree.root() / ended);
    run.tick();
    run.tick();
    EXPECT_EQ(read_ledger_file(file())->ended_accounts_in, ended);
    EXPECT_EQ(fs::last_write_time(tree.root() / ended), written);
    run.vms.is_gone = false;
    run.tick();
    EXPECT_NE(read_ledger_file(file())->ended_accounts_in, ended);
    EXPECT_THAT(read_ledger_file(file())->rows, SizeIs(1));
}

} // namespace
} // namespace wattvisor::host
