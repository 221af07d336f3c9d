// SPDX-License-Identifier: Apache-2.0
#include "common/usage/process_usage.hpp"

#include "common/base/text_file.hpp"

#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <iterator>
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

// A source tells of an end within a tick or two. Of one that it never saw run, such as a process
// that had ended before the agent began and was collected since, it tells nothing.
constexpr unsigned kPatience = 5;

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

ProcessUsage::ProcessUsage(fs::path proc_root, CpuTimeSource& times)
    : proc_root_(std::move(proc_root)), times_(times) {}

bool ProcessUsage::watch(pid_t pid) {
    auto clock = ProcessClock::open(proc_root_, pid);
    if (!clock) {
        return false;
    }
    Watched watched(std::move(*clock));
    const PidStat& stat = watched.process.clock.stat();
    if (!stat.is_kernel_thread()) {
        watched.consumer = describe_process(proc_root_ / std::to_string(pid), pid, stat);
    }
    // What ran before the first collection is the past, and so is what could not be opened in the
    // one before; what else appears was born since, and all of its time is charged.
    if (collections_ == 1 || unopened_before_.contains(pid)) {
        if (auto reading = times_.read(watched.process)) {
            watched.baseline = std::move(reading->time);
        }
    }
    watched.last = watched.baseline;
    watched_.insert_or_assign(pid, std::move(watched));
    return true;
}

void ProcessUsage::refresh_identity(Watched& watched) const {
    const ProcessClock& clock = watched.process.clock;
    const fs::path folder = proc_root_ / std::to_string(clock.pid());
    const auto stat = read_pid_stat(folder);
    if (!stat || stat->start_ticks != clock.stat().start_ticks) {
        return;
    }
    ConsumerPtr now = describe_process(folder, clock.pid(), *stat);
    if (now->exe != watched.consumer->exe || now->cmdline != watched.consumer->cmdline) {
        watched.consumer = std::move(now);
    }
}

// The pid of a process that has ended stays listed until its parent asks for it, and may be another
// process' after.
bool ProcessUsage::is_another_now(const Watched& watched) const {
    const ProcessClock& clock = watched.process.clock;
    const auto stat = read_pid_stat(proc_root_ / std::to_string(clock.pid()));
    return stat && stat->start_ticks != clock.stat().start_ticks;
}

void ProcessUsage::look_at(pid_t pid, UsageSample& sample) {
    auto entry = watched_.find(pid);
    if (entry != watched_.end() && !entry->second.is_over) {
        look_at(entry->second, sample);
    }
    if (entry != watched_.end() && entry->second.is_over && is_another_now(entry->second)) {
        watched_.erase(entry);
        entry = watched_.end();
    }
    if (entry == watched_.end()) {
        if (!watch(pid)) {
            unopened_.insert(pid);
            return;
        }
        entry = watched_.find(pid);
        look_at(entry->second, sample);
    }
    entry->second.seen_in = collections_;
    entry->second.unlisted = 0;
}

void ProcessUsage::look_at(Watched& watched, UsageSample& sample) {
    auto reading = times_.read(watched.process);
    if (reading) {
        watched.last = std::move(reading->time);
        watched.is_over = reading->ended;
    } else if (reading.error().severity == Severity::gone) {
        watched.is_over = true;
        return; // all of it was told before
    }
    if (!watched.consumer) {
        return;
    }
    if (++watched.looks > 1 && is_due_for_refresh(watched.looks - 1)) {
        refresh_identity(watched);
    }
    // Where the time could not be read just now it is what it was: a consumer that is left out once
    // is counted from 0 when it comes back.
    sample.consumers.push_back(
        {watched.consumer, difference(watched.last, watched.baseline), nullptr, {}});
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

// What is no longer listed has ended: its last part is told, and then it is forgotten.
void ProcessUsage::close_unseen(bool is_whole, UsageSample& sample) {
    for (auto it = watched_.begin(); it != watched_.end();) {
        Watched& watched = it->second;
        if (watched.seen_in == collections_) {
            ++it;
            continue;
        }
        if (is_whole && !watched.is_over) {
            look_at(watched, sample);
            watched.is_over = watched.is_over || ++watched.unlisted >= kPatience;
        } else if (!watched.is_over && watched.consumer) {
            sample.consumers.push_back(
                {watched.consumer, difference(watched.last, watched.baseline), nullptr, {}});
        }
        it = is_whole && watched.is_over ? watched_.erase(it) : std::next(it);
    }
}

UsageSample ProcessUsage::collect() {
    ++collections_;
    times_.begin();
    UsageSample sample;
    sample.topology = times_.topology();
    sample.consumers.reserve(watched_.size() + 16);
    unopened_before_ = std::exchange(unopened_, {});
    const bool is_whole = look_at_all(sample);
    close_unseen(is_whole, sample);
    short_lives_.add(times_.take_short_lives());
    short_lives_.append_to(sample.consumers);
    // Read last: whatever a process used above was used by now, so busy time is not behind it.
    sample.busy_time = times_.busy_time();
    sample.busy_error = times_.busy_error();
    sample.time_source = times_.name();
    sample.sees_ends = times_.sees_ends();
    sample.lost_ends = times_.lost();
    return sample;
}

} // namespace wattvisor
