// SPDX-License-Identifier: Apache-2.0
#include "host-agent/share_publisher.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/support/log_capture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using wattvisor::test::FakeTree;

namespace fs = std::filesystem;

constexpr const char* kWeb = "11111111-2222-3333-4444-555555555555";
constexpr const char* kDb = "aaaaaaaa-2222-3333-4444-555555555555";

std::uint64_t number_in(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 0);
}

std::size_t open_files() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

// The shares' folders as somebody mounted them by hand: without the hook, <root>/<name>.
class Publisher : public testing::Test {
protected:
    [[nodiscard]] Vm vm(const std::string& uuid, const std::string& name, int id = 1) const {
        Vm made;
        made.uuid = uuid;
        made.name = name;
        made.libvirt_id = id;
        made.enrolled = true;
        made.share_source = (tree.root() / "shares" / name).string();
        return made;
    }
    fs::path make_share(const std::string& name) const { return tree.folder("shares/" + name); }
    [[nodiscard]] std::uint64_t energy_in(const std::string& name,
                                          const std::string& zone = "intel-rapl:0") const {
        return number_in(tree.read("shares/" + name + "/" + zone + "/energy_uj"));
    }
    [[nodiscard]] bool is_published(const std::string& name) const {
        return fs::exists(tree.root() / "shares" / name / "wattvisor/snapshot");
    }

    // A measurement of a host of one socket with memory.
    void measure(std::uint64_t web_uj, std::uint64_t db_uj = 0) {
        ++snapshot.sequence;
        const auto account = [](const char* uuid, std::uint64_t uj) {
            auto consumer = std::make_shared<Consumer>();
            consumer->kind = ConsumerKind::vm;
            consumer->key = uuid;
            return ConsumerAccount{consumer, {uj, uj / 10, uj * 3}, 0s, {}, {}};
        };
        snapshot.consumers = {account(kWeb, web_uj), account(kDb, db_uj)};
        publish();
    }
    void publish() { publisher.publish(std::make_shared<const Snapshot>(snapshot)); }

    [[nodiscard]] static Snapshot host_of_one_socket() {
        Snapshot made;
        made.epoch = "0123456789abcdef";
        made.interval = 1s;
        made.zones.resize(3);
        made.zones[0].zone = {"intel-rapl:0", "package-0", ZoneKind::package, 0, 1};
        made.zones[1].zone = {"intel-rapl:0:0", "dram", ZoneKind::dram, 0, 1};
        made.zones[2].zone = {"intel-rapl:1", "psys", ZoneKind::psys, 0, 1};
        return made;
    }

    FakeTree tree;
    test::LogCapture log;
    Snapshot snapshot = host_of_one_socket();
    SharePublisher publisher{{tree.root() / "shares", tree.root() / "run", ShareFolderNaming::name},
                             ShareLayout::merged};
};

TEST_F(Publisher, GivesEachVmItsOwnEnergy) {
    make_share("web");
    make_share("db");
    publisher.update({vm(kWeb, "web"), vm(kDb, "db")});
    measure(1000, 50);
    EXPECT_EQ(energy_in("web"), 1000U);
    EXPECT_EQ(energy_in("web", "intel-rapl:0:0"), 100U);
    EXPECT_EQ(energy_in("db"), 50U);
    EXPECT_FALSE(fs::exists(tree.root() / "shares/web/intel-rapl:1")) << "psys";
    measure(2000, 60);
    EXPECT_EQ(energy_in("web"), 2000U);
    EXPECT_EQ(energy_in("db"), 60U);
    EXPECT_EQ(log.take(), "");
}

TEST_F(Publisher, WritesTheRecordOfTheMeasurement) {
    make_share("web");
    publisher.update({vm(kWeb, "web")});
    snapshot.sequence = 6;
    snapshot.time = 12s;
    snapshot.interval = 2s;
    snapshot.estimated = true;
    measure(1000);
    const auto record = decode_share_record(tree.read("shares/web/wattvisor/snapshot"), "");
    ASSERT_TRUE(record) << record.error().message();
    EXPECT_EQ(record->epoch, snapshot.epoch);
    EXPECT_EQ(record->sequence, 7U);
    EXPECT_EQ(record->time, 12s);
    EXPECT_EQ(record->interval, 2s);
    EXPECT_TRUE(record->estimated);
    ASSERT_THAT(record->zones, SizeIs(2));
    EXPECT_EQ(record->zones[0].total_uj, 1000U);
    EXPECT_EQ(record->zones[1].total_uj, 100U);
}

