// SPDX-License-Identifier: Apache-2.0
#include "common/usage/taskstats.hpp"
#include "tests/unit/common/usage/exit_record.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <random>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::datagram;
using test::ExitRecord;
using test::kFamily;

std::optional<ThreadExit> parsed(const ExitRecord& record) {
    return parse_thread_exit(datagram(record), kFamily);
}

// An exact copy on the heap: one byte read too many is seen by AddressSanitizer.
std::optional<ThreadExit> parse_copy(Bytes bytes) {
    const std::vector<std::byte> copy(bytes.begin(), bytes.end());
    return parse_thread_exit(copy, kFamily);
}

TEST(ThreadExitRecord, TellsOfAProcessWithOneThread) {
    const auto exit = parsed({});
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->thread, 70);
    EXPECT_EQ(exit->process, 70);
    EXPECT_EQ(exit->parent, 7);
    EXPECT_EQ(exit->comm, "cc1");
    EXPECT_TRUE(exit->last);
    EXPECT_FALSE(exit->kernel_thread);
    EXPECT_EQ(exit->cpu_time, 5ms);
    EXPECT_EQ(exit->process_age, 9ms);
    EXPECT_EQ(exit->process_cpu_time, std::nullopt);
}

TEST(ThreadExitRecord, TellsOfAThreadWhoseProcessGoesOn) {
    const auto exit = parsed({.thread = 71, .flags = 0x10});
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->thread, 71);
    EXPECT_EQ(exit->process, 70);
    EXPECT_FALSE(exit->last);
}

TEST(ThreadExitRecord, HasTheKernelsSumWithTheLastOfSeveralThreads) {
    const auto exit = parsed({.thread = 72, .process_cpu_ns = 81'000'000});
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->cpu_time, 5ms);
    EXPECT_EQ(exit->process_cpu_time, 81ms);
    EXPECT_EQ(exit->comm, "cc1");
}

// A user process whose parent has pid 2 does not exist; a program run by the kernel has a file.
TEST(ThreadExitRecord, KnowsKernelThreads) {
    EXPECT_TRUE(parsed({.parent = 2, .program = 0})->kernel_thread);
    EXPECT_FALSE(parsed({.parent = 2, .program = 5})->kernel_thread);
    EXPECT_FALSE(parsed({.parent = 3, .program = 0})->kernel_thread);
}

TEST(ThreadExitRecord, TakesAnyNameAsItIs) {
    EXPECT_EQ(parsed({.comm = "a) R\n\xff 1 2"})->comm, "a) R\n\xff 1 2");
    EXPECT_EQ(parsed({.comm = std::string(40, 'x')})->comm, std::string(32, 'x'));
    EXPECT_EQ(parsed({.comm = ""})->comm, "");
}

TEST(ThreadExitRecord, DoesNotOverflowOnAbsurdTimes) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    const auto exit = parsed({.cpu_ns = kMost, .age_us = kMost, .process_cpu_ns = kMost});
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->cpu_time, std::chrono::nanoseconds::max());
    EXPECT_EQ(exit->process_cpu_time, std::chrono::nanoseconds::max());
    EXPECT_EQ(exit->process_age, std::chrono::microseconds::max());
}

// Linux 6.14 and 6.15 put fields into the middle of the record: its CPU time is elsewhere. Before
// version 12 a record does not say whether it is the process' last.
TEST(ThreadExitRecord, OfAnUnknownLayoutIsNotRead) {
    for (const std::uint16_t version : std::initializer_list<std::uint16_t>{0, 1, 11, 15}) {
        EXPECT_FALSE(parsed({.version = version})) << version;
    }
    for (const std::uint16_t version :
         std::initializer_list<std::uint16_t>{12, 13, 14, 16, 17, 99}) {
        EXPECT_TRUE(parsed({.version = version})) << version;
    }
}

TEST(ThreadExitRecord, NeedsTheFieldsOfVersion12) {
    EXPECT_TRUE(parsed({.room = 400}));
    EXPECT_FALSE(parsed({.room = 396}));
    EXPECT_FALSE(parsed({.room = 0}));
}

