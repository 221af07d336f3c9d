// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/common/accounting/random_history.hpp"

#include <algorithm>
#include <string>

namespace wattvisor::test {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint64_t kRaplRange = 65'712'999'613; // of a processor that counts in 15.3 µJ
constexpr std::uint64_t kLeap = 1'000'000'000'000'000'000;
constexpr std::size_t kMostConsumers = 7;
constexpr nanoseconds kBusyError = 50ms;

// One counter as it really is, and what the agent has seen of it.
class CounterScript {
public:
    CounterScript(Dice& dice, std::uint64_t range) : dice_(dice), range_(range) {
        const std::uint64_t most = range == 0 ? kRaplRange : range;
        value_ =
            range > 0 && dice.one_in(3) ? most - dice.below(200'000'000) : dice.below(most / 2 + 1);
    }

    void use_energy() {
        const std::uint64_t kinds[] = {0, dice_.below(3), dice_.below(100'000'000)};
        const std::uint64_t energy_uj = kinds[dice_.below(3)];
        pending_uj_ += energy_uj;
        const std::uint64_t to_edge = range_ - value_;
        value_ = range_ > 0 && energy_uj > to_edge ? energy_uj - to_edge - 1 : value_ + energy_uj;
    }

    // Does something that makes the energy since the last reading unknown, where it can be told
    // from a wrap for certain.
    void misbehave() {
        if (!last_) {
            return;
        }
        if (*last_ > 0 && (range_ == 0 || *last_ < range_ / 2) && dice_.one_in(2)) {
            value_ = dice_.below(*last_); // a reset
            is_lost_ = true;
        } else if ((range_ == 0 || range_ == UINT64_MAX) && value_ < 4 * kLeap &&
                   value_ >= *last_) {
            value_ += kLeap;
            is_lost_ = true;
        }
    }

    // Reads it, and says what must come of that.
    std::uint64_t read(bool has_slept, std::uint64_t& charged_uj, std::uint64_t& unmetered_uj) {
        const bool went_back = last_ && value_ < *last_;
        if (last_ && is_of_this_agent_) {
            charged_uj = is_lost_ || (went_back && has_slept) ? 0 : pending_uj_;
        } else if (last_) {
            unmetered_uj = is_lost_ ? 0 : pending_uj_;
        }
        last_ = value_;
        is_of_this_agent_ = true;
        pending_uj_ = 0;
        is_lost_ = false;
        return value_;
    }
    void restart() { is_of_this_agent_ = false; }

private:
    Dice& dice_;
    std::uint64_t range_;
    std::uint64_t value_;
    std::optional<std::uint64_t> last_;
    bool is_of_this_agent_ = false;
    std::uint64_t pending_uj_ = 0;
    bool is_lost_ = false;
};

class Maker {
public:
    explicit Maker(std::uint64_t seed) : dice_(seed) {}

    History make() {
        make_machine();
        make_policy();
        const std::size_t ticks = 5 + dice_.below(6);
        for (std::size_t i = 0; i < ticks; ++i) {
            history_.ticks.push_back(make_tick(i));
        }
        return std::move(history_);
    }

private:
    void make_machine() {
        const std::size_t sockets = 1 + dice_.below(3);
        const std::vector<unsigned> packages[] = {{0}, {0, 1}, {0, 2, 5}};
        if (sockets > 1 || dice_.one_in(2)) {
            history_.topology =
                topology_of(packages[sockets - 1], static_cast<unsigned>(1 + dice_.below(4)));
        }
        busy_.assign(sockets, 0ns);
        for (std::size_t socket = 0; socket < sockets; ++socket) {
            const unsigned package = packages[sockets - 1][socket];
            const std::string id = "intel-rapl:" + std::to_string(package);
            add_zone(id, "package-" + std::to_string(package), ZoneKind::package, package);
            add_sometimes(id + ":0", "core", ZoneKind::core, package);
            add_sometimes(id + ":1", "uncore", ZoneKind::uncore, package);
            add_sometimes(id + ":2", "dram", ZoneKind::dram, package);
        }
        add_sometimes("intel-rapl:9", "psys", ZoneKind::psys, 0);
        history_.moves_always = dice_.one_in(2);
    }
    void add_sometimes(const std::string& id, const std::string& name, ZoneKind kind,
                       unsigned package) {
        if (dice_.one_in(3) && history_.zones.size() < 8) {
            add_zone(id, name, kind, package);
        }
    }
    void add_zone(const std::string& id, const std::string& name, ZoneKind kind, unsigned package) {
        const std::uint64_t ranges[] = {kRaplRange, kRaplRange, kRange, UINT64_MAX, 0};
        const std::uint64_t range = ranges[dice_.below(5)];
        history_.zones.push_back({id, name, kind, package, range});
        counters_.emplace_back(dice_, range);
    }

