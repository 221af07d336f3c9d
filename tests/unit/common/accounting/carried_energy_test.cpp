// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/carried_energy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

namespace wattvisor {
namespace {

constexpr LedgerId kHere{0, 1};
constexpr LedgerId kThere{0, 2};

KindEnergy package(std::uint64_t uj) {
    KindEnergy energy;
    energy[ZoneKind::package] = uj;
    return energy;
}

CarriedEnergy copy_of(std::initializer_list<CarriedEnergy::Entry> entries) {
    CarriedEnergy carried;
    for (const auto& entry : entries) {
        carried.raise(entry.ledger, entry.energy);
    }
    return carried;
}

std::uint64_t total(const CarriedEnergy& carried) {
    return carried.total()[ZoneKind::package];
}

TEST(LedgerIdText, IsReadAsItIsWritten) {
    const LedgerId id{0x0123456789abcdef, 0xfedcba9876543210};
    EXPECT_EQ(to_string(id), "0123456789abcdeffedcba9876543210");
    EXPECT_EQ(parse_ledger_id(to_string(id)), id);
    EXPECT_EQ(to_string(kHere), "00000000000000000000000000000001");
}

TEST(LedgerIdText, HasExactlyOneForm) {
    for (const char* text :
         {"", "1", "0123456789ABCDEFfedcba9876543210", "0123456789abcdeffedcba987654321",
          "0123456789abcdeffedcba98765432100", "0123456789abcdeffedcba987654321g",
          " 123456789abcdeffedcba9876543210", "00000000000000000000000000000000",
          "-123456789abcdeffedcba9876543210"}) {
        EXPECT_FALSE(parse_ledger_id(text)) << text;
    }
}

TEST(LedgerIdText, TwoLedgersAreNotTheSame) {
    EXPECT_NE(make_ledger_id(), make_ledger_id());
}

TEST(CarriedEnergy, KeepsTheLargerValueOfEachKind) {
    KindEnergy first;
    first[ZoneKind::package] = 5;
    first[ZoneKind::dram] = 1;
    KindEnergy second;
    second[ZoneKind::package] = 4;
    second[ZoneKind::dram] = 2;
    const CarriedEnergy carried = copy_of({{kHere, first}, {kHere, second}});
    EXPECT_EQ(carried.charged_by(kHere)[ZoneKind::package], 5U);
    EXPECT_EQ(carried.charged_by(kHere)[ZoneKind::dram], 2U);
    EXPECT_EQ(carried.charged_by(kThere), KindEnergy{});
    EXPECT_EQ(carried.entries().size(), 1U);
}

TEST(CarriedEnergy, SumsDoNotWrap) {
    const auto most = package(std::numeric_limits<std::uint64_t>::max());
    const CarriedEnergy carried = copy_of({{kHere, most}, {kThere, most}});
    EXPECT_EQ(total(carried), std::numeric_limits<std::uint64_t>::max());
    EXPECT_FALSE(carried.is_plausible());
}

TEST(CarriedEnergy, IsPlausibleUpToItsBounds) {
    CarriedEnergy carried = copy_of({{kHere, package(kMostCarriedUj - 1)}, {kThere, package(1)}});
    EXPECT_TRUE(carried.is_plausible());
    carried.raise(kThere, package(2));
    EXPECT_FALSE(carried.is_plausible());
    CarriedEnergy many;
    for (std::uint64_t ledger = 1; ledger <= kMostLedgers; ++ledger) {
        many.raise({0, ledger}, package(1));
    }
    EXPECT_TRUE(many.is_plausible());
    many.raise({0, kMostLedgers + 1}, package(1));
    EXPECT_FALSE(many.is_plausible());
}

// A few ledgers and small numbers, so that copies meet in all ways.
CarriedEnergy random_copy(std::mt19937& random) {
    CarriedEnergy carried;
    for (auto i = random() % 5; i > 0; --i) {
        KindEnergy energy;
        for (std::uint64_t& uj : energy.uj) {
            uj = random() % 4;
        }
        carried.raise({random() % 2, 1 + random() % 3}, energy);
    }
    return carried;
}

CarriedEnergy merged(CarriedEnergy a, const CarriedEnergy& b) {
    a.merge(b);
    return a;
}

TEST(CarriedEnergyProperty, MergingDependsOnNoOrderAndNeverDecreases) {
    std::mt19937 random(20260101);
    for (int run = 0; run < 10'000; ++run) {
        const CarriedEnergy a = random_copy(random);
        const CarriedEnergy b = random_copy(random);
        const CarriedEnergy c = random_copy(random);
        const CarriedEnergy ab = merged(a, b);
        ASSERT_EQ(ab, merged(b, a)) << "run " << run;
        ASSERT_EQ(merged(ab, c), merged(a, merged(b, c))) << "run " << run;
        ASSERT_EQ(merged(ab, b), ab) << "run " << run;
        for (const ZoneKind kind : kCarriedKinds) {
            ASSERT_GE(ab.total()[kind], std::max(a.total()[kind], b.total()[kind])) << run;
        }
        ASSERT_TRUE(
            std::ranges::is_sorted(ab.entries(), std::less<>{}, &CarriedEnergy::Entry::ledger));
    }
}

TEST(CarriedAccount, AddsWhatOtherLedgersCharged) {
    CarriedAccount account;
    EXPECT_EQ(account.learn(copy_of({{kThere, package(7)}}), kHere, {}), Learned::more);
    EXPECT_EQ(account.before(), package(7));
    EXPECT_EQ(account.to_carry(kHere, package(5)),
              copy_of({{kThere, package(7)}, {kHere, package(5)}}));
}

// It comes home: what this host charged is in the copy, and in its ledger. It is the same energy.
TEST(CarriedAccount, DoesNotCountItsOwnEntryTwice) {
    CarriedAccount account;
    const auto copy = copy_of({{kHere, package(5)}, {kThere, package(7)}});
    EXPECT_EQ(account.learn(copy, kHere, package(5)), Learned::more);
    EXPECT_EQ(account.before(), package(7));
    EXPECT_EQ(account.learn(copy, kHere, package(9)), Learned::nothing);
    EXPECT_EQ(account.before(), package(7));
}

// A VM that was off for longer than ended accounts are kept: the ledger opens a new one at 0. If
// its own entry in the copy were passed over, the total would fall back; if the larger of both
// were taken, nothing would be counted until the old value is reached.
TEST(CarriedAccount, GoesOnWhereAForgottenAccountEnded) {
    CarriedAccount account;
    EXPECT_EQ(account.learn(copy_of({{kHere, package(100)}}), kHere, {}), Learned::more);
    EXPECT_EQ(account.before(), package(100));
    const auto carried = account.to_carry(kHere, package(3));
    ASSERT_TRUE(carried);
    EXPECT_EQ(carried->charged_by(kHere), package(103));
    // Its own writing comes back.
    EXPECT_EQ(account.learn(*carried, kHere, package(4)), Learned::nothing);
    EXPECT_EQ(account.to_carry(kHere, package(4))->charged_by(kHere), package(104));
}

TEST(CarriedAccount, GoesOnAfterAnOlderLedgerWasPutBack) {
    CarriedAccount account;
    EXPECT_EQ(account.learn(copy_of({{kHere, package(100)}}), kHere, package(60)), Learned::more);
    EXPECT_EQ(account.to_carry(kHere, package(60))->charged_by(kHere), package(100));
    EXPECT_EQ(account.to_carry(kHere, package(61))->charged_by(kHere), package(101));
}

TEST(CarriedAccount, RefusesACopyBeyondTheBoundsAndKeepsWhatItHas) {
    CarriedAccount account;
    ASSERT_EQ(account.learn(copy_of({{kThere, package(7)}}), kHere, {}), Learned::more);
    const auto huge = copy_of({{{0, 3}, package(kMostCarriedUj)}});
    EXPECT_TRUE(huge.is_plausible());
    EXPECT_EQ(account.learn(huge, kHere, {}), Learned::refused);
    EXPECT_EQ(account.before(), package(7));
    CarriedEnergy many;
    for (std::uint64_t ledger = 10; ledger < 10 + kMostLedgers; ++ledger) {
        many.raise({0, ledger}, package(1));
    }
    EXPECT_EQ(account.learn(many, kHere, {}), Learned::refused);
}

TEST(CarriedAccount, CarriesNothingOnAsOneLedgerTooMany) {
    CarriedEnergy full;
    for (std::uint64_t ledger = 10; ledger < 10 + kMostLedgers; ++ledger) {
        full.raise({0, ledger}, package(1));
    }
    CarriedAccount account;
    ASSERT_EQ(account.learn(full, kHere, {}), Learned::more);
    EXPECT_FALSE(account.to_carry(kHere, package(1)));
    EXPECT_EQ(account.before(), package(kMostLedgers));
}

TEST(CarriedAccount, IsTheSameAfterItWasWrittenDown) {
    CarriedAccount account;
    ASSERT_EQ(account.learn(copy_of({{kThere, package(7)}, {kHere, package(2)}}), kHere, {}),
              Learned::more);
    const CarriedAccount again(account.kept());
    EXPECT_EQ(again.before(), account.before());
    EXPECT_EQ(again.to_carry(kHere, package(1)), account.to_carry(kHere, package(1)));
}

// One VM's life on some hosts: it moves, its metadata is written now and then, copies are taken
// along late, lost, or come back from an old save image; ledgers forget it once it is written down.
class History {
public:
    explicit History(unsigned seed) : random_(seed), hosts_(2 + random_() % 2) {
        for (std::size_t i = 0; i < hosts_.size(); ++i) {
            hosts_[i].id = {7, i + 1};
        }
    }