TEST(ThreadExitRecord, OfAnotherKindIsNotRead) {
    EXPECT_FALSE(parse_thread_exit(datagram({}), kFamily + 1));
    EXPECT_FALSE(parsed({.command = TASKSTATS_CMD_GET}));
    EXPECT_FALSE(parsed({.thread = 0}));
    EXPECT_FALSE(parsed({.process = 0}));
    EXPECT_FALSE(parsed({.process = 0x80000000U})) << "would be a negative pid";
}

TEST(ThreadExitRecord, WhoseSumIsOfAnotherProcessIsNotRead) {
    EXPECT_FALSE(parsed({.process_cpu_ns = 1, .group = 71}));
    EXPECT_FALSE(parsed({.process_cpu_ns = 1, .group = 0}));
}

TEST(ThreadExitRecord, CutOffAnywhereIsNotRead) {
    const auto whole = datagram({.process_cpu_ns = 81'000'000});
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_FALSE(parse_copy(Bytes(whole).first(length))) << length;
    }
}

// The same, with a message header that says what is really there: the attributes are cut off.
TEST(ThreadExitRecord, WhoseAttributesAreCutOffIsNotRead) {
    const auto whole = datagram({});
    for (std::uint32_t length = 0; length < whole.size(); ++length) {
        auto cut = whole;
        cut.resize(length);
        if (length >= sizeof length) {
            std::memcpy(cut.data(), &length, sizeof length);
        }
        EXPECT_FALSE(parse_copy(cut)) << length;
    }
}

TEST(ThreadExitRecord, WithAnyWrongLengthInsideIsNotReadOutOfBounds) {
    const auto whole = datagram({.process_cpu_ns = 81'000'000});
    // The headers: message, AGGR_PID, PID, STATS, AGGR_TGID, TGID, STATS.
    for (const std::size_t header :
         std::initializer_list<std::size_t>{0, 20, 24, 32, 452, 456, 464}) {
        for (const std::uint16_t length : std::initializer_list<std::uint16_t>{
                 0, 1, 3, 4, 5, 8, 416, 421, 432, 433, 2000, 65535}) {
            auto wrong = whole;
            std::uint16_t was = 0;
            std::memcpy(&was, wrong.data() + header, sizeof was);
            std::memcpy(wrong.data() + header, &length, sizeof length);
            const auto exit = parse_copy(wrong);
            if (length > was) {
                // Too long for what it is in, or it swallows what follows.
                EXPECT_TRUE(!exit || exit->cpu_time == 5ms) << header << " " << length;
            }
        }
    }
}

TEST(ThreadExitRecord, OfRandomBytesIsNeverReadOutOfBounds) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto whole = datagram({.process_cpu_ns = 81'000'000});
    for (int round = 0; round < 20'000; ++round) {
        auto bytes = whole;
        for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
            // Half of the changes hit headers, where the lengths are.
            const std::size_t places[] = {0, 4, 16, 20, 24, 32, 452, 456, 464};
            const std::size_t place = random() % 2 == 0
                                          ? places[random() % std::size(places)] + random() % 4
                                          : random() % bytes.size();
            bytes[place] = static_cast<std::byte>(random());
        }
        bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
        const auto exit = parse_copy(bytes);
        if (exit) {
            EXPECT_GT(exit->process, 0);
            EXPECT_GT(exit->thread, 0);
            EXPECT_GE(exit->cpu_time, 0ns);
            EXPECT_LE(exit->comm.size(), 32U);
        }
    }
}

TEST(GenericRequest, IsWhatTheKernelReads) {
    const auto bytes = make_request({kFamily, TASKSTATS_CMD_GET, 3, 9}, "0-3,8");
    const auto message = first_message(bytes);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, kFamily);
    EXPECT_EQ(message->sequence, 9U);
    const auto generic = generic_message(*message);
    ASSERT_TRUE(generic);
    EXPECT_EQ(generic->command, TASKSTATS_CMD_GET);
    const auto text = find_attribute(generic->attributes, 3);
    ASSERT_TRUE(text);
    EXPECT_STREQ(reinterpret_cast<const char*>(text->data()), "0-3,8");
    EXPECT_EQ(text->size(), 6U);
    EXPECT_EQ(bytes.size() % 4, 0U);
}

} // namespace
} // namespace wattvisor
