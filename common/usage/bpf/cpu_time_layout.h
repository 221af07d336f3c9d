// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the BPF program cpu_time.bpf.c and its reader share: the keys and values of its two maps.
// Both sides are built from this file, so it is C and C++.
#ifndef WATTVISOR_CPU_TIME_LAYOUT_H
#define WATTVISOR_CPU_TIME_LAYOUT_H

#include <linux/types.h>

#ifdef __cplusplus
namespace wattvisor::bpf {
#endif

enum { comm_size = 16 };    // TASK_COMM_LEN of the kernel
enum { most_sockets = 64 }; // bounds the loops that the verifier has to follow

// A process on a socket. The start of its first thread, in nanoseconds since boot, makes a reused
// pid another process.
struct ProcessKey {
    __u64 start_ns;
    __u32 tgid;
    __u32 socket;
};

enum EntryFlag {
    entry_kernel_thread = 1,
    entry_ended = 2, // nothing of the process will run any more
    // Above the flags it is counted how many slices were not, since their begin or end was not
    // shown.
    entry_one_missed = 256,
};

struct ProcessEntry {
    __u64 ns; // on this socket, without what runs right now
    char comm[comm_size];
    __u32 parent; // the real parent's tgid when the entry was made
    __u32 flags;
};

enum SlotState {
    slot_unknown = 0, // no switch was seen on this CPU yet
    slot_idle = 1,
    slot_process = 2,
    slot_unclaimed = 3, // something runs that belongs to no process any more
    slot_unsure = 4,    // as slot_process, but whether it still runs cannot be told
};

// One per CPU, written by that CPU only, with interrupts off; two cache lines, so that neighbours
// do not slow each other down. `seq` is odd while it is being written.
struct CpuSlot {
    __u64 seq;
    __u64 since_ns; // CLOCK_MONOTONIC: since when `key` runs here
    struct ProcessKey key;
    __u32 state;
    __u32 socket;       // of this CPU; written by user space
    __u64 busy_ns;      // all but idle, without what runs right now
    __u64 unclaimed_ns; // the part of it that no entry has
    __u64 lost;         // how often there was no room for an entry
    __u64 thread_ns;    // what `thread` had run in all before that
    __u32 thread;       // the one that runs, or did when it was last seen
    __u32 suspect_tgid; // a process that was switched away from without a word
    __u32 shy_tgid;     // one to which that happened twice in a row
    __u32 unused[11];
};

#ifdef __cplusplus
} // namespace wattvisor::bpf
#endif

#endif
