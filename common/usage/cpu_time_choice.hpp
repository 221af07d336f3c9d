// SPDX-License-Identifier: Apache-2.0
// Where CPU times shall come from: what the option --cpu-time and the key cpu_time say.
#pragma once

namespace wattvisor {

enum class CpuTimeChoice {
    automatic, // the BPF program where it can be loaded, else clocks
    clock,     // each process' own clock
    bpf,       // a BPF program on every switch of a CPU; an error where it cannot be loaded
};

} // namespace wattvisor
