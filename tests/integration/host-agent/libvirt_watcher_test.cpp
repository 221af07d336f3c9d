// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_descriptor.hpp"
#include "host-agent/libvirt_watcher.hpp"
#include "tests/integration/host-agent/child_process.hpp"
#include "tests/integration/host-agent/test_hypervisor.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>
#include <vector>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// What the watcher delivered, for a test to wait on.
class Inbox {
public:
    void put(VmList list) {
        const std::lock_guard lock(mutex_);
        lists_.push_back(std::move(list));
        arrived_.notify_all();
    }

    // Whether a list that fits arrives, or has arrived since the last one that was waited for.
    template <typename Fits>
    bool wait_for(Fits fits) {
        std::unique_lock lock(mutex_);
        return arrived_.wait_for(lock, 10s, [this, &fits] {
            while (seen_ < lists_.size()) {
                if (fits(lists_[seen_++])) {
                    return true;
                }
            }
            return false;
        });
    }

    VmList last() {
        const std::lock_guard lock(mutex_);
        return lists_.at(seen_ - 1);
    }

    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return lists_.size();
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<VmList> lists_;
    std::size_t seen_ = 0;
};

auto has_vm(const std::string& name) {
    return [name](const VmList& list) {
        return std::ranges::find(list.vms, name, &Vm::name) != list.vms.end();
    };
}

auto has_no_vm(const std::string& name) {
    return [has = has_vm(name)](const VmList& list) { return !has(list); };
}

class LibvirtWatcherTest : public testing::Test {
protected:
    void watch(const std::string& uri, std::chrono::nanoseconds reconcile,
               std::shared_ptr<CarryMailbox> carry = nullptr) {
        WatcherSettings settings;
        settings.uri = uri;
        settings.run_dir = run_dir_.root();
        settings.reconcile = reconcile;
        settings.first_retry = 20ms;
        settings.longest_retry = 100ms;
        settings.carry = std::move(carry);
        settings.carry_timing.period = 50ms;
        watcher_.emplace(settings, [this](VmList list) { inbox_.put(std::move(list)); });
        watcher_->start();
    }

    // How long stop() took.
    std::chrono::nanoseconds stop() {
        const auto before = std::chrono::steady_clock::now();
        EXPECT_TRUE(watcher_->stop());
        return std::chrono::steady_clock::now() - before;
    }

    wattvisor::test::FakeTree run_dir_;
    Inbox inbox_;
    std::optional<LibvirtWatcher> watcher_;
};

TEST_F(LibvirtWatcherTest, DeliversTheListAtOnceAndOnlyOnce) {
    const test::ChildProcess qemu;
    run_dir_.file("with space.pid", qemu.pid_text());
    watch(test::kNodeUri, 10ms);
    ASSERT_TRUE(inbox_.wait_for([](const VmList& list) { return list.vms.size() == 5; }));
    const VmList list = inbox_.last();
    EXPECT_TRUE(list.connected);
    EXPECT_EQ(list.problem, "");
    EXPECT_EQ(list.vms[1].name, "with space");
    EXPECT_EQ(list.vms[1].pid, qemu.pid());
    EXPECT_TRUE(list.vms[4].enrolled);
    EXPECT_GT(list.time.time_since_epoch().count(), 0);

    const auto first_answer = watcher_->last_answer();
    while (watcher_->last_answer() < first_answer + 50ms) {
        std::this_thread::yield();
    }
    EXPECT_EQ(inbox_.count(), 1U) << "nothing changed, so nothing is said";
    EXPECT_LT(stop(), 2s);
}

// Reconciling is an hour away: only the event can have told.
TEST_F(LibvirtWatcherTest, EventsTellOfStartedAndStoppedVms) {
    const ConnectHandle connection = test::connect(test::kSharedUri);
    watch(test::kSharedUri, 1h);
    ASSERT_TRUE(inbox_.wait_for(has_vm("test")));
    const test::ChildProcess qemu;
    run_dir_.file("a=b, c.pid", qemu.pid_text());
    DomainHandle started(
        virDomainCreateXML(connection.get(), test::domain_xml("a=b, c", test::uuid(1)).c_str(), 0));
    ASSERT_TRUE(started);
    ASSERT_TRUE(inbox_.wait_for(has_vm("a=b, c")));
    EXPECT_EQ(inbox_.last().vms.at(0).pid, qemu.pid());
    ASSERT_EQ(virDomainDestroy(started.get()), 0);
    ASSERT_TRUE(inbox_.wait_for(has_no_vm("a=b, c")));
    EXPECT_TRUE(inbox_.last().connected);
    EXPECT_LT(stop(), 2s);
}

TEST_F(LibvirtWatcherTest, EventTellsOfANewTitle) {
    const ConnectHandle connection = test::connect(test::kSharedUri);
    watch(test::kSharedUri, 1h);
    ASSERT_TRUE(inbox_.wait_for(has_vm("test")));
    ASSERT_EQ(virDomainSetMetadata(test::domain(connection, "test").get(),
                                   VIR_DOMAIN_METADATA_TITLE, "new", nullptr, nullptr,
                                   VIR_DOMAIN_AFFECT_LIVE),
              0);
    EXPECT_TRUE(inbox_.wait_for([](const VmList& list) { return list.vms.at(0).title == "new"; }));
}

