// SPDX-License-Identifier: Apache-2.0
#include "common/usage/process_usage.hpp"

#include "common/base/text_file.hpp"

#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <memory>
#include <utility>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

// Enough for any label; a process may pass megabytes of arguments.
constexpr std::size_t kMaxArguments = 128UL * 1024;

std::optional<pid_t> parse_pid(const char* name) {
    const std::string_view text(name);
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid <= 0) {
        return std::nullopt;
    }
    return pid;
}

bool is_due_for_refresh(std::uint64_t looks) {
    // A program that was started by a shell has replaced it within the first looks.
    return looks <= 2 || looks % 60 == 0;
}

} // namespace

ConsumerPtr describe_process(const fs::path& folder, pid_t pid, const PidStat& stat) {
    auto process = std::make_shared<Consumer>();
    process->kind = ConsumerKind::process;
    process->key = std::to_string(pid) + ":" + std::to_string(stat.start_ticks);
    process->name = stat.comm;
    process->exe = stat.comm;
    process->pid = pid;
    if (const auto arguments = read_text(folder / "cmdline", kMaxArguments)) {
        process->cmdline = join_arguments(*arguments);
    }
    return process;
}

ProcessUsage::ProcessUsage(fs::path proc_root, CpuTopologyPtr topology)
    : proc_root_(std::move(proc_root)), topology_(std::move(topology)),
      busy_time_(proc_root_, topology_) {}

bool ProcessUsage::watch(pid_t pid) {
    auto clock = ProcessClock::open(proc_root_, pid);
    if (!clock) {
        return false;
    }
    Watched watched{std::move(*clock), nullptr, {}, {}, 0, 0};
    if (!watched.clock.stat().is_kernel_thread()) {
        watched.consumer =
            describe_process(proc_root_ / std::to_string(pid), pid, watched.clock.stat());
    }
    // What ran before the first collection is the past, and so is what could not be opened in the
    // one before; what else appears was born since, and all of its time is charged.
    if (collections_ == 1 || unopened_before_.contains(pid)) {
        if (const auto time = watched.clock.read()) {
            watched.baseline = *time;
        }
    }
    watched.last = watched.baseline;
    watched_.insert_or_assign(pid, std::move(watched));
    return true;
}

void ProcessUsage::refresh_identity(Watched& watched) const {
    const fs::path folder = proc_root_ / std::to_string(watched.clock.pid());
    const auto stat = read_pid_stat(folder);
    if (!stat || stat->start_ticks != watched.clock.stat().start_ticks) {
        return;
    }
    ConsumerPtr now = describe_process(folder, watched.clock.pid(), *stat);
    if (now->exe != watched.consumer->exe || now->cmdline != watched.consumer->cmdline) {
        watched.consumer = std::move(now);
    }
}

void ProcessUsage::look_at(pid_t pid, UsageSample& sample) {
    if (!watched_.contains(pid) && !watch(pid)) {
        unopened_.insert(pid);
        return;
    }
    auto entry = watched_.find(pid);
    auto time = entry->second.clock.read();
    if (!time && time.error().severity == Severity::gone) {
        // Ended since the last look; the pid may be another process' by now.
        watched_.erase(entry);
        if (!watch(pid)) {
            return;
        }
        entry = watched_.find(pid);
        time = entry->second.clock.read();
    }
    Watched& watched = entry->second;
    watched.seen_in = collections_;
    if (!watched.consumer || (!time && time.error().severity == Severity::gone)) {
        return;
    }
    // Where the time could not be read just now it is what it was: a consumer that is left out once
    // is counted from 0 when it comes back.
    watched.last = time ? *time : watched.last;
    if (++watched.looks > 1 && is_due_for_refresh(watched.looks - 1)) {
        refresh_identity(watched);
    }
    sample.consumers.push_back({watched.consumer, {watched.last - watched.baseline}, {}, {}});
}

// False where the list could not be read to its end: then nothing is known of those not seen.
bool ProcessUsage::look_at_all(UsageSample& sample) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(proc_root_.c_str()), ::closedir);
    if (!listing) {
        return false;
    }
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(listing.get());
        if (entry == nullptr) {
            return errno == 0;
        }
        if (const auto pid = parse_pid(entry->d_name)) {
            look_at(*pid, sample);
        }
    }
}

UsageSample ProcessUsage::collect() {
    ++collections_;
    UsageSample sample;
    sample.topology = topology_;
    sample.busy_error = busy_time_.error();
    sample.consumers.reserve(watched_.size() + 16);
    unopened_before_ = std::exchange(unopened_, {});
    const bool is_whole = look_at_all(sample);
    for (auto it = watched_.begin(); it != watched_.end();) {
        const Watched& watched = it->second;
        if (is_whole && watched.seen_in != collections_) {
            it = watched_.erase(it);
            continue;
        }
        if (watched.seen_in != collections_ && watched.consumer) {
            sample.consumers.push_back(
                {watched.consumer, {watched.last - watched.baseline}, {}, {}});
        }
        ++it;
    }
    // Read last: whatever a process used above was used by now, so busy time is not behind it.
    if (const auto busy = busy_time_.read()) {
        sample.busy_time = *busy;
    }
    return sample;
}

} // namespace wattvisor