TEST_F(Publisher, WritesNothingForAVmThatIsNotEnrolled) {
    make_share("web");
    Vm web = vm(kWeb, "web");
    web.enrolled = false;
    publisher.update({web});
    measure(1000);
    EXPECT_TRUE(fs::is_empty(tree.root() / "shares/web"));
    EXPECT_THAT(publisher.status(), IsEmpty());
}

// One VM whose folder is missing, or who put something in the way, costs only its own share.
TEST_F(Publisher, IsNotStoppedByOneBrokenShare) {
    make_share("web");
    publisher.update({vm(kDb, "db"), vm(kWeb, "web")});
    measure(1000, 50);
    EXPECT_EQ(energy_in("web"), 1000U);
    EXPECT_THAT(log.take(), HasSubstr("warning: cannot publish to VM db: "));
    auto status = publisher.status();
    ASSERT_THAT(status, SizeIs(2));
    EXPECT_EQ(status[0].uuid, kWeb);
    EXPECT_TRUE(status[0].up);
    EXPECT_EQ(status[0].problem, "");
    EXPECT_EQ(status[1].uuid, kDb);
    EXPECT_FALSE(status[1].up);
    EXPECT_THAT(status[1].problem, HasSubstr("shares/db"));

    measure(2000, 60);
    EXPECT_EQ(log.take(), "") << "a problem is logged when it changes";

    make_share("db");
    measure(3000, 70);
    EXPECT_EQ(energy_in("web"), 3000U);
    EXPECT_EQ(energy_in("db"), 70U);
    EXPECT_THAT(log.take(), HasSubstr("info: publishing again to VM db"));
    EXPECT_TRUE(publisher.status()[1].up);
    EXPECT_EQ(publisher.status()[1].problem, "");
}

