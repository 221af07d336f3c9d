// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Counts the nanoseconds that each process runs on each socket, at every context switch.
//
// Each CPU has a slot: what runs here, since when. A switch closes the slot's slice, adds it to the
// entry of the process, and opens the next one. So a switch costs one look into a hash map if
// something ran, none if the CPU was idle. Reading never stops a CPU: see bpf_reading.hpp.
//
// The structures of the kernel are written here by hand, with the fields that are used; the loader
// finds out where they are in the running kernel (CO-RE). Needs Linux 5.12: atomic exchange.
#include "cpu_time_layout.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/bpf.h>

#define PF_KTHREAD 0x00200000 // include/linux/sched.h
#define EXIT_DEAD 0x0010      // include/linux/sched.h: released by its parent

enum { most_early_ns = 100000 }; // how long before on_switch() a slice may begin

struct sched_entity {
    __u64 sum_exec_runtime; // what CLOCK_THREAD_CPUTIME_ID shows
} __attribute__((preserve_access_index));

struct task_struct {
    int pid;
    int tgid;
    int exit_state;
    unsigned int flags;
    __u64 start_boottime; // what field 22 of /proc/PID/stat shows
    struct task_struct* real_parent;
    struct task_struct* group_leader;
    char comm[comm_size];
    struct sched_entity se;
} __attribute__((preserve_access_index));

const volatile __u32 sockets = 1;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); // user space: one per possible CPU
    __type(key, __u32);
    __type(value, struct CpuSlot);
} slots SEC(".maps");

// Not one value per CPU: a reading would copy processes × CPUs values. The atomic addition meets
// another CPU's only where two CPUs switch away from the same process at the same moment.
// Preallocated, since nothing may be allocated under the run queue's lock.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384); // user space: by the number of processes
    __type(key, struct ProcessKey);
    __type(value, struct ProcessEntry);
} processes SEC(".maps");

static __always_inline struct CpuSlot* own_slot(void) {
    __u32 cpu = bpf_get_smp_processor_id();
    return bpf_map_lookup_elem(&slots, &cpu);
}

// An exchange is a full barrier on every architecture; a plain addition is one on x86 only.
static __always_inline void set_seq(struct CpuSlot* slot, __u64 seq) {
    __sync_lock_test_and_set(&slot->seq, seq);
}

// The first thread of the task's process. None where a thread is on its very last instructions and
// the first thread, which the parent has collected, is freed: then this is somebody else's memory.
static __always_inline struct task_struct* leader_of(struct task_struct* task) {
    struct task_struct* leader = task->group_leader;
    return leader && leader->pid == task->tgid ? leader : 0;
}

// Whoever makes an entry must be sure that on_free() comes later and marks it. A first thread is
// freed after its last switch, and another thread's program is over before the grace period that
// the first thread waits for after it was released.
static __always_inline int may_make_entry(struct task_struct* task, struct task_struct* leader,
                                          const struct ProcessKey* key) {
    return leader && (__u32)leader->pid == key->tgid && leader->start_boottime == key->start_ns &&
           (task == leader || leader->exit_state != EXIT_DEAD);
}

static __always_inline void make_entry(struct CpuSlot* slot, struct task_struct* task, __u64 ns) {
    struct ProcessKey key = slot->key;
    struct task_struct* leader = leader_of(task);
    struct ProcessEntry fresh = {.ns = ns};
    struct ProcessEntry* entry;

    if (!may_make_entry(task, leader, &key)) {
        slot->unclaimed_ns += ns;
        return;
    }
    fresh.parent = leader->real_parent->tgid;
    fresh.flags = leader->flags & PF_KTHREAD ? entry_kernel_thread : 0;
    bpf_probe_read_kernel(fresh.comm, sizeof(fresh.comm), leader->comm);
    if (bpf_map_update_elem(&processes, &key, &fresh, BPF_NOEXIST) == 0)
        return;
    entry = bpf_map_lookup_elem(&processes, &key); // another CPU was faster?
    if (entry) {
        __sync_fetch_and_add(&entry->ns, ns);
        return;
    }
    slot->unclaimed_ns += ns;
    slot->lost += 1;
}

// What the scheduler itself has charged the thread for since it got the CPU. It ends where the
// switch began; what lies between there and here, looking for work on other CPUs above all, would
// be tens of microseconds for a thread that sleeps often. Where that cannot be it is the time that
// passed.
static __always_inline __u64 slice_of(struct CpuSlot* slot, struct task_struct* task, __u64 now) {
    __u64 passed = now > slot->since_ns ? now - slot->since_ns : 0;
    __u64 charged = task->se.sum_exec_runtime - slot->thread_ns;

    // exec() by another thread than the first gives it the first one's pid.
    if (slot->thread != (__u32)task->pid || charged > passed + most_early_ns)
        return passed;
    return charged;
}

static __always_inline void mark_missed(const struct ProcessKey* key) {
    struct ProcessEntry* entry = bpf_map_lookup_elem(&processes, key);
    if (entry)
        __sync_fetch_and_add(&entry->flags, entry_one_missed);
}

