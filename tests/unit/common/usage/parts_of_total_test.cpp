// SPDX-License-Identifier: Apache-2.0
#include "common/usage/parts_of_total.hpp"

#include <gmock/gmock.h>

#include <numeric>
#include <random>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;

nanoseconds sum(const PartsOfTotal& total) {
    return std::accumulate(total.parts().begin(), total.parts().end(), nanoseconds(0));
}

TEST(PartsOfTotal, AreWhatWasSeen) {
    PartsOfTotal total(2);
    total.see(0, 30ns);
    total.see(1, 70ns);
    total.advance(100ns);
    EXPECT_THAT(total.parts(), ElementsAre(30ns, 70ns));
    total.see(1, 50ns);
    total.advance(150ns);
    EXPECT_THAT(total.parts(), ElementsAre(30ns, 120ns));
}

// Threads that ended between two looks took their time with them in other meters.
TEST(PartsOfTotal, ShareWhatNobodyWasSeenToUse) {
    PartsOfTotal total(2);
    total.see(0, 10ns);
    total.see(1, 30ns);
    total.advance(100ns);
    EXPECT_THAT(total.parts(), ElementsAre(25ns, 75ns));
    total.advance(104ns); // nothing was seen: as before
    EXPECT_THAT(total.parts(), ElementsAre(26ns, 78ns));
}

TEST(PartsOfTotal, OfWhichNothingIsKnownGoToTheFallback) {
    PartsOfTotal total(3);
    total.advance(7ns, 1);
    EXPECT_THAT(total.parts(), ElementsAre(0ns, 7ns, 0ns));
}

// The threads are read after the clock, and ran meanwhile.
TEST(PartsOfTotal, WaitForTheTotalWhereTheyAreAheadOfIt) {
    PartsOfTotal total(2);
    total.see(0, 60ns);
    total.see(1, 60ns);
    total.advance(60ns);
    EXPECT_THAT(total.parts(), ElementsAre(30ns, 30ns));
    total.advance(60ns);
    total.see(0, 60ns);
    total.advance(180ns);
    EXPECT_THAT(total.parts(), ElementsAre(120ns, 60ns));
}

// Clocks that disagree for good: what one saw too much must not decide for ever.
TEST(PartsOfTotal, ForgetWhatIsFarAhead) {
    PartsOfTotal total(2);
    total.see(0, 100s);
    total.advance(1ns);
    total.see(1, 10ns);
    total.advance(11ns);
    EXPECT_THAT(total.parts(), ElementsAre(1ns, 10ns));
}

TEST(PartsOfTotal, DoNotGoBackWithTheTotal) {
    PartsOfTotal total(2);
    total.see(0, 10ns);
    total.advance(10ns);
    total.see(1, 5ns);
    total.advance(3ns);
    EXPECT_THAT(total.parts(), ElementsAre(10ns, 0ns));
    total.advance(15ns);
    EXPECT_THAT(total.parts(), ElementsAre(10ns, 5ns));
}

TEST(PartsOfTotal, KeepTheTimeOfPartsThatGoAway) {
    PartsOfTotal total(3);
    for (std::size_t part = 0; part < 3; ++part) {
        total.see(part, nanoseconds(part + 1));
    }
    total.advance(6ns);
    total.resize(2);
    EXPECT_THAT(total.parts(), ElementsAre(1ns, 5ns));
    total.resize(0);
    EXPECT_THAT(total.parts(), ElementsAre(6ns));
    total.resize(2);
    EXPECT_THAT(total.parts(), ElementsAre(6ns, 0ns));
}

TEST(PartsOfTotal, DoNotOverflowOnAbsurdTimes) {
    PartsOfTotal total(8);
    for (std::size_t part = 0; part < 8; ++part) {
        total.see(part, nanoseconds::max());
        total.see(part, nanoseconds::max());
        total.see(part, nanoseconds::min());
    }
    total.advance(nanoseconds::max());
    EXPECT_EQ(sum(total), nanoseconds::max());
}

TEST(PartsOfTotal, AlwaysAddUpAndNeverGoBack) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const auto up_to = [&random](std::uint64_t most) {
        return static_cast<std::int64_t>(random() % (most + 1));
    };
    for (int run = 0; run < 2000; ++run) {
        PartsOfTotal total(1 + random() % 8);
        nanoseconds now{0};
        for (int step = 0; step < 10; ++step) {
            const std::vector<nanoseconds> before(total.parts().begin(), total.parts().end());
            const auto scale = std::uint64_t{1} << (random() % 40);
            for (std::size_t part = 0; part < before.size(); ++part) {
                total.see(part, nanoseconds(random() % 2 == 0 ? 0 : up_to(scale)));
            }
            now += nanoseconds(up_to(scale * 4));
            total.advance(now, before.size() - 1);
            ASSERT_EQ(sum(total), now);
            for (std::size_t part = 0; part < before.size(); ++part) {
                ASSERT_GE(total.parts()[part], before[part]);
            }
        }
    }
}

} // namespace
} // namespace wattvisor
