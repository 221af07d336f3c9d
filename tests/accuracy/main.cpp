// SPDX-License-Identifier: Apache-2.0
// wattvisor-accuracy: the pipeline of the host agent against known truth, as a table.
#include "common/base/error.hpp"
#include "common/cli/logging.hpp"
#include "tests/accuracy/live_run.hpp"
#include "tests/accuracy/simulated_run.hpp"
#include "tests/simulated-host/scenario_reader.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <vector>

namespace {

using namespace wattvisor;
using namespace wattvisor::accuracy;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Options {
    fs::path scenarios = WATTVISOR_SCENARIOS;
    std::vector<std::string> loads; // empty: all
    double seconds = 60;
    bool live = false;
    bool json = false;
};

// Removed at the end, with all that is in it.
class WorkFolder {
public:
    WorkFolder() {
        std::string name = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
        name += "/wattvisor-accuracy-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) {
            throw StartError("cannot make a folder for the simulated host: " + name);
        }
        path_ = name;
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    ~WorkFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::chrono::nanoseconds length_of(const Options& options) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(options.seconds));
}

bool is_wanted(const Options& options, const std::string& load) {
    return options.loads.empty() ||
           std::find(options.loads.begin(), options.loads.end(), load) != options.loads.end();
}

std::vector<Row> measure_simulated(const Options& options) {
    const WorkFolder work;
    std::vector<Row> rows;
    for (const std::string load :
         {"steady", "bursty", "many-threads", "thread-churn", "noisy-neighbour", "two-socket"}) {
        if (!is_wanted(options, load)) {
            continue;
        }
        const auto scenario = simulated::load_scenario(options.scenarios / (load + ".yaml"));
        for (const std::chrono::nanoseconds interval : {1000ms, 100ms}) {
            rows.push_back(
                measure({load, scenario, interval, length_of(options)}, work.path() / "host"));
        }
    }
    return rows;
}

// One BPF program at a time: a second one would count the first one's work.
const std::vector<std::vector<LiveMeter>> kLiveRounds{
    {{CpuTimeChoice::clock, 1000ms}, {CpuTimeChoice::clock, 100ms}},
    {{CpuTimeChoice::bpf, 1000ms}},
    {{CpuTimeChoice::bpf, 100ms}}};

std::vector<Row> measure_live(const Options& options) {
    std::vector<Row> rows;
    for (const LiveLoad& load : live_loads()) {
        for (const auto& meters : kLiveRounds) {
            if (is_wanted(options, load.name)) {
                const std::vector<Row> more = measure(load, meters, length_of(options));
                rows.insert(rows.end(), more.begin(), more.end());
            }
        }
    }
    return rows;
}

int run(const Options& options) {
    const std::vector<Row> rows = options.live ? measure_live(options) : measure_simulated(options);
    fmt::print("{}", options.json ? json_rows(rows) : text_table(rows));
    const bool all_hold =
        std::all_of(rows.begin(), rows.end(), [](const Row& row) { return holds(row, kBound); });
    return all_hold ? kExitOk : kExitFailure;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "Measures known loads with the host agent's pipeline. Exit status 1 if a VM is off "
        "by more than 1 %, or if a sum is off at all.");
    Options options;
    app.add_option("--scenarios", options.scenarios, "Where the scenarios are")->type_name("DIR");
    app.add_option("--load", options.loads, "Only these")->type_name("NAME...");
    app.add_option("--seconds", options.seconds, "How long each row is")->default_str("60");
    app.add_flag("--live", options.live,
                 "Measure processes of this machine, in real time, against the kernel's own count; "
                 "needs root");
    app.add_flag("--json", options.json, "Print JSON, with every VM");
    CLI11_PARSE(app, argc, argv);
    spdlog::set_level(spdlog::level::err);
    try {
        return run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "accuracy: {}\n", error.what());
        return kExitFailure;
    }
}