    void make_policy() {
        const Policy policies[] = {Policy::active, Policy::capacity, Policy::static_floor};
        history_.policy.policy = policies[dice_.below(3)];
        history_.policy.dram_by = dice_.one_in(3) ? DramBy::memory : DramBy::cpu_time;
        if (dice_.one_in(2)) {
            history_.policy.floor_uw.emplace();
            for (std::uint64_t& floor_uw : *history_.policy.floor_uw) {
                floor_uw = dice_.below(2) * dice_.below(60'000'000);
            }
        }
        history_.residual = dice_.one_in(3) ? Residual::other : Residual::idle;
        history_.keep = dice_.one_in(3) ? nanoseconds(4s) : nanoseconds(1h);
        for (std::size_t i = 0; i < kMostConsumers; ++i) {
            const auto vcpus = static_cast<unsigned>(dice_.below(5));
            lives_.push_back({consumer("uuid-" + std::to_string(i * 5 % 7), "vm", vcpus), {}});
        }
        std::shuffle(lives_.begin(), lives_.end(), dice_.engine());
    }

    HistoryTick make_tick(std::size_t index) {
        HistoryTick tick;
        tick.step = 1ns + dice_.time_below(3s);
        tick.slept = dice_.one_in(15) ? nanoseconds(1s) + dice_.time_below(1h) : 0ns;
        tick.restarts = index > 0 && dice_.one_in(12);
        tick.splits_file = dice_.one_in(2);
        tick.is_held = !tick.restarts && dice_.one_in(12);
        if (tick.restarts) {
            restart();
        }
        run_consumers();
        for (CounterScript& counter : counters_) {
            counter.use_energy();
        }
        has_slept_ = has_slept_ || (tick.slept > 0ns && !tick.restarts && index > 0);
        tick.charged_uj.resize(counters_.size());
        tick.unmetered_uj.resize(counters_.size());
        if (!tick.is_held) {
            read_counters(tick);
            read_usage(tick.usage);
            has_slept_ = false;
        }
        return tick;
    }

    // The sources begin to count anew with the agent.
    void restart() {
        for (CounterScript& counter : counters_) {
            counter.restart();
        }
        for (Life& life : lives_) {
            life.time.assign(life.time.size(), 0ns);
        }
        busy_.assign(busy_.size(), 0ns);
        lag_ = 0ns;
        has_slept_ = false;
        is_first_look_ = true;
    }

    void run_consumers() {
        for (Life& life : lives_) {
            if (life.is_there ? dice_.one_in(6) : dice_.one_in(3)) {
                life.is_there = !life.is_there;
                life.time.assign(busy_.size(), 0ns);
            }
            for (std::size_t socket = 0; life.is_there && socket < busy_.size(); ++socket) {
                const nanoseconds used =
                    is_first_look_ || dice_.one_in(3) ? 0ns : dice_.time_below(2s);
                life.time[socket] += used;
                busy_[socket] += used;
            }
            if (life.is_there && dice_.one_in(200)) {
                life.time[0] /= 2; // a clock that goes back
            }
        }
        for (nanoseconds& busy : busy_) {
            busy += dice_.one_in(2) ? dice_.time_below(1s) : 0ns;
        }
        is_first_look_ = false;
    }

    void read_counters(HistoryTick& tick) {
        for (std::size_t i = 0; i < counters_.size(); ++i) {
            if (dice_.one_in(15)) {
                continue; // vanished
            }
            std::optional<std::uint64_t> value;
            if (!dice_.one_in(12)) {
                if (dice_.one_in(15)) {
                    counters_[i].misbehave();
                }
                value = counters_[i].read(has_slept_, tick.charged_uj[i], tick.unmetered_uj[i]);
            }
            tick.counters.push_back({history_.zones[i], value});
        }
    }

    void read_usage(UsageSample& usage) {
        usage.topology = history_.topology;
        usage.busy_error = kBusyError;
        if (!dice_.one_in(15)) {
            lag_ = dice_.time_below(kBusyError);
            usage.busy_time.emplace();
            for (const nanoseconds busy : busy_) {
                usage.busy_time->push_back(std::max(busy - lag_, 0ns));
            }
        }
        const bool knows_memory = dice_.one_in(2);
        for (const Life& life : lives_) {
            if (!life.is_there) {
                continue;
            }
            ConsumerUsage used{life.consumer, life.time, {}, {}};
            for (std::size_t socket = 0; knows_memory && socket < busy_.size(); ++socket) {
                used.resident.push_back(dice_.below(2) * dice_.below(1ULL << 36U));
            }
            usage.consumers.push_back(std::move(used));
        }
        for (std::size_t socket = 0; knows_memory && socket < busy_.size(); ++socket) {
            usage.used_memory.push_back(dice_.below(1ULL << 38U));
        }
    }

    struct Life {
        ConsumerPtr consumer;
        SocketTimes time;
        bool is_there = false;
    };

    Dice dice_;
    History history_;
    std::vector<CounterScript> counters_;
    std::vector<Life> lives_;
    SocketTimes busy_;
    nanoseconds lag_{0};
    bool has_slept_ = false; // since the last measurement
    bool is_first_look_ = true;
};

} // namespace

History make_history(std::uint64_t seed) {
    return Maker(seed).make();
}

std::optional<std::size_t> socket_of(const History& history, const Zone& zone) {
    if (!history.topology || zone.kind == ZoneKind::psys) {
        return std::nullopt;
    }
    return history.topology->socket_of_package(zone.socket);
}

} // namespace wattvisor::test