    void step() {
        switch (random_() % 7) {
        case 0:
        case 1: // it runs
            charge(random_() % 100);
            break;
        case 2: // its turn: the metadata is written
            write();
            break;
        case 3: // it moves, with the metadata of now
            arrive(random_() % hosts_.size(), metadata_);
            break;
        case 4: // a copy is kept, as in a save image
            images_.push_back(metadata_);
            break;
        case 5: // and is used, now or never, perhaps elsewhere
            if (!images_.empty()) {
                arrive(random_() % hosts_.size(), images_.at(random_() % images_.size()));
            }
            break;
        default: // it was off for long enough
            write();
            forget();
            arrive(at_, metadata_);
        }
        const std::uint64_t now = shown();
        ASSERT_LE(now, truth_);
        ASSERT_GE(now, hosts_.at(at_).shown_last) << "a total went back";
        hosts_.at(at_).shown_last = now;
    }

    // Every copy arrives: each host's last word is brought to where the VM is.
    void gather() {
        const std::size_t home = at_;
        for (std::size_t host = 0; host < hosts_.size(); ++host) {
            at_ = host;
            metadata_.merge(to_carry());
        }
        arrive(home, metadata_);
    }

    [[nodiscard]] std::uint64_t shown() const {
        const Host& host = hosts_.at(at_);
        return host.account.before()[ZoneKind::package] + host.charged;
    }
    [[nodiscard]] std::uint64_t truth() const { return truth_; }

private:
    struct Host {
        LedgerId id;
        std::uint64_t charged = 0;
        CarriedAccount account;
        std::uint64_t shown_last = 0;
    };

