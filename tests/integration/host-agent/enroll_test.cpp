// SPDX-License-Identifier: Apache-2.0
#include "host-agent/enroll.hpp"
#include "tests/integration/host-agent/test_hypervisor.hpp"
#include "tests/support/fake_tree.hpp"
#include "virtiofs/domain_xml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace wattvisor::host {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// libvirt's test driver keeps XML but cannot attach devices, so what changes a running VM and the
// machine is recorded here instead.
class EnrollTest : public testing::Test {
protected:
    EnrollTest() {
        options_.uri = test::kNodeUri;
        options_.hook = tree_.file("qemu.d/wattvisor", "#!/bin/sh\n");
        actions_.make_share = [this](const ShareSettings&, std::string_view uuid,
                                     std::string_view name) -> Result<MadeShare> {
            calls_.push_back("make " + std::string(name) + " " + std::string(uuid));
            return MadeShare{};
        };
        actions_.remove_share = [this](const ShareSettings&, std::string_view,
                                       std::string_view name) -> Result<RemovedShare> {
            calls_.push_back("remove " + std::string(name));
            return RemovedShare{};
        };
        actions_.attach = [this](virDomainPtr, const std::string& xml) {
            calls_.push_back("attach");
            device_ = xml;
            return device_answer_;
        };
        actions_.detach = [this](virDomainPtr, const std::string& xml) {
            calls_.push_back("detach");
            device_ = xml;
            return device_answer_;
        };
    }

    int run_enroll(const std::vector<std::string>& vms) {
        std::ostringstream out;
        const int exit_code = enroll(connection_.get(), options_, vms, actions_, out);
        output_ = out.str();
        return exit_code;
    }

    int run_unenroll(const std::vector<std::string>& vms) {
        std::ostringstream out;
        const int exit_code = unenroll(connection_.get(), options_, vms, actions_, out);
        output_ = out.str();
        return exit_code;
    }

    DomainXml stored(const std::string& name) {
        return parse_domain(test::xml_of(test::domain(connection_, name))).value();
    }

    wattvisor::test::FakeTree tree_;
    ConnectHandle connection_ = test::connect(test::kNodeUri);
    EnrollOptions options_;
    EnrollActions actions_;
    Result<void> device_answer_;
    std::vector<std::string> calls_;
    std::string device_;
    std::string output_;
};

