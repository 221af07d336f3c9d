// SPDX-License-Identifier: Apache-2.0
// wattvisor-simulated-host: keeps a powercap tree moving from this machine's real CPU load.
#include "common/base/text_file.hpp"
#include "common/cli/duration.hpp"
#include "tests/simulated-host/cpu_load.hpp"
#include "tests/simulated-host/options.hpp"
#include "tests/simulated-host/powercap_tree.hpp"
#include "tests/simulated-host/truth_record.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <unistd.h>
#include <vector>

namespace {

using namespace wattvisor;
using namespace wattvisor::simulated;
using std::chrono::nanoseconds;

volatile std::sig_atomic_t stopping = 0;

extern "C" void stop(int /*signal*/) {
    stopping = 1;
}

template <typename T>
T value_or_stop(Result<T> result) {
    if (!result) {
        throw StartError(result.error().message());
    }
    return std::move(*result);
}

nanoseconds now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// Returns early for a signal.
void sleep_until(nanoseconds due) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(due);
    const timespec time{seconds.count(), (due - seconds).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

std::vector<nanoseconds> read_busy_times() {
    return parse_busy_times(value_or_stop(read_text("/proc/stat")), ::sysconf(_SC_CLK_TCK));
}

void announce(const Options& options, std::size_t cpus, std::size_t zones) {
    fmt::print(stderr,
               "simulated host: {} with {} zones, {} socket(s) of {} W and {} W per busy CPU, "
               "{} CPUs, every {}\n",
               options.root.string(), zones, options.host.sockets,
               static_cast<double>(options.host.idle_uw) / 1e6,
               static_cast<double>(options.host.per_cpu_uw) / 1e6, cpus,
               format_duration(options.step));
}

void write_update(const HostModel& model, PowercapTree& tree, TruthRecord& truth,
                  std::uint64_t number) {
    UpdateTime update{number, now(), {}};
    value_or_stop(tree.write(model));
    update.end = now();
    value_or_stop(truth.add(update, model.zones()));
}

void run(const Options& options) {
    HostModel model(options.host);
    PowercapTree tree = value_or_stop(PowercapTree::create(options.root, model));
    TruthRecord truth =
        options.truth.empty() ? TruthRecord() : value_or_stop(TruthRecord::create(options.truth));
    std::vector<nanoseconds> busy = read_busy_times();
    announce(options, busy.size(), model.zones().size());
    const nanoseconds start = now();
    nanoseconds sampled = start;
    write_update(model, tree, truth, 0);
    for (std::uint64_t number = 1; stopping == 0; ++number) {
        // Update n is due at start + n steps; those that are too late are left out.
        const auto steps = (now() - start) / options.step + 1;
        sleep_until(start + steps * options.step);
        if (stopping != 0 ||
            (options.duration.count() > 0 && sampled - start >= options.duration)) {
            break;
        }
        const std::vector<nanoseconds> busy_now = read_busy_times();
        const nanoseconds time = now();
        model.step(time - sampled, busy_per_socket(busy, busy_now, options.host.sockets));
        sampled = time;
        busy = busy_now;
        write_update(model, tree, truth, number);
    }
    if (options.cleanup) {
        tree.remove();
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        const OptionsReading reading = read_options(argc, argv);
        if (reading.exit_code) {
            return *reading.exit_code;
        }
        struct sigaction action {};
        action.sa_handler = stop; // without SA_RESTART: a signal ends the sleep
        ::sigaction(SIGTERM, &action, nullptr);
        ::sigaction(SIGINT, &action, nullptr);
        run(reading.options);
        return kExitOk;
    } catch (const std::exception& error) {
        std::fputs("simulated host: ", stderr);
        std::fputs(error.what(), stderr);
        std::fputs("\n", stderr);
        return kExitFailure;
    }
}
