// SPDX-License-Identifier: Apache-2.0
#include "common/usage/bpf_program.hpp"

#include "common/base/clock_time.hpp"
#include "common/base/text_file.hpp"
#include "common/usage/cpu_topology.hpp"
#include "cpu_time.skel.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace {

constexpr const char* kWhere = "CPU time by BPF";

// A CPU writes its slot in a tenth of a microsecond. Only one that was taken from us by a
// hypervisor above takes longer.
constexpr int kMostSlotReads = 10'000;

// The kernel gives the first namespaces these numbers: include/linux/proc_ns.h.
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFCU;
constexpr ino_t kFirstTimeNamespace = 0xEFFFFFFAU;

Error refusal(std::string what, std::string hint) {
    return Error{Severity::fatal, std::move(what), kWhere, std::move(hint)};
}

Error kernel_error(int errno_value, const std::string& step) {
    const std::string what = step + ": " + std::strerror(errno_value);
    if (errno_value == EPERM) {
        return refusal(what, "Grant CAP_BPF and CAP_PERFMON, or run as root; a container's seccomp "
                             "filter and a kernel in lockdown refuse it as well");
    }
    return refusal(what, "It needs Linux 5.12 or later with CONFIG_BPF_SYSCALL; -vv "
                         "shows what the kernel says");
}

[[gnu::format(printf, 2, 0)]] int log_libbpf(libbpf_print_level /*level*/, const char* format,
                                             va_list arguments) {
    if (spdlog::should_log(spdlog::level::debug)) {
        std::array<char, 4096> text{};
        std::vsnprintf(text.data(), text.size(), format, arguments);
        spdlog::debug("libbpf: {}", trim(text.data()));
    }
    return 0;
}

// True where there are no such namespaces at all.
bool is_in_namespace(const char* path, ino_t number) {
    struct stat status {};
    return ::stat(path, &status) == 0 ? status.st_ino == number : errno == ENOENT;
}

// Number of the last CPU that can ever come, and one. Numbers may have gaps.
Result<unsigned> count_possible_cpus() {
    constexpr const char* kPath = "/sys/devices/system/cpu/possible";
    const auto text = read_text(kPath);
    if (!text) {
        return text.error();
    }
    const auto cpus = parse_cpu_list(*text);
    if (!cpus || cpus->empty()) {
        return Error{Severity::fatal, "is not a list of CPUs", kPath, {}};
    }
    return *std::max_element(cpus->begin(), cpus->end()) + 1;
}

Result<bool> check_surroundings() {
    if (!is_in_namespace("/proc/self/ns/pid", kFirstPidNamespace)) {
        return refusal("this is a pid namespace of its own, where the kernel's pids mean nothing",
                       "Run the container with the host's pid namespace");
    }
    if (!is_in_namespace("/proc/self/ns/time", kFirstTimeNamespace)) {
        return refusal("this is a time namespace of its own, where /proc shows other start times",
                       "Run it in the host's time namespace");
    }
    if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        return refusal("/sys/kernel/btf/vmlinux: " + std::string(std::strerror(errno)),
                       "It needs a kernel with CONFIG_DEBUG_INFO_BTF, and /sys");
    }
    return true;
}

template <typename Number>
Number relaxed(Number& number) {
    return std::atomic_ref<Number>(number).load(std::memory_order_relaxed);
}

class BpfProgram : public BpfMaps {
public:
    BpfProgram() = default;
    BpfProgram(const BpfProgram&) = delete;
    BpfProgram& operator=(const BpfProgram&) = delete;
    ~BpfProgram() override {
        if (slots_ != nullptr) {
            ::munmap(slots_, cpus_ * sizeof(bpf::CpuSlot));
        }
        cpu_time_bpf::destroy(skeleton_);
    }

    [[nodiscard]] Result<bool> load(std::size_t sockets, std::size_t entries);

    [[nodiscard]] Result<bool> start() override;
    [[nodiscard]] std::uint64_t now() override;
    [[nodiscard]] unsigned cpus() const override { return cpus_; }
    [[nodiscard]] bpf::CpuSlot read_slot(unsigned cpu) override;
    [[nodiscard]] Result<bool> read_entries(BpfEntries& entries) override;
    [[nodiscard]] Result<std::optional<bpf::ProcessEntry>>
    read_entry(const bpf::ProcessKey& key) override;
    void introduce(unsigned cpu) override;
    [[nodiscard]] bool exists(std::uint32_t pid) override;
    void remove(const std::vector<bpf::ProcessKey>& keys) override;
    void set_socket(unsigned cpu, unsigned socket) override;

private:
    cpu_time_bpf* skeleton_ = nullptr;
    int processes_ = -1; // the map's descriptor, of the skeleton
    bpf::CpuSlot* slots_ = nullptr;
    unsigned cpus_ = 0;
};

Result<bool> BpfProgram::load(std::size_t sockets, std::size_t entries) {
    const auto cpus = count_possible_cpus();
    if (!cpus) {
        return cpus.error();
    }
    ::libbpf_set_print(log_libbpf);
    skeleton_ = cpu_time_bpf::open(nullptr);
    if (skeleton_ == nullptr) {
        return kernel_error(errno, "opening the program");
    }
    skeleton_->rodata->sockets = static_cast<std::uint32_t>(sockets);
    ::bpf_map__set_max_entries(skeleton_->maps.slots, *cpus);
    ::bpf_map__set_max_entries(skeleton_->maps.processes, static_cast<std::uint32_t>(entries));
    if (const int error = cpu_time_bpf::load(skeleton_); error != 0) {
        return kernel_error(-error, "loading the program");
    }
    processes_ = ::bpf_map__fd(skeleton_->maps.processes);
    void* mapped = ::mmap(nullptr, *cpus * sizeof(bpf::CpuSlot), PROT_READ | PROT_WRITE, MAP_SHARED,
                          ::bpf_map__fd(skeleton_->maps.slots), 0);
    if (mapped == MAP_FAILED) {
        return kernel_error(errno, "mapping the CPUs' slots");
    }
    slots_ = static_cast<bpf::CpuSlot*>(mapped);
    cpus_ = *cpus;
    return true;
}