TEST_F(EnrollTest, StoresTheShareAndSaysThatTheVmMustBeRestarted) {
    EXPECT_EQ(run_enroll({"web-1"}), kExitOk);
    EXPECT_THAT(output_, AllOf(StartsWith("web-1: enrolled ("), HasSubstr("virsh shutdown 'web-1'"),
                               HasSubstr("--live"), Not(HasSubstr("warning"))));
    EXPECT_EQ(stored("web-1").share_source, "/var/lib/libvirt/scaphandre/web-1");
    EXPECT_TRUE(stored("web-1").shared_memory);
    EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(EnrollTest, TwiceIsTheSameAsOnce) {
    ASSERT_EQ(run_enroll({"web-1"}), kExitOk);
    const std::string once = test::xml_of(test::domain(connection_, "web-1"));
    EXPECT_EQ(run_enroll({"web-1"}), kExitOk);
    EXPECT_THAT(output_, StartsWith("web-1: already enrolled."));
    EXPECT_EQ(test::xml_of(test::domain(connection_, "web-1")), once);
}

TEST_F(EnrollTest, UnenrollingTakesTheShareOutAgain) {
    ASSERT_EQ(run_enroll({"web-1"}), kExitOk);
    EXPECT_EQ(run_unenroll({"web-1"}), kExitOk);
    EXPECT_THAT(output_, StartsWith("web-1: no longer enrolled"));
    EXPECT_EQ(stored("web-1").share_source, "");
    EXPECT_EQ(run_unenroll({"web-1"}), kExitOk);
    EXPECT_THAT(output_, StartsWith("web-1: not enrolled."));
}

TEST_F(EnrollTest, OddNamesAndUuids) {
    EXPECT_EQ(run_enroll({"with space", "guest=x,debug-threads=on", test::uuid(4)}), kExitOk);
    EXPECT_EQ(stored("with space").share_source, "/var/lib/libvirt/scaphandre/with space");
    // virtiofsd splits its options at commas (docs/adr/0010-share-folder-by-uuid.md).
    EXPECT_EQ(stored("guest=x,debug-threads=on").share_source,
              "/var/lib/libvirt/scaphandre/" + test::uuid(3));
    EXPECT_EQ(stored("données-数据").share_source, "/var/lib/libvirt/scaphandre/données-数据");
    EXPECT_THAT(output_, HasSubstr("\ndonnées-数据: enrolled"));
    EXPECT_THAT(output_, HasSubstr("virsh start 'with space'"));
}

TEST_F(EnrollTest, FolderByUuidAndABinaryOfOnesOwn) {
    options_.shares.folder = ShareFolderNaming::uuid;
    options_.virtiofsd = "/opt/virtiofsd";
    EXPECT_EQ(run_enroll({"web-1"}), kExitOk);
    EXPECT_EQ(stored("web-1").share_source, "/var/lib/libvirt/scaphandre/" + test::uuid(1));
    EXPECT_THAT(test::xml_of(test::domain(connection_, "web-1")),
                HasSubstr("<binary path='/opt/virtiofsd'"));
}

TEST_F(EnrollTest, TriesEveryVmAndFailsIfOneFailed) {
    EXPECT_EQ(run_enroll({"web1", "no such thing at all", "web-1"}), kExitFailure);
    EXPECT_THAT(output_, HasSubstr("web1: there is no such VM. Did you mean 'web-1'?"));
    EXPECT_THAT(output_, HasSubstr("List them with: wattvisor-host vms"));
    EXPECT_THAT(output_, HasSubstr("\nweb-1: enrolled"));
    EXPECT_EQ(stored("web-1").share_source, "/var/lib/libvirt/scaphandre/web-1");
}

TEST_F(EnrollTest, ShutOffVmNeedsNoRestart) {
    ASSERT_EQ(virDomainDestroy(test::domain(connection_, "web-1").get()), 0);
    options_.live = true;
    EXPECT_EQ(run_enroll({"web-1"}), kExitOk);
    EXPECT_THAT(output_, Not(HasSubstr("running")));
    EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(EnrollTest, LiveNeedsSharedMemoryInTheRunningVm) {
    options_.live = true;
    EXPECT_EQ(run_enroll({"web-1"}), kExitFailure);
    EXPECT_THAT(output_, AllOf(HasSubstr("enrolled ("), HasSubstr("without shared memory"),
                               HasSubstr("virsh shutdown 'web-1'")));
    EXPECT_THAT(calls_, IsEmpty());
}

class LiveTest : public EnrollTest {
protected:
    LiveTest() {
        options_.live = true;
        const std::string memory = "<memoryBacking><source type='memfd'/>"
                                   "<access mode='shared'/></memoryBacking>";
        const std::string xml = test::domain_xml("transient", test::uuid(8), memory);
        transient_.reset(virDomainCreateXML(connection_.get(), xml.c_str(), 0));
    }
    DomainHandle transient_;
};

// virtiofsd opens the folder when the device is attached: it has to be there.
TEST_F(LiveTest, MakesTheShareBeforeItAttaches) {
    EXPECT_EQ(run_enroll({"transient"}), kExitOk);
    EXPECT_THAT(calls_, ElementsAre("make transient " + test::uuid(8), "attach"));
    EXPECT_THAT(device_, HasSubstr("/var/lib/libvirt/scaphandre/transient"));
    EXPECT_THAT(output_, HasSubstr("mount -t virtiofs scaphandre /var/scaphandre"));
}

TEST_F(LiveTest, FailedAttachLeavesNoShareBehind) {
    device_answer_ = Error{Severity::transient, "no free PCI slot", {}, {}};
    EXPECT_EQ(run_enroll({"transient"}), kExitFailure);
    EXPECT_THAT(calls_,
                ElementsAre("make transient " + test::uuid(8), "attach", "remove transient"));
    EXPECT_THAT(output_, HasSubstr("could not be attached: no free PCI slot"));
}

TEST_F(LiveTest, ShareThatWasThereBeforeStaysAfterAFailedAttach) {
    actions_.make_share = [](const ShareSettings&, std::string_view,
                             std::string_view) -> Result<MadeShare> {
        return MadeShare{{}, {}, ShareState::kept};
    };
    device_answer_ = Error{Severity::transient, "no free PCI slot", {}, {}};
    EXPECT_EQ(run_enroll({"transient"}), kExitFailure);
    EXPECT_THAT(calls_, ElementsAre("attach"));
}

TEST_F(LiveTest, TransientVmsCanOnlyBeChangedLive) {
    options_.live = false;
    EXPECT_EQ(run_enroll({"transient"}), kExitFailure);
    EXPECT_THAT(output_, HasSubstr("it is transient"));
    EXPECT_EQ(run_unenroll({"transient"}), kExitFailure);
    EXPECT_THAT(output_, HasSubstr("use --live"));
}

TEST_F(LiveTest, RunningVmThatHasTheShareIsLeftAlone) {
    EXPECT_EQ(run_enroll({"enrolled"}), kExitOk);
    EXPECT_EQ(output_, "enrolled: already enrolled. The running VM has the share.\n");
    EXPECT_THAT(calls_, IsEmpty());
}

// The guest decides whether it lets go: while it has the device, its folder must stay.
TEST_F(LiveTest, DetachThatTheGuestIgnoresKeepsTheFolder) {
    EXPECT_EQ(run_unenroll({"enrolled"}), kExitFailure);
    EXPECT_THAT(calls_, ElementsAre("detach"));
    EXPECT_THAT(output_, AllOf(HasSubstr("still has it"), HasSubstr("umount /var/scaphandre")));
}

TEST_F(LiveTest, RefusedDetachSaysWhatToDo) {
    device_answer_ = Error{Severity::transient, "device is busy", {}, {}};
    EXPECT_EQ(run_unenroll({"enrolled"}), kExitFailure);
    EXPECT_THAT(calls_, ElementsAre("detach"));
    EXPECT_THAT(output_, HasSubstr("could not be detached: device is busy"));
}

TEST_F(EnrollTest, UnenrollingARunningVmSaysThatItKeepsTheShare) {
    EXPECT_EQ(run_unenroll({"enrolled"}), kExitOk);
    EXPECT_THAT(output_, HasSubstr("The running VM keeps the share until it is stopped"));
    EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(EnrollTest, WarnsWithoutTheHookAndSaysHowToInstallIt) {
    options_.hook = tree_.root() / "absent";
    EXPECT_EQ(run_enroll({"web-1"}), kExitOk);
    EXPECT_THAT(output_, HasSubstr("\nwarning: the libvirt hook " + options_.hook.string()));
    EXPECT_THAT(output_, HasSubstr(options_.hook_install));
}

TEST_F(EnrollTest, CannotConnect) {
    options_.uri = "test:///nonexistent.xml";
    std::ostringstream out;
    EXPECT_EQ(enroll(options_, std::vector<std::string>{"web-1"}, actions_, out), kExitFailure);
    EXPECT_THAT(out.str(), StartsWith("error: cannot reach libvirt at test:///nonexistent.xml"));
    EXPECT_EQ(unenroll(options_, std::vector<std::string>{"web-1"}, actions_, out), kExitFailure);
}

TEST_F(EnrollTest, OpensAConnectionOfItsOwn) {
    std::ostringstream out;
    EXPECT_EQ(enroll(options_, std::vector<std::string>{"enrolled"}, actions_, out), kExitOk);
    EXPECT_THAT(out.str(), StartsWith("enrolled: already enrolled"));
}

} // namespace
} // namespace wattvisor::host
