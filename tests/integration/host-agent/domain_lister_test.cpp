// SPDX-License-Identifier: Apache-2.0
#include "host-agent/domain_lister.hpp"
#include "tests/integration/host-agent/child_process.hpp"
#include "tests/integration/host-agent/test_hypervisor.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/support/log_capture.hpp"
#include "virtiofs/carried_xml.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <vector>

namespace wattvisor::host {
namespace {

class DomainListerTest : public testing::Test {
protected:
    std::vector<Vm> list() {
        EXPECT_TRUE(lister_.reconcile(connection_.get()));
        return lister_.vms();
    }

    wattvisor::test::FakeTree run_dir_;
    ConnectHandle connection_ = test::connect(test::kNodeUri);
    DomainLister lister_{run_dir_.root()};
};

TEST_F(DomainListerTest, ListsActiveVmsByUuidWithWhatTheirXmlSays) {
    const std::vector<Vm> vms = list();
    ASSERT_EQ(vms.size(), 5U);
    EXPECT_EQ(vms[0].uuid, test::uuid(1));
    EXPECT_EQ(vms[0].name, "web-1");
    EXPECT_EQ(vms[0].title, "Web server");
    EXPECT_EQ(vms[0].vcpus, 2U);
    EXPECT_EQ(vms[0].pid, 0);
    EXPECT_FALSE(vms[0].enrolled);
    EXPECT_FALSE(vms[0].shared_memory);
    EXPECT_EQ(vms[1].name, "with space");
    EXPECT_EQ(vms[2].name, "guest=x,debug-threads=on");
    EXPECT_EQ(vms[3].name, "données-数据");
    EXPECT_EQ(vms[3].title, "ünïcode");
    EXPECT_TRUE(vms[4].enrolled);
    EXPECT_TRUE(vms[4].shared_memory);
    EXPECT_EQ(vms[4].share_source, "/var/lib/libvirt/scaphandre/enrolled");
}

TEST_F(DomainListerTest, FindsQemuByItsPidFileHoweverTheVmIsCalled) {
    const test::ChildProcess qemu;
    run_dir_.file("with space.pid", qemu.pid_text());
    run_dir_.file("guest=x,debug-threads=on.pid", qemu.pid_text());
    run_dir_.file("données-数据.pid", qemu.pid_text());
    const std::vector<Vm> vms = list();
    EXPECT_EQ(vms.at(0).pid, 0);
    EXPECT_EQ(vms.at(1).pid, qemu.pid());
    EXPECT_EQ(vms.at(2).pid, qemu.pid());
    EXPECT_EQ(vms.at(3).pid, qemu.pid());
}

// libvirt tells of the start before QEMU's pid file is always there.
TEST_F(DomainListerTest, PidFileThatComesLaterIsFound) {
    EXPECT_EQ(list().at(0).pid, 0);
    const test::ChildProcess qemu;
    run_dir_.file("web-1.pid", qemu.pid_text());
    EXPECT_EQ(list().at(0).pid, qemu.pid());
}

TEST_F(DomainListerTest, VmThatWasStartedAnewHasANewIdAndPid) {
    const test::ChildProcess first;
    run_dir_.file("web-1.pid", first.pid_text());
    const Vm before = list().at(0);
    const DomainHandle domain = test::domain(connection_, "web-1");
    ASSERT_EQ(virDomainDestroy(domain.get()), 0);
    EXPECT_EQ(list().at(0).name, "with space") << "an inactive VM is not listed";
    const test::ChildProcess second;
    run_dir_.file("web-1.pid", second.pid_text());
    ASSERT_EQ(virDomainCreate(domain.get()), 0);
    const Vm after = list().at(0);
    EXPECT_EQ(after.uuid, before.uuid);
    EXPECT_NE(after.libvirt_id, before.libvirt_id);
    EXPECT_EQ(after.pid, second.pid());
}

// No event is told to the lister in these tests: the ids alone must do.
TEST_F(DomainListerTest, FindsStartsAndEndsInTheNextRoundWithoutAnyEvent) {
    const DomainHandle domain = test::domain(connection_, "web-1");
    for (int time = 0; time < 25; ++time) {
        EXPECT_EQ(list().size(), 5U);
        ASSERT_EQ(virDomainDestroy(domain.get()), 0);
        EXPECT_EQ(list().size(), 4U);
        ASSERT_EQ(virDomainCreate(domain.get()), 0);
    }
}

TEST_F(DomainListerTest, SaysNothingIsNewWhereNothingIs) {
    ASSERT_TRUE(lister_.reconcile(connection_.get()).value());
    int lists = 0;
    for (int round = 0; round < 600; ++round) {
        lists += lister_.reconcile(connection_.get()).value() ? 1 : 0;
    }
    EXPECT_EQ(lists, 10);
}

// A lister that asks every fifth round, over a folder with a pid file per VM.
class RunFolder : public DomainListerTest {
protected:
    RunFolder() {
        for (const Vm& vm : list()) {
            run_dir_.file(vm.name + ".pid", qemu_.pid_text());
        }
        settle();
        EXPECT_TRUE(seldom_.reconcile(connection_.get()));
        EXPECT_TRUE(seldom_.has_asked());
    }

