// SPDX-License-Identifier: Apache-2.0
#include "host-agent/kernel_threads.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <string>

namespace wattvisor::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using wattvisor::test::FakeTree;

constexpr const char* kKernelFlags = "2129984"; // PF_KTHREAD among others
constexpr const char* kUserFlags = "4194560";

class FakeKernel : public testing::Test {
protected:
    void process(int pid, const std::string& name, const std::string& flags,
                 int start = 500) const {
        const std::string id = std::to_string(pid);
        tree.file(id + "/stat", id + " (" + name + ") S 2 0 0 0 -1 " + flags +
                                    " 0 0 0 0 1 1 0 0 20 0 1 0 " + std::to_string(start) +
                                    " 0 0\n");
    }
    void children(const std::string& pids) const { tree.file("2/task/2/children", pids); }
    void remove(int pid) const { std::filesystem::remove_all(tree.root() / std::to_string(pid)); }

    FakeTree tree;
    KernelThreads threads{tree.root()};
};

TEST(KernelThreadOwner, IsInTheName) {
    EXPECT_EQ(parse_kernel_thread_owner("vhost-1234"), std::pair(1234, Component::vhost));
    EXPECT_EQ(parse_kernel_thread_owner("kvm-pit/77"), std::pair(77, Component::helper));
    EXPECT_EQ(parse_kernel_thread_owner("kvm-nx-lpage-recovery-5"),
              std::pair(5, Component::helper));
    for (const char* name : {"vhost-", "vhost-0", "vhost-x", "vhost-1234x", "vhost--1",
                             "kworker/1:0", "xvhost-1", "vhost-99999999999", "", "kvm"}) {
        EXPECT_EQ(parse_kernel_thread_owner(name), std::nullopt) << name;
    }
}

// vhost's work was charged to nobody, or to `other`, by other meters.
TEST_F(FakeKernel, HasTheVhostThreadsOfEachQemu) {
    process(20, "vhost-100", kKernelFlags);
    process(21, "vhost-100", kKernelFlags, 600);
    process(22, "vhost-200", kKernelFlags);
    process(23, "kworker/0:1", kKernelFlags);
    children("20 21 22 23 ");
    threads.refresh();
    EXPECT_THAT(threads.of(100), UnorderedElementsAre(KernelThread{20, 500, Component::vhost},
                                                      KernelThread{21, 600, Component::vhost}));
    EXPECT_THAT(threads.of(200), ElementsAre(KernelThread{22, 500, Component::vhost}));
    EXPECT_THAT(threads.of(300), IsEmpty());
}

// Any user can name a process so, and would have a VM pay for it.
TEST_F(FakeKernel, DoesNotHaveAProcessThatOnlyHasSuchAName) {
    process(30, "vhost-100", kUserFlags);
    children("30 ");
    threads.refresh();
    EXPECT_THAT(threads.of(100), IsEmpty());
}

TEST_F(FakeKernel, WithoutAListOfChildrenIsSearchedWhole) {
    process(20, "vhost-100", kKernelFlags);
    process(31, "vhost-100", kUserFlags);
    tree.file("sys/kernel/x", "");
    threads.refresh();
    EXPECT_THAT(threads.of(100), ElementsAre(KernelThread{20, 500, Component::vhost}));
}

TEST_F(FakeKernel, IsFollowedFromLookToLook) {
    process(20, "vhost-100", kKernelFlags);
    children("20 ");
    threads.refresh();
    process(21, "vhost-100", kKernelFlags);
    children("20 21 ");
    threads.refresh();
    EXPECT_THAT(threads.of(100), testing::SizeIs(2));
    children("21 ");
    threads.refresh();
    EXPECT_THAT(threads.of(100), ElementsAre(KernelThread{21, 500, Component::vhost}));
    threads.refresh();
    EXPECT_THAT(threads.of(100), testing::SizeIs(1));
}

TEST_F(FakeKernel, HasAThreadWithAUsedPidAfterAWhile) {
    process(20, "kworker/0:1", kKernelFlags);
    children("20 ");
    threads.refresh();
    process(20, "vhost-100", kKernelFlags, 900); // between two looks
    for (int look = 0; look < 60; ++look) {
        threads.refresh();
    }
    EXPECT_THAT(threads.of(100), ElementsAre(KernelThread{20, 900, Component::vhost}));
}

TEST_F(FakeKernel, MayEndThreadsWhileTheyAreRead) {
    children("20 21 ");
    process(21, "vhost-100", kKernelFlags);
    tree.file("20/stat", "");
    threads.refresh();
    EXPECT_THAT(threads.of(100), testing::SizeIs(1));
}

} // namespace
} // namespace wattvisor::host
