// SPDX-License-Identifier: Apache-2.0
#include "host-agent/domain_lister.hpp"
#include "host-agent/metadata_keeper.hpp"
#include "tests/integration/host-agent/test_hypervisor.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/support/log_capture.hpp"
#include "virtiofs/domain_xml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr LedgerId kHere{0, 1};
constexpr LedgerId kThere{0, 2};

// Beside those of the test driver's own domains.
std::string vm_uuid(int number) {
    return "00000000-0000-4000-8000-0000000001" + std::to_string(10 + number);
}

CarriedEnergy charged(std::uint64_t uj, LedgerId ledger = kHere) {
    KindEnergy energy;
    energy[ZoneKind::package] = uj;
    CarriedEnergy carried;
    carried.raise(ledger, energy);
    return carried;
}

// libvirt's test driver, a keeper, and the other end of its mailbox. Time is the test's.
class MetadataKeeperTest : public testing::Test {
protected:
    MetadataKeeperTest() { keeper_.connected(connection_.get(), now_); }

    DomainHandle start(int number) {
        const std::string xml = test::domain_xml("vm " + std::to_string(number), vm_uuid(number));
        return DomainHandle(virDomainCreateXML(connection_.get(), xml.c_str(), 0));
    }

    DomainHandle define(int number) {
        const std::string xml = test::domain_xml("vm " + std::to_string(number), vm_uuid(number));
        return DomainHandle(virDomainDefineXML(connection_.get(), xml.c_str()));
    }

    // One turn, a second later, then one tick of the agent.
    void turn(std::chrono::nanoseconds later = 1s) {
        now_ += later;
        ASSERT_TRUE(lister_.reconcile(connection_.get()));
        keeper_.turn(connection_.get(), lister_.vms(), now_);
        mailbox_->serve([this](const std::string& uuid) -> std::optional<CarriedEnergy> {
            ++asked_[uuid];
            const auto found = ledger_.find(uuid);
            return found == ledger_.end() ? std::nullopt : std::optional(found->second);
        });
    }

    void turns(int count) {
        for (int i = 0; i < count; ++i) {
            turn();
        }
    }

    static CarriedEnergy in(const DomainHandle& domain, unsigned flags = 0) {
        return parse_domain(domain_xml_text(domain.get(), flags).value())->carried.energy;
    }

    static CarriedEnergy stored_in(const DomainHandle& domain) {
        return in(domain, VIR_DOMAIN_XML_INACTIVE);
    }

    wattvisor::test::FakeTree run_dir_;
    ConnectHandle connection_ = test::connect(test::kNodeUri);
    DomainLister lister_{run_dir_.root()};
    std::shared_ptr<CarryMailbox> mailbox_ = std::make_shared<CarryMailbox>();
    MetadataKeeper keeper_{mailbox_};
    MetadataKeeper::Time now_{1h};
    std::map<std::string, CarriedEnergy> ledger_;
    std::map<std::string, int> asked_;
};

TEST_F(MetadataKeeperTest, WritesEachVmOnceAMinute) {
    const DomainHandle domain = start(1);
    ASSERT_TRUE(domain);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    EXPECT_EQ(in(domain), charged(5));
    asked_.clear();
    ledger_[vm_uuid(1)] = charged(6);
    turns(60);
    EXPECT_EQ(in(domain), charged(6));
    EXPECT_EQ(asked_[vm_uuid(1)], 1);
}

TEST_F(MetadataKeeperTest, DoesNotWriteAllAtOnce) {
    for (int number = 0; number < 10; ++number) {
        ASSERT_TRUE(start(number));
        ledger_[vm_uuid(number)] = charged(1);
    }
    std::size_t most = 0;
    for (int i = 0; i < 60; ++i) {
        asked_.clear();
        turn();
        most = std::max(most, asked_.size());
    }
    EXPECT_LT(most, 8U) << "15 VMs are there";
}

TEST_F(MetadataKeeperTest, WritesTheStoredConfigurationToo) {
    const DomainHandle domain = define(1);
    ASSERT_EQ(virDomainCreate(domain.get()), 0);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    EXPECT_EQ(in(domain), charged(5));
    EXPECT_EQ(stored_in(domain), charged(5));
}

// The required detaching of the share is all the notice of a migration that there is.
TEST_F(MetadataKeeperTest, WritesSoonAfterADeviceWasDetached) {
    const DomainHandle domain = start(1);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    ledger_[vm_uuid(1)] = charged(6);
    keeper_.device_changed(vm_uuid(1), now_);
    turns(2);
    EXPECT_EQ(in(domain), charged(6));
}

// Ledgers forget VMs that are off for a day: the copy must then hold all of it.
TEST_F(MetadataKeeperTest, WritesOnceMoreWhatAVmUsedLast) {
    const DomainHandle domain = define(1);
    ASSERT_EQ(virDomainCreate(domain.get()), 0);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    ASSERT_EQ(virDomainDestroy(domain.get()), 0);
    ledger_[vm_uuid(1)] = charged(7);
    turns(20);
    EXPECT_EQ(stored_in(domain), charged(7));
    asked_.clear();
    turns(120);
    EXPECT_EQ(asked_[vm_uuid(1)], 0) << "it is off, and all is said";
}