// The task got this CPU in a switch that was not shown.
static __always_inline void note_unseen(struct CpuSlot* slot, struct task_struct* task) {
    struct task_struct* leader = leader_of(task);
    struct ProcessKey key;

    if (task->pid == 0 || !leader)
        return;
    slot->key.tgid = task->tgid;
    slot->key.start_ns = leader->start_boottime;
    slot->key.socket = slot->socket;
    key = slot->key;
    if (!bpf_map_lookup_elem(&processes, &key))
        make_entry(slot, task, 0);
    mark_missed(&key);
}

// A slice ends as the process that it began as. If another one is switched away from now, the
// kernel did not show a switch, and nobody knows when it was: then the time is not counted. User
// space finds out how much that was: from the machine's idle time (hidden_time.hpp), and from the
// clocks of both processes, which are marked.
static __always_inline void leave(struct CpuSlot* slot, struct task_struct* task, __u64 now) {
    struct ProcessKey key = slot->key;
    struct ProcessEntry* entry;
    __u64 ns;

    if (slot->state == slot_unknown)
        return;
    if (slot->state == slot_idle) {
        note_unseen(slot, task);
        return;
    }
    if ((__u32)task->tgid != key.tgid) {
        if (slot->suspect_tgid == key.tgid)
            slot->shy_tgid = key.tgid;
        slot->suspect_tgid = key.tgid;
        mark_missed(&key);
        note_unseen(slot, task);
        return;
    }
    if (slot->suspect_tgid == key.tgid)
        slot->suspect_tgid = 0; // this time it was shown
    if (slot->state == slot_unsure)
        slot->shy_tgid = 0;
    ns = slice_of(slot, task, now);
    slot->busy_ns += ns;
    if (slot->state == slot_unclaimed) {
        slot->unclaimed_ns += ns;
        return;
    }
    entry = bpf_map_lookup_elem(&processes, &key);
    if (entry)
        __sync_fetch_and_add(&entry->ns, ns);
    else
        make_entry(slot, task, ns);
}

static __always_inline void enter(struct CpuSlot* slot, struct task_struct* task, __u64 now) {
    struct task_struct* leader;

    slot->since_ns = now;
    if (task->pid == 0) { // the idle task of this CPU
        slot->state = slot_idle;
        return;
    }
    slot->thread = task->pid;
    slot->thread_ns = task->se.sum_exec_runtime;
    slot->key.tgid = task->tgid;
    leader = leader_of(task);
    if (!leader) {
        slot->state = slot_unclaimed;
        return;
    }
    slot->key.start_ns = leader->start_boottime;
    slot->key.socket = slot->socket;
    slot->state = slot->key.tgid == slot->shy_tgid ? slot_unsure : slot_process;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, int preempt, struct task_struct* prev, struct task_struct* next) {
    struct CpuSlot* slot = own_slot();
    __u64 seq, now;

    if (!slot)
        return 0;
    seq = slot->seq;
    set_seq(slot, seq + 1);
    now = bpf_ktime_get_ns();
    leave(slot, prev, now);
    enter(slot, next, now);
    set_seq(slot, seq + 2);
    return 0;
}

// Run by user space on a certain CPU, in an interrupt: what runs there gets a slot and an entry.
// Once per CPU after loading, and once for a process that runs and was never switched away from.
SEC("raw_tp")
int note_running(void* context) {
    struct CpuSlot* slot = own_slot();
    struct task_struct* task = bpf_get_current_task_btf();
    struct ProcessKey key;
    __u64 seq;

    if (!slot)
        return 0;
    seq = slot->seq;
    set_seq(slot, seq + 1);
    if (slot->state == slot_unknown)
        enter(slot, task, bpf_ktime_get_ns());
    key = slot->key;
    if (slot->state == slot_process && !bpf_map_lookup_elem(&processes, &key))
        make_entry(slot, task, 0);
    set_seq(slot, seq + 2);
    return 0;
}

// exec() and prctl(PR_SET_NAME), just before the name changes.
SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct* task, const char* name) {
    struct ProcessKey key = {};
    char comm[comm_size] = {};

    if (task->group_leader != task)
        return 0;
    bpf_probe_read_kernel_str(comm, sizeof(comm), name);
    key.start_ns = task->start_boottime;
    key.tgid = task->tgid;
    for (__u32 socket = 0; socket < most_sockets && socket < sockets; socket++) {
        struct ProcessEntry* entry;
        key.socket = socket;
        entry = bpf_map_lookup_elem(&processes, &key);
        if (entry)
            __builtin_memcpy(entry->comm, comm, sizeof(comm));
    }
    return 0;
}

// A task is freed when its parent has collected it and it has switched away for the last time. The
// other threads of a process are collected before its first.
SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct* task) {
    struct ProcessKey key = {};

    if (task->group_leader != task)
        return 0;
    key.start_ns = task->start_boottime;
    key.tgid = task->tgid;
    for (__u32 socket = 0; socket < most_sockets && socket < sockets; socket++) {
        struct ProcessEntry* entry;
        key.socket = socket;
        entry = bpf_map_lookup_elem(&processes, &key);
        if (entry)
            __sync_fetch_and_or(&entry->flags, entry_ended);
    }
    return 0;
}

const char program_license[] SEC("license") = "Dual BSD/GPL";
