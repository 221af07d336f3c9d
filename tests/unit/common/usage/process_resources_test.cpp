// SPDX-License-Identifier: Apache-2.0
#include "common/usage/process_resources.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::FakeTree;

TEST(ProcessIo, IsWhatReachedStorage) {
    const auto io = parse_process_io("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\n"
                                     "write_bytes: 8192\ncancelled_write_bytes: 77\n");
    ASSERT_TRUE(io);
    EXPECT_EQ(io->read_bytes, 4096U);
    EXPECT_EQ(io->written_bytes, 8192U);
}

TEST(ProcessIo, IsAbsentFromOtherTexts) {
    for (const char* text : {"", "rchar: 1\n", "\nread_bytes: x\nwrite_bytes: 1\n",
                             "\nread_bytes: 1\ncancelled_write_bytes: 1\n"}) {
        EXPECT_FALSE(parse_process_io(text)) << text;
    }
}

class ProcessOfFiles : public testing::Test {
protected:
    void show(unsigned pages, unsigned read, unsigned written) const {
        tree.file("proc/7/statm",
                  std::to_string(10 * pages) + " " + std::to_string(pages) + " 3 1 0 9 0\n");
        tree.file("proc/7/io", "rchar: 1\nread_bytes: " + std::to_string(read) +
                                   "\nwrite_bytes: " + std::to_string(written) + "\n");
    }
    std::shared_ptr<const ProcessResources> look(std::chrono::nanoseconds cpu_time,
                                                 bool is_due = false, unsigned every = 1) {
        return watch.look(tree.root() / "proc", 7, cpu_time, every, is_due);
    }
    FakeTree tree;
    ResourceWatch watch;
    std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
};

TEST_F(ProcessOfFiles, TellsItsMemoryAndItsStorage) {
    show(5, 100, 200);
    const auto first = look(1ms);
    EXPECT_EQ(first->memory_bytes, 5 * page);
    EXPECT_EQ(first->virtual_bytes, 50 * page);
    EXPECT_EQ(first->read_bytes, 100U);
    EXPECT_EQ(first->written_bytes, 200U);
    EXPECT_FALSE(first->recent_read_bytes) << "what came before the first look is not recent";
    show(6, 150, 201);
    const auto second = look(2ms);
    EXPECT_EQ(second->memory_bytes, 6 * page);
    EXPECT_EQ(second->recent_read_bytes, 50U);
    EXPECT_EQ(second->recent_written_bytes, 1U);
    EXPECT_EQ(first->memory_bytes, 5 * page) << "snapshots hold it: it never changes";
}

// Two hundred mostly idle processes must not cost four hundred files a tick.
TEST_F(ProcessOfFiles, IsNotReadWhileItDoesNotRun) {
    show(5, 100, 200);
    (void)look(1ms);
    std::filesystem::remove_all(tree.root() / "proc/7");
    const auto idle = look(1ms);
    EXPECT_EQ(idle->memory_bytes, 5 * page);
    EXPECT_EQ(idle->recent_read_bytes, 0U) << "what sleeps reads nothing";
    EXPECT_EQ(look(1ms), idle) << "and costs no memory either";
    show(9, 100, 200);
    EXPECT_EQ(look(1ms, true)->memory_bytes, 9 * page) << "but has its turn";
}

// Nor, while all of them run, at every tick.
TEST_F(ProcessOfFiles, IsReadInOneOfSoManyTicks) {
    show(5, 100, 200);
    (void)look(1ms, false, 4); // the first look
    std::vector<std::uint64_t> seen;
    for (unsigned tick = 1; tick <= 8; ++tick) {
        show(5, 100 + tick, 200);
        seen.push_back(look(tick * 2ms, false, 4)->read_bytes.value());
    }
    EXPECT_THAT(seen, testing::ElementsAre(101, 101, 101, 101, 105, 105, 105, 105));
    EXPECT_EQ(look(18ms, false, 4)->recent_read_bytes, 3U) << "since the look before";
}

TEST(TicksBetweenLooks, LetNothingGrowOlderThanItMay) {
    EXPECT_EQ(ticks_between_looks(10s, 1s), 10U);
    EXPECT_EQ(ticks_between_looks(10s, 3s), 3U);
    EXPECT_EQ(ticks_between_looks(10s, 60s), 1U);
    EXPECT_EQ(ticks_between_looks(0s, 1s), 1U);
}

TEST_F(ProcessOfFiles, LeavesOutWhatMayNotBeRead) {
    tree.file("proc/7/statm", "50 5 3 1 0 9 0\n");
    const auto resources = look(1ms);
    EXPECT_EQ(resources->memory_bytes, 5 * page);
    EXPECT_FALSE(resources->read_bytes);
    EXPECT_FALSE(resources->recent_read_bytes);
    EXPECT_FALSE(look(1ms)->recent_read_bytes) << "nor is it 0 once it sleeps";
    tree.file("proc/7/statm", std::string(100'000, '1'));
    EXPECT_FALSE(look(2ms)->memory_bytes);
}

TEST(ResourceWatch, ReadsALiveProcess) {
    ResourceWatch watch;
    const auto self = watch.look("/proc", ::getpid(), 1ns, 1, false);
    EXPECT_GT(self->memory_bytes.value_or(0), 1'000'000U);
    EXPECT_GE(self->virtual_bytes.value_or(0), self->memory_bytes.value_or(0));
    EXPECT_TRUE(self->read_bytes) << "its own io may be read by anybody";
}

} // namespace
} // namespace wattvisor