TEST_F(MetadataKeeperTest, WritesVmsThatAreOffOnceAfterConnecting) {
    const DomainHandle domain = define(1);
    keeper_.connected(connection_.get(), now_);
    ledger_[vm_uuid(1)] = charged(5);
    turns(130);
    EXPECT_EQ(stored_in(domain), charged(5));
    EXPECT_EQ(asked_[vm_uuid(1)], 1);
}

TEST_F(MetadataKeeperTest, LeavesVmsAloneThatTheLedgerDoesNotKnow) {
    const DomainHandle domain = start(1);
    turns(130);
    EXPECT_TRUE(in(domain).empty());
    EXPECT_GT(asked_[vm_uuid(1)], 1);
}

TEST_F(MetadataKeeperTest, TakesNothingAwayThatIsThere) {
    const DomainHandle domain = define(1);
    ASSERT_EQ(virDomainCreate(domain.get()), 0);
    const std::string other = carried_xml(charged(9, kThere), vm_uuid(1));
    ASSERT_EQ(virDomainSetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, other.c_str(),
                                   kCarriedPrefix, kCarriedNamespace, VIR_DOMAIN_AFFECT_CONFIG),
              0);
    ASSERT_EQ(virDomainSetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, "<a>b</a>", "x",
                                   "urn:x", VIR_DOMAIN_AFFECT_CONFIG),
              0);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    CarriedEnergy both = charged(5);
    both.merge(charged(9, kThere));
    EXPECT_EQ(stored_in(domain), both);
    EXPECT_EQ(in(domain), both);
    EXPECT_THAT(test::xml_of(domain), HasSubstr("urn:x"));
}

TEST_F(MetadataKeeperTest, ReplacesWhatCannotBeBelieved) {
    const DomainHandle domain = start(1);
    ASSERT_EQ(virDomainSetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT,
                                   "<energy vm='x'><ledger id='y'/></energy>", kCarriedPrefix,
                                   kCarriedNamespace, VIR_DOMAIN_AFFECT_LIVE),
              0);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    EXPECT_EQ(in(domain), charged(5));
}

TEST_F(MetadataKeeperTest, WritesNothingWhereNothingChanged) {
    const DomainHandle domain = start(1);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    // Whoever writes shows: libvirt prints what it was given.
    ASSERT_EQ(virDomainSetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT,
                                   ("<energy vm='" + vm_uuid(1) + "' note='kept'><ledger id='" +
                                    to_string(kHere) + "' package='5'/></energy>")
                                       .c_str(),
                                   kCarriedPrefix, kCarriedNamespace, VIR_DOMAIN_AFFECT_LIVE),
              0);
    turns(120);
    EXPECT_THAT(domain_xml_text(domain.get(), 0).value(), HasSubstr("note=\"kept\""));
}

TEST_F(MetadataKeeperTest, SaysWhatAMigrationDidNotTakeAlong) {
    DomainHandle domain = start(1);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    const wattvisor::test::LogCapture log;
    ledger_[vm_uuid(1)] = charged(12);
    keeper_.left(vm_uuid(1), "has migrated");
    ASSERT_EQ(virDomainDestroy(domain.get()), 0);
    turns(20);
    EXPECT_THAT(log.text(), HasSubstr("has migrated: 7 µJ"));
}

// An answer that was under way when it left went into the stored configuration, and was taken for
// what the VM had taken along: less was said to stay than stayed.
TEST_F(MetadataKeeperTest, WhatIsStoredAfterAMigrationWasNotTakenAlong) {
    const DomainHandle domain = define(1);
    ASSERT_EQ(virDomainCreate(domain.get()), 0);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    ledger_[vm_uuid(1)] = charged(9);
    keeper_.device_changed(vm_uuid(1), now_);
    turn(); // asks, and has the answer for the next turn
    const wattvisor::test::LogCapture log;
    keeper_.left(vm_uuid(1), "has migrated");
    ASSERT_EQ(virDomainDestroy(domain.get()), 0);
    turn();
    EXPECT_EQ(stored_in(domain), charged(9));
    ledger_[vm_uuid(1)] = charged(12);
    turns(20);
    EXPECT_THAT(log.text(), HasSubstr("has migrated: 7 µJ"));
}

TEST_F(MetadataKeeperTest, SaysNothingOfAVmThatEnds) {
    DomainHandle domain = start(1);
    ledger_[vm_uuid(1)] = charged(5);
    turns(62);
    const wattvisor::test::LogCapture log;
    ledger_[vm_uuid(1)] = charged(12);
    ASSERT_EQ(virDomainDestroy(domain.get()), 0);
    turns(20);
    EXPECT_EQ(log.text(), "");
}

TEST(CarryMailbox, AsksOnlyForThoseWhoseTurnItIsAndKeepsTheNewestAnswer) {
    CarryMailbox mailbox;
    int calls = 0;
    std::uint64_t value = 0;
    const auto look_up = [&](const std::string& uuid) -> std::optional<CarriedEnergy> {
        ++calls;
        return uuid == "known" ? std::optional(charged(++value)) : std::nullopt;
    };
    mailbox.serve(look_up);
    EXPECT_EQ(calls, 0);
    for (int i = 0; i < 2; ++i) {
        mailbox.ask("known");
        mailbox.ask("unknown");
        mailbox.serve(look_up);
        mailbox.serve(look_up);
    }
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(mailbox.take(), (CarryMailbox::Letters{{"known", charged(2)}}));
    EXPECT_TRUE(mailbox.take().empty());
}

} // namespace
} // namespace wattvisor::host