    // As if nothing had come or gone for a while.
    void settle() const {
        std::filesystem::last_write_time(
            run_dir_.root(), std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }
    int questions_in(int rounds) {
        int questions = 0;
        for (int round = 0; round < rounds; ++round) {
            EXPECT_TRUE(seldom_.reconcile(connection_.get()));
            questions += seldom_.has_asked() ? 1 : 0;
        }
        return questions;
    }

    test::ChildProcess qemu_;
    DomainLister seldom_{run_dir_.root(), 5};
};

TEST_F(RunFolder, IsLookedAtInsteadOfAskingWhileItIsQuiet) {
    EXPECT_EQ(questions_in(4), 0);
    EXPECT_EQ(questions_in(1), 1);
    EXPECT_EQ(questions_in(20), 4);
}

TEST_F(RunFolder, TellsOfAnEndWithoutAnyEvent) {
    const DomainHandle domain = test::domain(connection_, "web-1");
    ASSERT_EQ(virDomainDestroy(domain.get()), 0);
    EXPECT_EQ(questions_in(1), 0);
    std::filesystem::remove(run_dir_.root() / "web-1.pid");
    EXPECT_EQ(questions_in(1), 1);
    EXPECT_EQ(seldom_.vms().size(), 4U);
}

// The time of a folder steps: what comes right behind a change may not be seen in it.
TEST_F(RunFolder, IsNotTrustedRightAfterAChange) {
    run_dir_.file("another.pid", "1\n");
    EXPECT_EQ(questions_in(2), 2);
    settle();
    EXPECT_EQ(questions_in(1), 1) << "another time than in the round before";
    EXPECT_EQ(questions_in(1), 0);
}

TEST_F(RunFolder, IsNotTrustedWhereAVmIsNotInIt) {
    std::filesystem::remove(run_dir_.root() / "web-1.pid");
    DomainLister lister(run_dir_.root(), 5);
    settle();
    for (int round = 0; round < 10; ++round) {
        EXPECT_TRUE(lister.reconcile(connection_.get()));
        EXPECT_TRUE(lister.has_asked()) << round;
    }
}

TEST_F(RunFolder, ThatIsGoneIsNotTrusted) {
    std::filesystem::remove_all(run_dir_.root());
    EXPECT_EQ(questions_in(3), 3);
}

TEST_F(DomainListerTest, PausedVmsAreActive) {
    const DomainHandle domain = test::domain(connection_, "web-1");
    ASSERT_EQ(virDomainSuspend(domain.get()), 0);
    EXPECT_EQ(list().size(), 5U);
}

// Asking for the XML of every VM each second would cost more than all the measuring. Turns are
// taken with the list, every sixty rounds.
TEST_F(DomainListerTest, ReadsTheXmlAgainWhenItsTurnComesOrAfterAnEvent) {
    const DomainHandle domain = test::domain(connection_, "enrolled");
    const auto rounds_until_seen = [&](const std::string& title) {
        EXPECT_EQ(virDomainSetMetadata(domain.get(), VIR_DOMAIN_METADATA_TITLE, title.c_str(),
                                       nullptr, nullptr, VIR_DOMAIN_AFFECT_LIVE),
                  0);
        int rounds = 1;
        while (list().at(4).title != title && rounds < 1000) {
            ++rounds;
        }
        return rounds;
    };
    static_cast<void>(list());
    EXPECT_LE(rounds_until_seen("at its first turn"), 360);
    EXPECT_EQ(rounds_until_seen("at its next turn"), 300);
    lister_.refresh(test::uuid(5));
    EXPECT_EQ(rounds_until_seen("after an event"), 1);
}

TEST_F(DomainListerTest, CountsTheEventsThatNamedAVm) {
    EXPECT_EQ(list().at(4).events, 0U);
    lister_.refresh(test::uuid(5));
    EXPECT_EQ(list().at(4).events, 1U);
    EXPECT_EQ(list().at(3).events, 0U);
    for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(list().at(4).events, 1U);
    }
}

class CarriedByDomain : public DomainListerTest {
protected:
    void write(const std::string& xml) {
        ASSERT_EQ(virDomainSetMetadata(domain_.get(), VIR_DOMAIN_METADATA_ELEMENT, xml.c_str(),
                                       kCarriedPrefix, kCarriedNamespace,
                                       VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG),
                  0);
    }
    void write(std::uint64_t uj) {
        CarriedEnergy carried;
        carried.raise({0, 1}, KindEnergy{{uj}});
        write(carried_xml(carried, test::uuid(1)));
    }

    std::uint64_t carried() {
        lister_.refresh(test::uuid(1));
        return list().at(0).carried.total()[ZoneKind::package];
    }

    DomainHandle domain_ = test::domain(connection_, "web-1");
};

// What the agent itself writes every minute would else make a new list of each.
TEST_F(CarriedByDomain, IsReadOncePerStart) {
    write(5);
    EXPECT_EQ(carried(), 5U);
    write(6);
    EXPECT_EQ(carried(), 5U);
    ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
    ASSERT_EQ(virDomainCreate(domain_.get()), 0);
    EXPECT_EQ(carried(), 6U);
    write(7);
    EXPECT_EQ(carried(), 6U);
    lister_.refresh_all();
    EXPECT_EQ(carried(), 7U);
}

TEST_F(CarriedByDomain, IsIgnoredWithOneLineIfItCannotBeBelieved) {
    write("<energy vm='x'/>");
    const wattvisor::test::LogCapture log;
    EXPECT_EQ(carried(), 0U);
    lister_.refresh_all();
    EXPECT_EQ(carried(), 0U);
    EXPECT_EQ(log.text(), "warning: VM " + test::uuid(1) +
                              ": the energy in its metadata is ignored: it is another VM's, as in "
                              "a clone\n");
    EXPECT_EQ(list().at(0).vcpus, 2U) << "the rest of it is known";
}

} // namespace
} // namespace wattvisor::host