TEST_F(Publisher, LogsAHostileNameOnOneLine) {
    publisher.update({vm(kWeb, "web\nerror: all is lost\x1b[2J")});
    measure(1000);
    const std::string text = log.take();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

// A share that stands still tells the guest that nothing is known: it must not be renewed.
TEST_F(Publisher, WritesAMeasurementOnce) {
    make_share("web");
    publisher.update({vm(kWeb, "web")});
    measure(1000);
    const std::string before = tree.read("shares/web/wattvisor/snapshot");
    snapshot.consumers[0].total_uj[0] = 5000;
    snapshot.source_up = false;
    publish();
    EXPECT_EQ(energy_in("web"), 1000U);
    EXPECT_EQ(tree.read("shares/web/wattvisor/snapshot"), before);
}

TEST_F(Publisher, WritesNothingBeforeTheFirstMeasurement) {
    make_share("web");
    publisher.update({vm(kWeb, "web")});
    publish(); // sequence 0
    EXPECT_FALSE(is_published("web"));
    ASSERT_THAT(publisher.status(), SizeIs(1));
    EXPECT_FALSE(publisher.status()[0].up);
}

TEST_F(Publisher, LetsGoOfTheShareOfAVmThatIsGone) {
    make_share("web");
    const std::size_t before = open_files();
    publisher.update({vm(kWeb, "web")});
    measure(1000);
    EXPECT_GT(open_files(), before);
    publisher.update({});
    EXPECT_EQ(open_files(), before) << "an open file keeps the hook from unmounting";
    EXPECT_THAT(publisher.status(), IsEmpty());
    measure(2000);
    EXPECT_EQ(energy_in("web"), 1000U);
}

// The hook removed the tmpfs when the VM stopped and made a new one when it started: the open files
// are those of the old one, which nobody sees any more.
TEST_F(Publisher, OpensTheShareAnewWhenTheVmWasStartedAgain) {
    make_share("web");
    publisher.update({vm(kWeb, "web", 1)});
    measure(1000);
    fs::remove_all(tree.root() / "shares/web");
    make_share("web");
    publisher.update({vm(kWeb, "web", 1)});
    measure(2000);
    EXPECT_FALSE(is_published("web")) << "the same start of the VM: still the open files";
    publisher.update({vm(kWeb, "web", 2)});
    measure(3000);
    EXPECT_EQ(energy_in("web"), 3000U);
}

TEST_F(Publisher, FollowsAShareThatWasMoved) {
    make_share("web");
    tree.folder(std::string("shares/") + kWeb);
    Vm web = vm(kWeb, "web");
    publisher.update({web});
    measure(1000);
    web.share_source = (tree.root() / "shares" / kWeb).string();
    publisher.update({web});
    measure(2000);
    EXPECT_EQ(energy_in("web"), 1000U);
    EXPECT_EQ(energy_in(kWeb), 2000U);
}

// The XML of a domain is written by people who may not write everywhere as root.
TEST_F(Publisher, WritesOnlyIntoTheFolderOfThatVm) {
    make_share("db");
    tree.folder("elsewhere");
    for (const std::string& source :
         {(tree.root() / "elsewhere").string(), (tree.root() / "shares/db").string(),
          (tree.root() / "shares/web/../db").string(), (tree.root() / "shares").string(),
          std::string("/"), std::string()}) {
        Vm web = vm(kWeb, "web");
        web.share_source = source;
        publisher.update({web});
        measure(1000);
        ASSERT_THAT(publisher.status(), SizeIs(1));
        EXPECT_FALSE(publisher.status()[0].up) << source;
        EXPECT_NE(publisher.status()[0].problem, "");
    }
    EXPECT_TRUE(fs::is_empty(tree.root() / "shares/db"));
    EXPECT_TRUE(fs::is_empty(tree.root() / "elsewhere"));
}

TEST_F(Publisher, FollowsNoLinkInTheSharesPlace) {
    tree.folder("elsewhere");
    tree.folder("shares");
    fs::create_directory_symlink(tree.root() / "elsewhere", tree.root() / "shares/web");
    publisher.update({vm(kWeb, "web")});
    measure(1000);
    EXPECT_TRUE(fs::is_empty(tree.root() / "elsewhere"));
    EXPECT_FALSE(publisher.status()[0].up);
}

// A folder that is left below run/ where nothing is mounted is not the share.
TEST_F(Publisher, TakesNoPlainFolderForTheHooksTmpfs) {
    make_share("web");
    tree.folder(std::string("run/shares/") + kWeb);
    publisher.update({vm(kWeb, "web")});
    measure(1000);
    EXPECT_TRUE(fs::is_empty(tree.root() / "run/shares" / kWeb));
    EXPECT_EQ(energy_in("web"), 1000U);
}

TEST_F(Publisher, ShowsAZoneThatTheHostGotLater) {
    make_share("web");
    publisher.update({vm(kWeb, "web")});
    measure(1000);
    ZoneAccount core;
    core.zone = {"intel-rapl:0:1", "core", ZoneKind::core, 0, 1};
    snapshot.zones.push_back(core);
    ++snapshot.sequence;
    snapshot.consumers[0].total_uj = {2000, 200, 0, 77};
    snapshot.consumers.resize(1);
    publish();
    EXPECT_EQ(energy_in("web"), 2000U);
    EXPECT_EQ(tree.read("shares/web/intel-rapl:0:0/name"), "core\n");
    EXPECT_EQ(energy_in("web", "intel-rapl:0:0"), 77U);
    EXPECT_EQ(energy_in("web", "intel-rapl:0:1"), 200U);
}

TEST_F(Publisher, LeavesAVmAloneThatWasNotMeasuredYet) {
    make_share("new");
    publisher.update({vm("bbbbbbbb-2222-3333-4444-555555555555", "new")});
    measure(1000);
    EXPECT_FALSE(is_published("new"));
    EXPECT_FALSE(publisher.status()[0].up);
}

} // namespace
} // namespace wattvisor::host