// Ends are watched before anything is counted: no entry can miss its end.
Result<bool> BpfProgram::start() {
    const std::array programs{
        std::pair(skeleton_->progs.on_free, &skeleton_->links.on_free),
        std::pair(skeleton_->progs.on_rename, &skeleton_->links.on_rename),
        std::pair(skeleton_->progs.on_switch, &skeleton_->links.on_switch),
    };
    for (const auto& [program, link] : programs) {
        *link = ::bpf_program__attach(program);
        if (*link == nullptr) {
            return kernel_error(errno, std::string("attaching ") + ::bpf_program__name(program));
        }
    }
    for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
        introduce(cpu); // one that is offline begins with its first switch
    }
    return true;
}

std::uint64_t BpfProgram::now() {
    return static_cast<std::uint64_t>(clock_time(CLOCK_MONOTONIC).count());
}

// The fences keep this in its place between system calls that read entries.
bpf::CpuSlot BpfProgram::read_slot(unsigned cpu) {
    bpf::CpuSlot& shared = slots_[cpu];
    bpf::CpuSlot copy{};
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (int reads = 0; reads < kMostSlotReads; ++reads) {
        copy.seq = std::atomic_ref(shared.seq).load(std::memory_order_acquire);
        copy.since_ns = relaxed(shared.since_ns);
        copy.key.start_ns = relaxed(shared.key.start_ns);
        copy.key.tgid = relaxed(shared.key.tgid);
        copy.key.socket = relaxed(shared.key.socket);
        copy.state = relaxed(shared.state);
        copy.socket = relaxed(shared.socket);
        copy.busy_ns = relaxed(shared.busy_ns);
        copy.unclaimed_ns = relaxed(shared.unclaimed_ns);
        copy.lost = relaxed(shared.lost);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (copy.seq % 2 == 0 && relaxed(shared.seq) == copy.seq) {
            return copy;
        }
    }
    bpf::CpuSlot none{};
    none.seq = 1;
    return none;
}

// The kernel copies whole buckets of the hash table, each under its lock, so that every entry comes
// once; the token is where it goes on. Most often one system call.
Result<bool> BpfProgram::read_entries(BpfEntries& entries) {
    constexpr std::size_t kLeastRoom = 512;
    std::size_t filled = 0;
    std::uint32_t token = 0;
    bool more = true;
    for (bool first = true; more; first = false) {
        const std::size_t size = std::max(entries.keys.size() + kLeastRoom, filled * 2);
        entries.keys.resize(size);
        entries.values.resize(size);
        auto count = static_cast<std::uint32_t>(size - filled);
        const int error =
            ::bpf_map_lookup_batch(processes_, first ? nullptr : &token, &token,
                                   &entries.keys[filled], &entries.values[filled], &count, nullptr);
        if (error != 0 && error != -ENOENT && error != -ENOSPC) {
            return kernel_error(-error, "reading the entries");
        }
        more = error != -ENOENT; // the end of the map
        filled += error == -ENOSPC ? 0 : count;
    }
    entries.keys.resize(filled);
    entries.values.resize(filled);
    return true;
}

Result<std::optional<bpf::ProcessEntry>> BpfProgram::read_entry(const bpf::ProcessKey& key) {
    bpf::ProcessEntry entry{};
    const int error = ::bpf_map_lookup_elem(processes_, &key, &entry);
    if (error == -ENOENT) {
        return std::optional<bpf::ProcessEntry>();
    }
    if (error != 0) {
        return kernel_error(-error, "reading an entry");
    }
    return std::optional(entry);
}

void BpfProgram::introduce(unsigned cpu) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.flags = BPF_F_TEST_RUN_ON_CPU;
    options.cpu = cpu;
    const int error =
        ::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.note_running), &options);
    if (error != 0) {
        spdlog::debug("{}: CPU {} tells nothing: {}", kWhere, cpu, std::strerror(-error));
    }
}

bool BpfProgram::exists(std::uint32_t pid) {
    return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

void BpfProgram::remove(const std::vector<bpf::ProcessKey>& keys) {
    for (std::size_t done = 0; done < keys.size();) {
        auto count = static_cast<std::uint32_t>(keys.size() - done);
        const int error = ::bpf_map_delete_batch(processes_, &keys[done], &count, nullptr);
        done += error == 0 ? keys.size() : count + 1; // it stops at one that is not there
    }
}

void BpfProgram::set_socket(unsigned cpu, unsigned socket) {
    std::atomic_ref(slots_[cpu].socket).store(socket, std::memory_order_relaxed);
}

} // namespace

bool is_bpf_built_in() {
    return true;
}

Result<std::unique_ptr<BpfMaps>> load_bpf_program(std::size_t sockets, std::size_t entries) {
    static_assert(sizeof(bpf::CpuSlot) == 128);
    if (sockets == 0 || sockets > bpf::most_sockets || entries == 0 ||
        entries > std::numeric_limits<std::uint32_t>::max()) {
        return refusal("it counts up to " + std::to_string(bpf::most_sockets) + " sockets", {});
    }
    const auto fits = check_surroundings();
    if (!fits) {
        return fits.error();
    }
    auto program = std::make_unique<BpfProgram>();
    const auto loaded = program->load(sockets, entries);
    if (!loaded) {
        return loaded.error();
    }
    return std::unique_ptr<BpfMaps>(std::move(program));
}

} // namespace wattvisor
