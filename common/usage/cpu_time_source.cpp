// SPDX-License-Identifier: Apache-2.0
#include "common/usage/cpu_time_source.hpp"

namespace wattvisor {

void take_common(CpuTimeSource& times, UsageSample& sample) {
    sample.topology = times.topology();
    sample.busy_time = times.busy_time();
    sample.busy_error = times.busy_error();
    sample.time_source = times.name();
    sample.sees_ends = times.sees_ends();
    sample.lost_ends = times.lost();
}

} // namespace wattvisor
