// SPDX-License-Identifier: Apache-2.0
// Host to guest without a VM: a meter with a scripted counter, the publisher, a folder in place of
// the virtiofs mount, and on its other side the guest agent and other readers of powercap trees.
#include "common/base/text_file.hpp"
#include "guest-agent/share_source.hpp"
#include "host-agent/ledger_keeper.hpp"
#include "host-agent/share_publisher.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

namespace fs = std::filesystem;

constexpr const char* kUuid = "11111111-2222-3333-4444-555555555555";
constexpr std::uint64_t kRange = 262'143'328'850;

// Two sockets with memory, and the platform that contains them.
class HostCounters final : public EnergySource {
public:
    [[nodiscard]] Result<EnergySample> read(nanoseconds now) override {
        EnergySample sample;
        sample.zones = zones_;
        for (const std::uint64_t counter : counters) {
            sample.counters_uj.emplace_back(counter);
        }
        sample.epoch = "local";
        sample.time = now;
        sample.sequence = ++sequence_;
        return sample;
    }
    void add(std::uint64_t package, std::uint64_t dram) {
        for (const std::size_t socket : {0U, 2U}) {
            counters[socket] = (counters[socket] + package) % kRange;
            counters[socket + 1] = (counters[socket + 1] + dram) % kRange;
        }
        counters[4] = (counters[4] + 3 * package) % kRange;
    }
    std::vector<std::uint64_t> counters{1000, 2000, kRange - 5'000'000, 4000, 5000};

private:
    ZoneListPtr zones_ = std::make_shared<const ZoneList>(
        ZoneList{{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange},
                 {"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange},
                 {"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange},
                 {"intel-rapl:1:0", "dram", ZoneKind::dram, 1, kRange},
                 {"intel-rapl:2", "psys", ZoneKind::psys, 0, kRange}});
    std::uint64_t sequence_ = 0;
};

// The VM uses half of what is busy.
class HalfBusy final : public ConsumerSource {
public:
    [[nodiscard]] UsageSample collect() override {
        auto vm = std::make_shared<Consumer>();
        vm->kind = ConsumerKind::vm;
        vm->key = kUuid;
        vm->name = "web";
        used_ += 400ms;
        UsageSample sample;
        sample.consumers.push_back({vm, {used_}, nullptr, {}});
        sample.busy_time = SocketTimes{2 * used_};
        return sample;
    }

private:
    nanoseconds used_{0};
};

// One run of the host agent.
class HostAgent {
public:
    HostAgent(const test::FakeTree& tree, HostCounters& counters, host::ShareLayout layout)
        : HostAgent(tree, counters, layout,
                    {tree.root() / "ledger.json", tree.root() / "saved.json", 1h, 1h}) {}

    HostAgent(const test::FakeTree& tree, HostCounters& counters, host::ShareLayout layout,
              const host::LedgerSettings& ledger)
        : counters_(counters),
          meter_({make_epoch(), 1s, 1h, {}}, host::load_ledger(ledger, "boot", {})),
          keeper_(meter_, ledger, "boot"),
          publisher_({tree.root() / "shares", tree.root() / "run", ShareFolderNaming::name},
                     layout) {
        host::Vm vm;
        vm.uuid = kUuid;
        vm.name = "web";
        vm.libvirt_id = 1;
        vm.enrolled = true;
        vm.share_source = (tree.root() / "shares/web").string();
        publisher_.update({vm});
    }

    SnapshotPtr tick() {
        now_.monotonic += 1s;
        ++now_.ticks;
        const SnapshotPtr snapshot = meter_.tick(now_, counters_, vms_);
        keeper_.publish(snapshot);
        publisher_.publish(snapshot);
        return snapshot;
    }
    SnapshotPtr measure(std::uint64_t package = 3'000'000, std::uint64_t dram = 200'000) {
        counters_.add(package, dram);
        return tick();
    }

private:
    HostCounters& counters_;
    HalfBusy vms_;
    TickTime now_{50s, std::chrono::system_clock::time_point(24h), 0, 0, {}};
    Meter meter_;
    host::LedgerKeeper keeper_;
    host::SharePublisher publisher_;
};

std::vector<std::uint64_t> values(const Result<EnergySample>& sample) {
    std::vector<std::uint64_t> numbers;
    if (!sample) {
        ADD_FAILURE() << sample.error().message();
        return numbers;
    }
    for (const auto& counter : sample->counters_uj) {
        EXPECT_TRUE(counter) << counter.error().message();
        numbers.push_back(counter ? *counter : 0);
    }
    return numbers;
}

std::vector<std::string> names(const Result<EnergySample>& sample) {
    std::vector<std::string> all;
    for (const Zone& zone : *sample->zones) {
        all.push_back(zone.id + " " + zone.name);
    }
    return all;
}

// The VM's energy on the host, of packages and of dram.
std::vector<std::uint64_t> merged(const Snapshot& snapshot) {
    const auto& uj = snapshot.consumers.at(0).total_uj;
    return {uj.at(0) + uj.at(2), uj.at(1) + uj.at(3)};
}

class RoundTrip : public testing::Test {
protected:
    RoundTrip() { tree.folder("shares/web"); }
    void start(host::ShareLayout layout = host::ShareLayout::merged) {
        agent.emplace(tree, counters, layout);
    }
    [[nodiscard]] fs::path share() const { return tree.root() / "shares/web"; }

    test::FakeTree tree;
    HostCounters counters;
    std::optional<HostAgent> agent;
    guest::ShareSource guest{tree.root() / "shares/web"};
};

TEST_F(RoundTrip, GivesTheGuestTheHostsNumbersAndTime) {
    start();
    agent->tick();
    for (int i = 0; i < 5; ++i) {
        const SnapshotPtr host = agent->measure();
        const auto sample = guest.read(999s);
        EXPECT_EQ(values(sample), merged(*host));
        EXPECT_THAT(names(sample), ElementsAre("intel-rapl:0 package-0", "intel-rapl:0:0 dram"));
        EXPECT_EQ(sample->time, host->time);
        EXPECT_EQ(sample->sequence, host->sequence);
        EXPECT_EQ(sample->epoch, host->epoch);
        EXPECT_EQ(sample->source_interval, 1s);
        EXPECT_FALSE(sample->estimated);
    }
    EXPECT_GT(values(guest.read(999s)).at(0), 0U);
}

TEST_F(RoundTrip, GivesTheGuestEverySocketWhereAsked) {
    start(host::ShareLayout::per_socket);
    agent->tick();
    const SnapshotPtr host = agent->measure();
    const auto sample = guest.read(1s);
    EXPECT_THAT(names(sample), ElementsAre("intel-rapl:0 package-0", "intel-rapl:0:0 dram",
                                           "intel-rapl:1 package-1", "intel-rapl:1:0 dram"));
    auto expected = host->consumers.at(0).total_uj;
    expected.pop_back(); // psys
    EXPECT_EQ(values(sample), expected);
    EXPECT_EQ(sample->zones->at(3).socket, 1U);
}

// What the guest splits among its processes is what the host charged, wraps of the host's counters
// included: the whole way in microjoules, and the watts of both are the same.
TEST_F(RoundTrip, MeasuresInTheGuestWhatTheHostCharged) {
    class Nobody final : public ConsumerSource {
    public:
        [[nodiscard]] UsageSample collect() override { return {}; }
    } nobody;
    start();
    agent->tick();
    Meter meter({"guest", 1s, 0ns}, Ledger(Residual::other));
    TickTime now{7s, std::chrono::system_clock::time_point(24h), 0, 0, {}};
    SnapshotPtr seen = meter.tick(now, guest, nobody);
    for (int i = 0; i < 10; ++i) { // the second socket's counter wraps within these
        const SnapshotPtr host = agent->measure(3'000'001, 200'003);
        now.monotonic += 1100ms; // a clock of its own
        seen = meter.tick(now, guest, nobody);
        const auto expected = merged(*host);
        EXPECT_EQ(seen->zones.at(0).total_uj, expected.at(0));
        EXPECT_EQ(seen->zones.at(1).total_uj, expected.at(1));
        ASSERT_TRUE(seen->power_uw());
        EXPECT_EQ(*seen->power_uw(), *host->consumers.at(0).power_uw);
        EXPECT_EQ(seen->source_sequence, host->sequence);
    }
    EXPECT_EQ(seen->zones.at(0).wraps + seen->zones.at(0).resets, 0U);
}

TEST_F(RoundTrip, ShowsPlainReadersTheSameNumbers) {
    start();
    agent->tick();
    PowercapSource flat(share());
    for (int i = 0; i < 3; ++i) {
        const SnapshotPtr host = agent->measure();
        const auto sample = flat.read(1s);
        EXPECT_EQ(values(sample), merged(*host));
        EXPECT_THAT(names(sample), ElementsAre("intel-rapl:0 package-0", "intel-rapl:0:0 dram"));
        EXPECT_EQ(sample->zones->at(0).max_energy_range_uj, 9'223'372'036'854'775'807U);
    }
}

// PowerJoular and Alumet walk the control type's folder down.
TEST_F(RoundTrip, ShowsTheNestedViewOnTheSameFiles) {
    start();
    agent->tick();
    PowercapSource packages(share() / "intel-rapl");
    PowercapSource subzones(share() / "intel-rapl/intel-rapl:0");
    for (int i = 0; i < 3; ++i) {
        const auto expected = merged(*agent->measure());
        EXPECT_THAT(values(packages.read(1s)), ElementsAre(expected[0]));
        EXPECT_THAT(values(subzones.read(1s)), ElementsAre(expected[1]));
    }
}

// Scaphandre's guest opens the file anew, reads all of it and parses what it trimmed.
TEST_F(RoundTrip, IsReadByScaphandresSensor) {
    start();
    agent->tick();
    const auto expected = merged(*agent->measure());
    const auto text = read_text(share() / "intel-rapl:0/energy_uj");
    ASSERT_TRUE(text);
    EXPECT_EQ(std::to_string(expected[0]), trim(*text));
}

// node_exporter: every folder with a name is a zone, and one without a range fails all of them.
TEST_F(RoundTrip, HasNoFolderThatFailsNodeExportersCollector) {
    start(host::ShareLayout::per_socket);
    agent->tick();
    int zones = 0;
    for (const auto& entry : fs::directory_iterator(share())) {
        if (!fs::exists(entry.path() / "name")) {
            continue;
        }
        ++zones;
        for (const char* file : {"energy_uj", "max_energy_range_uj"}) {
            const auto text = read_text(entry.path() / file);
            ASSERT_TRUE(text) << entry.path() / file;
            EXPECT_TRUE(parse_number(*text)) << *text;
        }
    }
    EXPECT_EQ(zones, 4);
}

// The guest was started first: nothing is there, and then it is.
TEST_F(RoundTrip, IsFoundByAGuestThatWasThereFirst) {
    const auto before = guest.read(1s);
    ASSERT_FALSE(before);
    EXPECT_THAT(before.error().message(), HasSubstr("there is no share yet"));
    start();
    const SnapshotPtr host = agent->tick();
    EXPECT_EQ(values(guest.read(2s)), merged(*host));
}

TEST_F(RoundTrip, StandsStillWhileTheHostAgentIsDown) {
    start();
    agent->tick();
    const SnapshotPtr last = agent->measure();
    agent.reset();
    for (int i = 0; i < 20; ++i) {
        const auto sample = guest.read(std::chrono::seconds(i));
        EXPECT_EQ(values(sample), merged(*last));
        EXPECT_EQ(sample->sequence, last->sequence);
    }
}

class RestartedHost : public RoundTrip {};

// The agent on the host was updated: a new epoch, the totals of the ledger, and no reader sees a
// counter that went back, not even one that kept the old files open.
TEST_F(RestartedHost, NeverGoesBack) {
    start();
    agent->tick();
    agent->measure();
    PowercapSource plain(share());
    std::vector<std::uint64_t> last = values(plain.read(0s));
    std::string epoch = guest.read(0s)->epoch;
    for (int restart = 0; restart < 3; ++restart) {
        agent.reset();
        counters.add(1'000'000, 100'000); // nobody measures this
        start();
        for (int i = 0; i < 4; ++i) {
            const auto host = merged(*agent->measure());
            const auto sample = guest.read(1s);
            EXPECT_EQ(values(sample), host);
            EXPECT_NE(sample->epoch, epoch);
            const auto now = values(plain.read(1s));
            EXPECT_EQ(now, host);
            EXPECT_GE(now, last);
            EXPECT_GE(now.at(1), last.at(1));
            last = now;
        }
        epoch = guest.read(1s)->epoch;
    }
}

// The same in the guest's own totals: no power across the gap, and nothing charged twice.
TEST_F(RestartedHost, ChargesNothingTwice) {
    class Nobody final : public ConsumerSource {
    public:
        [[nodiscard]] UsageSample collect() override { return {}; }
    } nobody;
    start();
    agent->tick();
    agent->measure();
    Meter meter({"guest", 1s, 0ns}, Ledger(Residual::other));
    TickTime now{7s, std::chrono::system_clock::time_point(24h), 0, 0, {}};
    const auto tick = [&] {
        now.monotonic += 1s;
        return meter.tick(now, guest, nobody);
    };
    static_cast<void>(tick());
    const auto begin = merged(*agent->measure());
    const SnapshotPtr before = tick();
    agent.reset();
    start();
    agent->tick();
    const SnapshotPtr across = tick();
    EXPECT_FALSE(across->measured) << "times of two epochs cannot be subtracted";
    EXPECT_EQ(across->zones.at(0).total_uj, before->zones.at(0).total_uj);
    const auto end = merged(*agent->measure());
    const SnapshotPtr after = tick();
    EXPECT_EQ(after->zones.at(0).total_uj - before->zones.at(0).total_uj, end[0] - begin[0]);
    EXPECT_EQ(after->zones.at(0).resets, 0U);
    EXPECT_TRUE(after->power_uw());
}

// Without its ledger the host begins at 0: that is a reset, not the whole range of the counter.
TEST_F(RestartedHost, IsAResetWhereItLostItsLedger) {
    class Nobody final : public ConsumerSource {
    public:
        [[nodiscard]] UsageSample collect() override { return {}; }
    } nobody;
    start();
    agent->tick();
    agent->measure();
    Meter meter({"guest", 1s, 0ns}, Ledger(Residual::other));
    TickTime now{7s, std::chrono::system_clock::time_point(24h), 0, 0, {}};
    static_cast<void>(meter.tick(now, guest, nobody));
    agent.reset();
    fs::remove(tree.root() / "ledger.json");
    start();
    agent->tick();
    now.monotonic += 1s;
    const SnapshotPtr after = meter.tick(now, guest, nobody);
    EXPECT_EQ(after->zones.at(0).total_uj, 0U);
    EXPECT_EQ(after->zones.at(0).resets, 1U);
}

TEST_F(RestartedHost, MayTurnFromOneLayoutToTheOther) {
    start(host::ShareLayout::per_socket);
    agent->tick();
    EXPECT_THAT(values(guest.read(1s)), SizeIs(4));
    agent.reset();
    start(host::ShareLayout::merged);
    const SnapshotPtr host = agent->measure();
    EXPECT_EQ(values(guest.read(2s)), merged(*host));
    EXPECT_FALSE(fs::exists(share() / "intel-rapl:1"));
    EXPECT_FALSE(fs::exists(share() / "intel-rapl/intel-rapl:1"));
}

} // namespace
} // namespace wattvisor