// Opt-in: without a mailbox the connection is read-only, and nothing is ever written.
TEST_F(LibvirtWatcherTest, WritesWhatGoesWithAVm) {
    const ConnectHandle connection = test::connect(test::kSharedUri);
    const DomainHandle domain(
        virDomainCreateXML(connection.get(), test::domain_xml("x", test::uuid(7)).c_str(), 0));
    const auto mailbox = std::make_shared<CarryMailbox>();
    watch(test::kSharedUri, 10ms, mailbox);
    CarriedEnergy carried;
    carried.raise({0, 1}, KindEnergy{{5}});
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (domain_xml_text(domain.get(), 0).value().find("package=\"5\"") == std::string::npos) {
        ASSERT_LT(std::chrono::steady_clock::now(), until);
        mailbox->serve([&](const std::string&) { return std::optional(carried); });
    }
    EXPECT_LT(stop(), 2s);
    EXPECT_EQ(virDomainDestroy(domain.get()), 0);
}

// A lost event costs one interval: here nothing but the pid file changes, of which none tells.
TEST_F(LibvirtWatcherTest, ReconcilingFindsWhatNoEventTold) {
    watch(test::kNodeUri, 20ms);
    ASSERT_TRUE(inbox_.wait_for(has_vm("web-1")));
    const test::ChildProcess qemu;
    run_dir_.file("web-1.pid", qemu.pid_text());
    EXPECT_TRUE(
        inbox_.wait_for([&qemu](const VmList& list) { return list.vms.at(0).pid == qemu.pid(); }));
}

TEST_F(LibvirtWatcherTest, MissingDaemonIsSaidOnceWithWhatToDo) {
    watch("qemu+unix:///system?socket=" + (run_dir_.root() / "absent-sock").string(), 10ms);
    ASSERT_TRUE(inbox_.wait_for([](const VmList& list) { return !list.connected; }));
    const VmList list = inbox_.last();
    EXPECT_TRUE(list.vms.empty());
    EXPECT_THAT(list.problem, HasSubstr("cannot reach libvirt at qemu+unix:///system?socket="));
    EXPECT_THAT(list.problem, HasSubstr("systemctl start libvirtd"));
    EXPECT_EQ(list.time, std::chrono::steady_clock::time_point{});
    const auto until = std::chrono::steady_clock::now() + 300ms; // several attempts
    while (std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    EXPECT_EQ(inbox_.count(), 1U);
    EXPECT_EQ(watcher_->last_answer(), std::chrono::steady_clock::time_point{});
    EXPECT_LT(stop(), 2s);
}

// The hypervisor of the first attempt does not exist yet; the watcher comes back by itself.
TEST_F(LibvirtWatcherTest, ConnectsWhenLibvirtAppears) {
    const auto node = run_dir_.root() / "node.xml";
    watch("test://" + node.string(), 10ms);
    ASSERT_TRUE(inbox_.wait_for([](const VmList& list) { return !list.connected; }));
    std::filesystem::copy_file(WATTVISOR_FIXTURES "/libvirt/node.xml", run_dir_.root() / "new.xml");
    std::filesystem::rename(run_dir_.root() / "new.xml", node);
    ASSERT_TRUE(inbox_.wait_for([](const VmList& list) { return list.connected; }));
    EXPECT_EQ(inbox_.last().vms.size(), 5U);
    EXPECT_EQ(inbox_.last().problem, "");
}

TEST_F(LibvirtWatcherTest, CanBeStoppedTwiceAndBeforeItStarted) {
    LibvirtWatcher never_started({}, [](const VmList&) {});
    EXPECT_TRUE(never_started.stop());
    watch(test::kNodeUri, 1s);
    EXPECT_LT(stop(), 2s); // perhaps in the middle of connecting
    EXPECT_TRUE(watcher_->stop());
}

// A daemon that accepts connections and never says a word: opening blocks for ever in libvirt.
TEST_F(LibvirtWatcherTest, WedgedDaemonDoesNotHoldStop) {
    const std::string path = (run_dir_.root() / "sock").string();
    const FileDescriptor daemon(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ASSERT_EQ(::bind(daemon.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(daemon.get(), 4), 0);
    watch("qemu+unix:///system?socket=" + path, 10ms);
    FileDescriptor peer(::accept4(daemon.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(peer);

    const auto before = std::chrono::steady_clock::now();
    EXPECT_FALSE(watcher_->stop(200ms));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
    EXPECT_EQ(inbox_.count(), 0U);
    // The daemon gives up: the thread ends, still without a word to the callback.
    peer.reset();
    EXPECT_TRUE(watcher_->stop(10s));
    EXPECT_EQ(inbox_.count(), 0U);
}

} // namespace
} // namespace wattvisor::host
