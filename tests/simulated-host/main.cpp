// SPDX-License-Identifier: Apache-2.0
// wattvisor-simulated-host: a host that is not there, as files, with known truth.
#include "common/base/error.hpp"
#include "tests/simulated-host/options.hpp"
#include "tests/simulated-host/real_time.hpp"
#include "tests/simulated-host/runs.hpp"

#include <cstdio>
#include <exception>

namespace {

using namespace wattvisor;
using namespace wattvisor::simulated;

int fail(const std::exception& error, int exit_code) {
    std::fputs("simulated host: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return exit_code;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const OptionsReading reading = read_options(argc, argv);
        if (reading.exit_code) {
            return *reading.exit_code;
        }
        stop_at_signals();
        if (reading.options.scenario.empty()) {
            run_with_real_load(reading.options);
        } else {
            run_scenario(reading.options);
        }
        return kExitOk;
    } catch (const StartError& error) {
        return fail(error, error.exit_code());
    } catch (const std::exception& error) {
        return fail(error, kExitFailure);
    }
}
