// SPDX-License-Identifier: Apache-2.0
#include "common/share/share_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

ShareRecord::Entry entry(const std::string& id, const std::string& name, ZoneKind kind,
                         unsigned socket, std::uint64_t total_uj) {
    return {{id, name, kind, socket, 262'143'328'850}, total_uj};
}

ShareRecord example(std::uint64_t sequence = 41, std::uint64_t total_uj = 123'456'789) {
    ShareRecord record;
    record.epoch = "0123456789abcdef";
    record.sequence = sequence;
    record.interval = 1s;
    record.time = std::chrono::seconds(sequence % 1'000'000) + 17ns;
    record.zones = {entry("intel-rapl:0", "package-0", ZoneKind::package, 0, total_uj),
                    entry("intel-rapl:0:0", "core", ZoneKind::core, 0, total_uj / 2),
                    entry("intel-rapl:0:1", "dram", ZoneKind::dram, 0, total_uj / 7),
                    entry("intel-rapl:1", "package-1", ZoneKind::package, 1, total_uj / 3)};
    return record;
}

std::string problem_of(std::string_view text) {
    const auto record = decode_share_record(text, "snapshot");
    return record ? "none" : record.error().message();
}

TEST(ShareRecord, BringsBackWhatWasWritten) {
    const std::string text = encode_share_record(example());
    const auto record = decode_share_record(text, "snapshot");
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_EQ(*record, example());
}

TEST(ShareRecord, BringsBackTheExtremes) {
    ShareRecord record = example(UINT64_MAX, UINT64_MAX);
    record.time = std::chrono::nanoseconds::max();
    record.interval = 0ns;
    record.estimated = true;
    EXPECT_EQ(*decode_share_record(encode_share_record(record), ""), record);
    record.zones.clear();
    record.sequence = 0;
    EXPECT_EQ(*decode_share_record(encode_share_record(record), ""), record);
}

// What a longer record left behind would be read as a part of the shorter one.
TEST(ShareRecord, TextsOfOneTickAreTheSameAsOfEachAlone) {
    ShareRecordText text(example());
    for (const std::uint64_t total : {UINT64_MAX, std::uint64_t{0}, std::uint64_t{7'000'000},
                                      std::uint64_t{1}, UINT64_MAX, std::uint64_t{12}}) {
        const ShareRecord record = example(41, total);
        EXPECT_EQ(text.with_totals_of(record), encode_share_record(record)) << total;
        EXPECT_EQ(decode_share_record(text.with_totals_of(record), "").value(), record) << total;
    }
}

TEST(ShareRecord, ThatDoesNotFitIsNoRecordAndStaysInItsPage) {
    ShareRecord record = example();
    record.zones.assign(200, entry("intel-rapl:0", "package-0", ZoneKind::package, 0, UINT64_MAX));
    const std::string text = encode_share_record(record);
    EXPECT_EQ(text.size(), kShareRecordSize);
    EXPECT_THAT(problem_of(text), testing::Ne("none"));
}

TEST(ShareRecord, IsAlwaysOnePage) {
    EXPECT_EQ(kShareRecordSize, 4096U);
    EXPECT_EQ(encode_share_record(ShareRecord{}).size(), kShareRecordSize);
    EXPECT_EQ(encode_share_record(example()).size(), kShareRecordSize);
}

TEST(ShareRecord, HasRoomForAllTheZonesThatItMayHold) {
    ShareRecord record = example(UINT64_MAX);
    record.zones.clear();
    for (unsigned i = 0; i < kMaxShareZones; ++i) {
        Zone zone{"intel-rapl:1000:" + std::to_string(1000 + i), "package-1000-die-1000",
                  ZoneKind::package, 1000, UINT64_MAX};
        record.zones.push_back({zone, UINT64_MAX});
    }
    const std::string text = encode_share_record(record);
    EXPECT_EQ(text.size(), kShareRecordSize);
    const auto back = decode_share_record(text, "snapshot");
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, record);
}

TEST(ShareRecord, WithMoreZonesThanFitIsNotTakenForWhole) {
    ShareRecord record = example();
    record.zones.resize(kMaxShareZones + 1, record.zones.front());
    EXPECT_THAT(problem_of(encode_share_record(record)), HasSubstr("too many zones"));
    record.zones.resize(1000, record.zones.front());
    const std::string text = encode_share_record(record);
    EXPECT_EQ(text.size(), kShareRecordSize);
    EXPECT_NE(problem_of(text), "none");
}

TEST(ShareRecord, IsTextForAPersonToo) {
    const std::string text = encode_share_record(example());
    EXPECT_THAT(text, HasSubstr("wattvisor-snapshot 1\n"));
    EXPECT_THAT(text, HasSubstr("zone intel-rapl:0:1 dram 262143328850 17636684\n"));
    EXPECT_THAT(text, HasSubstr("source measured\n"));
    EXPECT_EQ(text.find('\0'), std::string::npos);
    EXPECT_EQ(text.back(), '\n');
}

TEST(ShareRecord, ShowsTheChangeOfAnyByte) {
    const std::string text = encode_share_record(example());
    const std::size_t trailer = text.rfind("crc32 ");
    const std::size_t body = text.find_last_not_of('\n', trailer - 1) + 1;
    for (std::size_t at = 0; at < text.size(); ++at) {
        // Between the last line and the checksum there is only padding.
        if (at >= body && at < trailer) {
            continue;
        }
        for (const int change : {1, 2, 16, 0x20, 0x80}) {
            std::string changed = text;
            changed[at] = static_cast<char>(changed[at] ^ change);
            ASSERT_NE(problem_of(changed), "none") << "byte " << at << ", change " << change;
        }
    }
}

TEST(ShareRecord, ShowsTextInThePadding) {
    const std::string text = encode_share_record(example());
    const std::size_t trailer = text.rfind("crc32 ");
    for (std::size_t at = text.find_last_not_of('\n', trailer - 1) + 1; at < trailer; ++at) {
        std::string changed = text;
        changed[at] = '7';
        ASSERT_NE(problem_of(changed), "none") << "byte " << at;
    }
}

// One pwrite of a page is not one step for a reader on the other side of virtiofs: it may see the
// first bytes of the new record and the rest of the old one, or the other way round.
void expect_no_mixture_passes(const ShareRecord& before, const ShareRecord& after) {
    const std::string old_text = encode_share_record(before);
    const std::string new_text = encode_share_record(after);
    for (std::size_t k = 0; k <= kShareRecordSize; ++k) {
        if (k > 0 && old_text[k - 1] == new_text[k - 1]) {
            continue; // the same mixture as the one before
        }
        const std::string mixture = new_text.substr(0, k) + old_text.substr(k);
        const bool is_whole = mixture == old_text || mixture == new_text;
        ASSERT_EQ(problem_of(mixture) == "none", is_whole) << "after " << k << " bytes";
    }
}

TEST(ShareRecord, ShowsAMixtureOfTwoRecords) {
    expect_no_mixture_passes(example(41, 123'456'789), example(42, 123'999'999));
    expect_no_mixture_passes(example(9, 999), example(10, 1000)); // longer by some digits
    expect_no_mixture_passes(example(UINT64_MAX - 1, 5), example(UINT64_MAX, 6));
}

TEST(ShareRecord, ShowsAMixtureOfRecordsOfTwoRuns) {
    ShareRecord after = example(1, 123'456'790);
    after.epoch = "fedcba9876543210";
    expect_no_mixture_passes(example(1, 123'456'789), after);
    after.zones.pop_back();
    expect_no_mixture_passes(example(1, 123'456'789), after);
}

TEST(ShareRecord, ShowsAHoleOfZerosOrNewlines) {
    const std::string text = encode_share_record(example());
    for (const char filler : {'\0', '\n', ' '}) {
        for (std::size_t from = 0; from < 200; from += 7) {
            std::string hole = text;
            hole.replace(from, 50, 50, filler);
            ASSERT_NE(problem_of(hole), "none") << from;
        }
    }
}

TEST(ShareRecord, RefusesAnyOtherSize) {
    const std::string text = encode_share_record(example());
    EXPECT_THAT(problem_of(""), HasSubstr("0 bytes instead of 4096"));
    EXPECT_NE(problem_of(text.substr(1)), "none");
    EXPECT_NE(problem_of(text + "\n"), "none");
    for (std::size_t size = 0; size < text.size(); size += 13) {
        ASSERT_NE(problem_of(text.substr(0, size)), "none") << size;
    }
}

TEST(ShareRecord, RefusesGarbage) {
    EXPECT_NE(problem_of(std::string(kShareRecordSize, '\0')), "none");
    EXPECT_NE(problem_of(std::string(kShareRecordSize, '\n')), "none");
    EXPECT_NE(problem_of(std::string(kShareRecordSize, 'x')), "none");
    EXPECT_NE(problem_of("wattvisor-snapshot 1" + std::string(kShareRecordSize - 20, 'x')), "none");
    std::string later = encode_share_record(example());
    later.replace(0, 20, "wattvisor-snapshot 2");
    EXPECT_THAT(problem_of(later), HasSubstr("does not begin with"));
}

TEST(ShareRecord, ThatIsBrokenIsWorthAnotherTry) {
    const auto record = decode_share_record("", "/var/scaphandre/wattvisor/snapshot");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().severity, Severity::transient);
    EXPECT_EQ(record.error().where, "/var/scaphandre/wattvisor/snapshot");
}

} // namespace
} // namespace wattvisor
