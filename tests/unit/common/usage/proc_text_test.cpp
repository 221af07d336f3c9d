// SPDX-License-Identifier: Apache-2.0
#include "common/usage/proc_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

// As a kernel wrote it: a tty_nr and tpgid below 0, a priority below 0, a limit of 2^64 - 1.
std::string stat_of(const std::string& comm, const std::string& user = "1200") {
    return "4321 (" + comm + ") S 1 4321 4321 -1 -1 4194560 12345 0 7 0 " + user +
           " 345 6 7 -51 -20 3 0 987654 123456789 2048 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 "
           "0 0 17 1 0 0 0 900 0 0 0 0 0 0 0 0 0\n";
}

TEST(ParsePidStat, TakesTheFieldsThatAreUsedHere) {
    const auto stat = parse_pid_stat(stat_of("qemu-system-x86"));
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->comm, "qemu-system-x86");
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->flags, 4'194'560U);
    EXPECT_EQ(stat->user_ticks, 1200U);
    EXPECT_EQ(stat->system_ticks, 345U);
    EXPECT_EQ(stat->start_ticks, 987'654U);
    EXPECT_FALSE(stat->is_kernel_thread());
}

// The kernel has guest time inside user time already, and shows it again in field 43. Adding it
// counts a VM's work twice (Scaphandre 0.4, 0.5).
TEST(ParsePidStat, DoesNotAddGuestTimeAgain) {
    EXPECT_EQ(parse_pid_stat(stat_of("qemu"))->user_ticks, 1200U) << "and not 1200 + 900";
}

// Every process chooses its own name. "%*d (%*[^)])" stops at the first parenthesis, and what
// follows is read as numbers.
TEST(ParsePidStat, EndsTheNameAtTheLastParenthesis) {
    for (const std::string name :
         {"a) R (b", ")", "(", "))((", "", " ", "a b c", "x) S 1 1 1 1 1 1 1 1 1 1 9999 9999",
          "with\nnewline", "caf\xc3\xa9", "\xff\xfe"}) {
        const auto stat = parse_pid_stat(stat_of(name));
        ASSERT_TRUE(stat) << name;
        EXPECT_EQ(stat->comm, name);
        EXPECT_EQ(stat->state, 'S');
        EXPECT_EQ(stat->user_ticks, 1200U);
        EXPECT_EQ(stat->start_ticks, 987'654U);
    }
}

TEST(ParsePidStat, KnowsAKernelThread) {
    const auto stat =
        parse_pid_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 9\n");
    ASSERT_TRUE(stat);
    EXPECT_TRUE(stat->is_kernel_thread());
}

TEST(ParsePidStat, RefusesALineThatEndsBeforeTheLastFieldItNeeds) {
    const std::string text = stat_of("a) b");
    const std::size_t enough = text.find("987654");
    for (std::size_t length = 0; length <= enough; ++length) {
        ASSERT_FALSE(parse_pid_stat(text.substr(0, length))) << length;
    }
    EXPECT_TRUE(parse_pid_stat(text.substr(0, enough + 6)));
}

TEST(ParsePidStat, TakesTheLargestNumbersAndRefusesLarger) {
    EXPECT_EQ(parse_pid_stat(stat_of("x", "18446744073709551615"))->user_ticks, UINT64_MAX);
    EXPECT_FALSE(parse_pid_stat(stat_of("x", "18446744073709551616")));
    EXPECT_FALSE(parse_pid_stat(stat_of("x", "-5")));
    EXPECT_FALSE(parse_pid_stat(stat_of("x", "five")));
}

TEST(ParsePidStat, RefusesWhatIsNoStatLine) {
    for (const std::string_view text :
         {"", "\n", "1", "1 (a", "1 a) S 1", ")(", "1 (a) ", "1 (a) SS 1", "garbage"}) {
        EXPECT_FALSE(parse_pid_stat(text)) << text;
    }
}

TEST(ParseAllCpus, KeepsBusyTimeFromTheRest) {
    const auto ticks = parse_all_cpus("cpu  1 20 300 4000 50000 600000 7000000 80000000 0 0\n");
    ASSERT_TRUE(ticks);
    EXPECT_EQ(ticks->busy, 1U + 20U + 300U + 600'000U + 7'000'000U);
    EXPECT_EQ(ticks->away, 4000U + 50'000U + 80'000'000U);
}

// user and nice contain guest and guest_nice.
TEST(ParseAllCpus, DoesNotAddGuestTimeAgain) {
    EXPECT_EQ(parse_all_cpus("cpu  1000 0 0 0 0 0 0 0 900 9\ncpu0 5 5 5 5 5 5 5 5 5 5\n")->busy,
              1000U);
}

TEST(ParseAllCpus, ReadsTheLineOfAllCpusOnly) {
    EXPECT_FALSE(parse_all_cpus("cpu0 1 2 3 4 5 6 7 8 9 10\n"));
    EXPECT_FALSE(parse_all_cpus("intr 1 2 3\ncpu  1 2 3 4 5 6 7\n"));
    EXPECT_FALSE(parse_all_cpus(""));
}

TEST(ParseAllCpus, NeedsTheColumnsUpToSoftirq) {
    EXPECT_EQ(parse_all_cpus("cpu  1 2 3 4 5 6 7")->busy, 1U + 2U + 3U + 6U + 7U);
    EXPECT_EQ(parse_all_cpus("cpu  1 2 3 4 5 6 7")->away, 4U + 5U);
    EXPECT_FALSE(parse_all_cpus("cpu  1 2 3 4 5 6\ncpu0 1 1 1 1 1 1 1"));
    EXPECT_FALSE(parse_all_cpus("cpu  1 2 3 4 x 6 7"));
    EXPECT_FALSE(parse_all_cpus("cpu  -1 2 3 4 5 6 7"));
    EXPECT_FALSE(parse_all_cpus("cpu "));
}

TEST(ParseSingleCpus, LeavesOutWhatIsOfflineOrNotUnderstood) {
    const std::string stat = "cpu  9 9 9 9 9 9 9 9\ncpu0 1 0 0 5 0 0 0 1\ncpu3 2 0 0 7 0 0 0 0\n"
                             "cpux 1 1 1 1 1 1 1 1\ncpu4 1 1\nintr 5\ncpu7 1 1 1 1 1 1 1 1\n";
    const std::vector<CpuLine> cpus = parse_single_cpus(stat);
    ASSERT_EQ(cpus.size(), 2U);
    EXPECT_EQ(cpus[0].cpu, 0U);
    EXPECT_EQ(cpus[0].ticks.away, 6U);
    EXPECT_EQ(cpus[1].cpu, 3U);
    EXPECT_EQ(cpus[1].ticks.busy, 2U);
    EXPECT_EQ(count_single_cpus("cpu  1\ncpu0 1\ncpu3 1\nintr 1\n"), 2U);
    EXPECT_EQ(count_single_cpus(""), 0U);
}

TEST(JoinArguments, LeavesNoSeparatorAsScaphandresLabelHasIt) {
    using std::string_literals::operator""s;
    EXPECT_EQ(join_arguments("qemu\0-name\0guest=a,b\0"s), "qemu-nameguest=a,b");
    EXPECT_EQ(join_arguments(""), "");
    EXPECT_EQ(join_arguments("\0\0"s), "");
    EXPECT_EQ(join_arguments("a \"b\"\n\0c"s), "a \"b\"\nc") << "exporters escape it";
}

} // namespace
} // namespace wattvisor
