// SPDX-License-Identifier: Apache-2.0
#include "common/base/text_file.hpp"
#include "common/cli/duration.hpp"
#include "tests/simulated-host/cpu_load.hpp"
#include "tests/simulated-host/real_time.hpp"
#include "tests/simulated-host/runs.hpp"
#include "tests/simulated-host/truth_record.hpp"
#include "tests/simulated-host/zone_tree.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <unistd.h>
#include <vector>

namespace wattvisor::simulated {

namespace {

std::vector<nanoseconds> read_busy_times() {
    return parse_busy_times(value_or_stop(read_text("/proc/stat")), ::sysconf(_SC_CLK_TCK));
}

void announce(const Options& options, std::size_t cpus, std::size_t zones) {
    const ZoneSpec& package = options.power.package;
    fmt::print(stderr,
               "simulated host: {} with {} zones, {} socket(s) of {} W and {} W per busy CPU, "
               "{} CPUs, every {}\n",
               options.root.string(), zones, options.sockets,
               static_cast<double>(package.idle_uw) / 1e6,
               static_cast<double>(package.per_cpu_uw) / 1e6, cpus, format_duration(options.step));
}

std::vector<std::uint64_t> counts(const std::vector<nanoseconds>& times) {
    std::vector<std::uint64_t> nanos;
    nanos.reserve(times.size());
    for (const nanoseconds time : times) {
        nanos.push_back(static_cast<std::uint64_t>(time.count()));
    }
    return nanos;
}

void write_update(const ZoneBank& zones, ZoneTree& tree, TruthRecord& truth, std::uint64_t number) {
    UpdateTime update{number, monotonic_now(), {}};
    value_or_stop(tree.write(zones));
    update.end = monotonic_now();
    value_or_stop(truth.add(truth_line(update, zones.zones())));
}

} // namespace

void run_with_real_load(const Options& options) {
    HostSpec host;
    host.sockets = options.sockets;
    ZoneBank zones(host, options.power);
    DescriptorBudget budget = DescriptorBudget::of_process();
    ZoneTree tree = value_or_stop(ZoneTree::create(options.root, zones, budget));
    TruthRecord truth =
        options.truth.empty() ? TruthRecord() : value_or_stop(TruthRecord::create(options.truth));
    std::vector<nanoseconds> busy = read_busy_times();
    announce(options, busy.size(), zones.zones().size());
    const nanoseconds start = monotonic_now();
    nanoseconds sampled = start;
    write_update(zones, tree, truth, 0);
    for (std::uint64_t number = 1; !must_stop(); ++number) {
        // Update n is due at start + n steps; those that are too late are left out.
        const auto steps = (monotonic_now() - start) / options.step + 1;
        sleep_until(start + steps * options.step);
        if (must_stop() || (options.duration.count() > 0 && sampled - start >= options.duration)) {
            break;
        }
        const std::vector<nanoseconds> busy_now = read_busy_times();
        const nanoseconds time = monotonic_now();
        zones.charge(static_cast<std::uint64_t>((time - sampled).count()),
                     counts(busy_per_socket(busy, busy_now, options.sockets)));
        sampled = time;
        busy = busy_now;
        write_update(zones, tree, truth, number);
    }
    if (options.cleanup) {
        tree.remove();
    }
}

} // namespace wattvisor::simulated