    void charge(std::uint64_t uj) {
        truth_ += uj;
        hosts_.at(at_).charged += uj;
    }

    [[nodiscard]] CarriedEnergy to_carry() const {
        const Host& host = hosts_.at(at_);
        return host.account.to_carry(host.id, package(host.charged)).value();
    }

    // As the keeper does: what is there already is not taken away.
    void write() { metadata_.merge(to_carry()); }

    void arrive(std::size_t where, const CarriedEnergy& copy) {
        at_ = where;
        metadata_ = copy;
        Host& host = hosts_.at(where);
        host.account.learn(copy, host.id, package(host.charged));
    }

    // Its total is folded into those of the forgotten.
    void forget() {
        Host& host = hosts_.at(at_);
        host.charged = 0;
        host.account = CarriedAccount();
    }

    std::mt19937 random_;
    std::vector<Host> hosts_;
    std::size_t at_ = 0;
    CarriedEnergy metadata_; // of the VM, where it is
    std::vector<CarriedEnergy> images_;
    std::uint64_t truth_ = 0;
};

TEST(CarriedAccountProperty, IsNeverMoreThanTheTruthAndIsTheTruthOnceAllCopiesArrived) {
    for (unsigned seed = 0; seed < 10'000; ++seed) {
        History history(seed);
        for (int step = 0; step < 40; ++step) {
            history.step();
            ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << ", step " << step;
        }
        history.gather();
        ASSERT_EQ(history.shown(), history.truth()) << "seed " << seed;
    }
}

} // namespace
} // namespace wattvisor
