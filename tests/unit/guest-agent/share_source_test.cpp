// SPDX-License-Identifier: Apache-2.0
#include "guest-agent/share_source.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace wattvisor::guest {
namespace {

using namespace std::chrono_literals;
using test::FakeTree;
using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

ShareRecord record_of(std::uint64_t sequence, std::uint64_t total_uj) {
    ShareRecord record;
    record.epoch = "0123456789abcdef";
    record.sequence = sequence;
    record.interval = 2s;
    record.time = std::chrono::seconds(2 * sequence);
    record.zones = {
        {{"intel-rapl:0", "package-0", ZoneKind::package, 0, 262'143'328'850}, total_uj}};
    return record;
}

std::vector<std::string> values(const Result<EnergySample>& sample) {
    std::vector<std::string> texts;
    for (const auto& counter : sample->counters_uj) {
        texts.push_back(counter ? std::to_string(*counter) : "-");
    }
    return texts;
}

class Share : public testing::Test {
protected:
    void publish(const ShareRecord& record) const {
        tree.file("share/wattvisor/snapshot", encode_share_record(record));
    }
    void plain(const std::string& zone, const std::string& energy) const {
        tree.file("share/" + zone + "/energy_uj", energy);
    }
    [[nodiscard]] fs::path root() const { return tree.root() / "share"; }

    FakeTree tree;
    ShareSource source{tree.root() / "share"};
};

TEST_F(Share, GivesTheHostsRecordWithTheHostsTime) {
    ShareRecord record = record_of(7, 1234);
    record.estimated = true;
    publish(record);
    const auto sample = source.read(999s);
    ASSERT_TRUE(sample) << sample.error().message();
    EXPECT_THAT(values(sample), ElementsAre("1234"));
    EXPECT_EQ(sample->epoch, "0123456789abcdef");
    EXPECT_EQ(sample->sequence, 7U);
    EXPECT_EQ(sample->time, 14s) << "not the guest's clock";
    EXPECT_EQ(sample->source_interval, 2s);
    EXPECT_TRUE(sample->estimated);
    EXPECT_EQ(sample->zones->front(), record.zones.front().zone);
}

TEST_F(Share, FollowsTheRecordAsItIsWrittenInPlace) {
    publish(record_of(1, 10));
    const auto first = source.read(1s);
    publish(record_of(2, 20));
    const auto second = source.read(2s);
    EXPECT_THAT(values(first), ElementsAre("10"));
    EXPECT_THAT(values(second), ElementsAre("20"));
    EXPECT_EQ(first->zones, second->zones);
}

TEST_F(Share, PrefersTheRecordToThePlainFiles) {
    plain("intel-rapl:0", "999");
    publish(record_of(1, 10));
    EXPECT_THAT(values(source.read(1s)), ElementsAre("10"));
}

TEST_F(Share, HasEveryZoneOfARecordPerSocket) {
    ShareRecord record = record_of(1, 10);
    record.zones = {{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 1}, 1},
                    {{"intel-rapl:0:0", "dram", ZoneKind::dram, 0, 1}, 2},
                    {{"intel-rapl:1", "package-1", ZoneKind::package, 1, 1}, 3},
                    {{"intel-rapl:1:0", "dram", ZoneKind::dram, 1, 1}, 4}};
    publish(record);
    const auto sample = source.read(1s);
    EXPECT_THAT(values(sample), ElementsAre("1", "2", "3", "4"));
    EXPECT_EQ((*sample->zones)[3].socket, 1U);
    EXPECT_EQ((*sample->zones)[3].kind, ZoneKind::dram);
}

// Half of one record and half of the next: the plain files would be no better, so it is an error,
// and a moment later the record is whole.
TEST_F(Share, ReportsATornRecordAndGoesOnAfterIt) {
    publish(record_of(1, 10));
    ASSERT_TRUE(source.read(1s));
    plain("intel-rapl:0", "999");
    const std::string before = encode_share_record(record_of(1, 10));
    const std::string after = encode_share_record(record_of(2, 20));
    tree.file("share/wattvisor/snapshot", after.substr(0, 120) + before.substr(120));
    const auto torn = source.read(2s);
    ASSERT_FALSE(torn);
    EXPECT_EQ(torn.error().severity, Severity::transient);
    EXPECT_THAT(torn.error().message(), HasSubstr("not a whole snapshot"));
    tree.file("share/wattvisor/snapshot", after);
    EXPECT_THAT(values(source.read(3s)), ElementsAre("20"));
}

TEST_F(Share, ReportsARecordThatIsEmptyOrTooLong) {
    tree.file("share/wattvisor/snapshot", "");
    EXPECT_FALSE(source.read(1s));
    tree.file("share/wattvisor/snapshot", encode_share_record(record_of(1, 10)) + "x");
    EXPECT_FALSE(source.read(2s));
    tree.file("share/wattvisor/snapshot", std::string(3U << 20U, 'x'));
    EXPECT_FALSE(source.read(3s));
    publish(record_of(1, 10));
    EXPECT_TRUE(source.read(4s));
}

// The guest started before its share: a panic, or never looked for again (Scaphandre #131, #172).
TEST_F(Share, ThatIsAbsentSaysHowToMountIt) {
    for (const bool has_mount_point : {false, true}) {
        if (has_mount_point) {
            tree.folder("share");
        }
        const auto sample = source.read(1s);
        ASSERT_FALSE(sample);
        EXPECT_EQ(sample.error().severity, Severity::transient);
        EXPECT_THAT(sample.error().message(),
                    HasSubstr("mount -t virtiofs scaphandre " + root().string()));
    }
}

TEST_F(Share, ThatAppearsLaterIsRead) {
    EXPECT_FALSE(source.read(1s));
    tree.folder("share");
    EXPECT_FALSE(source.read(2s));
    publish(record_of(1, 10));
    EXPECT_THAT(values(source.read(3s)), ElementsAre("10"));
}

TEST_F(Share, ThatIsRemovedIsAbsentBeforeLong) {
    publish(record_of(1, 10));
    ASSERT_TRUE(source.read(0s));
    fs::remove_all(root());
    Result<EnergySample> last = source.read(1s);
    for (int i = 2; i < 10; ++i) {
        last = source.read(std::chrono::seconds(i));
    }
    ASSERT_FALSE(last);
    EXPECT_THAT(last.error().hint, HasSubstr("mount"));
}

// The agent on the host was updated and made the share anew: an open file would be the old one.
TEST_F(Share, ThatWasMadeAnewIsFoundBeforeLong) {
    publish(record_of(1, 10));
    ASSERT_TRUE(source.read(0s));
    fs::remove_all(root());
    publish(record_of(2, 20));
    std::vector<std::string> last;
    for (int i = 1; i < 10; ++i) {
        last = values(source.read(std::chrono::seconds(i)));
    }
    EXPECT_THAT(last, ElementsAre("20"));
}

TEST_F(Share, StandingStillKeepsItsSequence) {
    publish(record_of(5, 10));
    for (int i = 0; i < 20; ++i) {
        const auto sample = source.read(std::chrono::seconds(i));
        ASSERT_TRUE(sample);
        EXPECT_EQ(sample->sequence, 5U);
        EXPECT_EQ(sample->time, 10s);
    }
}

TEST_F(Share, IsNotStoppedByAPipeOrAFolderInTheRecordsPlace) {
    tree.folder("share/wattvisor/snapshot");
    EXPECT_FALSE(source.read(1s));
    fs::remove(root() / "wattvisor/snapshot");
    ASSERT_EQ(::mkfifo((root() / "wattvisor/snapshot").c_str(), 0600), 0);
    EXPECT_FALSE(source.read(2s));
}

// What upstream Scaphandre publishes: one file, no name, no newline, an empty subzone folder.
class PlainShare : public Share {
protected:
    PlainShare() {
        tree.folder("share/intel-rapl:0:0");
        plain("intel-rapl:0", "1000");
    }
};

TEST_F(PlainShare, OfScaphandreIsRead) {
    const auto sample = source.read(42s);
    ASSERT_TRUE(sample) << sample.error().message();
    EXPECT_THAT(values(sample), ElementsAre("1000"));
    EXPECT_EQ(sample->zones->front().name, "package-0");
    EXPECT_EQ(sample->time, 42s);
    EXPECT_EQ(sample->epoch, "plain");
    EXPECT_GE(sample->source_interval, 5s);
    EXPECT_NE(sample->sequence, 0U);
}

// The host writes every 5 s and the guest reads every second: 0 W four times and then 5 times the
// power, unless a set of counters that did not move is no new measurement.
TEST_F(PlainShare, MeasuresAnewOnlyWhenACounterMoved) {
    const auto first = source.read(1s);
    for (int i = 2; i <= 5; ++i) {
        EXPECT_EQ(source.read(std::chrono::seconds(i))->sequence, first->sequence);
    }
    plain("intel-rapl:0", "2000");
    const auto moved = source.read(6s);
    EXPECT_EQ(moved->sequence, first->sequence + 1);
    EXPECT_EQ(moved->time, 6s);
    EXPECT_EQ(source.read(7s)->sequence, moved->sequence);
}

TEST_F(PlainShare, StandingStillForLongKeepsItsSequence) {
    const auto first = source.read(0s);
    for (int i = 1; i < 40; ++i) {
        const auto sample = source.read(std::chrono::seconds(i));
        ASSERT_TRUE(sample) << i;
        EXPECT_EQ(sample->sequence, first->sequence);
    }
}

// Scaphandre truncates before it writes (#442: hundreds of kW).
TEST_F(PlainShare, IsAnErrorWhileItsOnlyFileIsEmptyAndNoNewMeasurementAfter) {
    const auto first = source.read(1s);
    plain("intel-rapl:0", "");
    const auto empty = source.read(2s);
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().severity, Severity::transient);
    plain("intel-rapl:0", "1000");
    const auto back = source.read(3s);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->sequence, first->sequence);
    plain("intel-rapl:0", "1500");
    EXPECT_EQ(source.read(4s)->sequence, first->sequence + 1);
}

// One file of two is empty just now: nothing moved, so nothing was measured. Taken for a
// measurement it would show 0 W for the other zone, and more than there was afterwards.
TEST_F(PlainShare, DoesNotTakeAnEmptyFileForAMovement) {
    plain("intel-rapl:1", "7000");
    const auto first = source.read(1s);
    EXPECT_THAT(values(first), ElementsAre("1000", "7000"));
    plain("intel-rapl:0", "");
    const auto empty = source.read(2s);
    EXPECT_THAT(values(empty), ElementsAre("-", "7000"));
    EXPECT_EQ(empty->sequence, first->sequence);
    plain("intel-rapl:0", "1000");
    EXPECT_EQ(source.read(3s)->sequence, first->sequence);
    plain("intel-rapl:0", "");
    plain("intel-rapl:1", "7001");
    EXPECT_EQ(source.read(4s)->sequence, first->sequence + 1) << "the other one did move";
    plain("intel-rapl:0", "1001");
    EXPECT_EQ(source.read(5s)->sequence, first->sequence + 2);
}

TEST_F(PlainShare, GivesWayToARecordThatAppears) {
    ASSERT_EQ(source.read(1s)->epoch, "plain");
    publish(record_of(3, 1000));
    const auto sample = source.read(2s);
    EXPECT_EQ(sample->epoch, "0123456789abcdef");
    EXPECT_EQ(sample->sequence, 3U);
}

TEST_F(PlainShare, WithoutAnyCounterIsWaitedFor) {
    fs::remove_all(root() / "intel-rapl:0");
    EXPECT_FALSE(source.read(1s));
    plain("intel-rapl:0", "5");
    EXPECT_THAT(values(source.read(2s)), ElementsAre("5"));
}

} // namespace
} // namespace wattvisor::guest
