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
// A path of 4096 bytes for each of v1's hierarchies.
constexpr std::size_t kLongestGroups = 64UL * 1024;

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
constexpr std::uint64_t kLooksPerTurn = 60;

bool is_due_for_refresh(std::uint64_t looks) {
    // A program that was started by a shell has replaced it within the first looks.
    return looks <= 2 || looks % kLooksPerTurn == 0;
}

// Each process has its turn, not all of them in one tick.
bool is_turn_of(pid_t pid, std::uint64_t collections) {
    return (static_cast<std::uint64_t>(pid) + collections) % kLooksPerTurn == 0;
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

ProcessUsage::ProcessUsage(fs::path proc_root, CpuTimeSource& times, const ProcessDetails& details)
    : proc_root_(std::move(proc_root)), times_(times), details_(details),
      new_pids_(details.loadavg.value_or(is_live_proc(proc_root_) ? proc_root_ / "loadavg"
                                                                  : fs::path())) {}

ConsumerPtr ProcessUsage::describe(pid_t pid, const PidStat& stat) const {
    const fs::path folder = proc_root_ / std::to_string(pid);
    ConsumerPtr process = describe_process(folder, pid, stat);
    if (!details_.units && details_.containers == nullptr) {
        return process;
    }
    const auto groups = read_text(folder / "cgroup", kLongestGroups);
    if (!groups) {
        return process;
    }
    ProcessPlace place = parse_process_place(*groups);
    auto placed = std::make_shared<Consumer>(*process);
    if (details_.units) {
        placed->systemd_unit = std::move(place.systemd_unit);
    }
    if (details_.containers != nullptr && place.container) {
        placed->container = details_.containers->find(*place.container);
    }
    return placed;
}

// When a runtime has told more of its containers.
void ProcessUsage::renew_containers() {
    if (details_.containers == nullptr ||
        std::exchange(containers_version_, details_.containers->version()) ==
            details_.containers->version()) {
        return;
    }
    for (auto& [pid, watched] : watched_) {
        const ContainerPtr known = watched.consumer ? watched.consumer->container : nullptr;
        const ContainerPtr now = known ? details_.containers->renewed(known) : nullptr;
        if (now != known) {
            auto consumer = std::make_shared<Consumer>(*watched.consumer);
            consumer->container = now;
            watched.consumer = std::move(consumer);
        }
    }
}

bool ProcessUsage::watch(pid_t pid) {
    auto clock = ProcessClock::open(proc_root_, pid);
    if (!clock) {
        return false;
    }
    Watched watched(std::move(*clock));
    const PidStat& stat = watched.process.clock.stat();
    if (!stat.is_kernel_thread()) {
        watched.consumer = describe(pid, stat);
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
    ConsumerPtr now = describe(clock.pid(), *stat);
    const Consumer& known = *watched.consumer;
    if (now->exe != known.exe || now->cmdline != known.cmdline ||
        now->systemd_unit != known.systemd_unit || now->container != known.container) {
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
    watched.moved.clear();
    if (reading) {
        watched.last = std::move(reading->time);
        watched.moved = std::move(reading->moved);
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
    tell_of(watched, sample);
}

// Where the time could not be read just now it is what it was: a consumer that is left out once is
// counted from 0 when it comes back.
void ProcessUsage::tell_of(Watched& watched, UsageSample& sample) {
    ConsumerUsage usage{watched.consumer, difference(watched.last, watched.baseline), nullptr, {}};
    if (details_.resources_every > 0 && !watched.is_over) {
        const pid_t pid = watched.process.clock.pid();
        usage.resources =
            watched.resources.look(proc_root_, pid, total_of(watched.last),
                                   details_.resources_every, is_turn_of(pid, collections_));
    }
    usage.moved = watched.moved;
    sample.consumers.push_back(std::move(usage));
}

// What another source has taken over ends here. One that comes back is not charged for the time in
// between: it counts as one that could not be opened.
void ProcessUsage::leave_to_others(pid_t pid, UsageSample& sample) {
    unopened_.insert(pid);
    const auto entry = watched_.find(pid);
    if (entry == watched_.end()) {
        return;
    }
    if (!entry->second.is_over) {
        look_at(entry->second, sample);
    }
    watched_.erase(entry);
}

bool ProcessUsage::has_told_of(pid_t pid) const {
    const auto entry = watched_.find(pid);
    return entry != watched_.end() && !entry->second.is_over;
}

bool ProcessUsage::is_listing_due(const std::unordered_set<pid_t>& others) {
    constexpr std::uint64_t kMostCollections = 10;
    const bool any_new = new_pids_.any(); // each time: it compares with the last
    return any_new || !is_listed_ || collections_ - listed_in_ >= kMostCollections ||
           others != others_;
}

// None was born, so all that there are is known. Those that have ended stay until the next list.
void ProcessUsage::look_at_known(UsageSample& sample) {
    for (auto& [pid, watched] : watched_) {
        if (!watched.is_over) {
            look_at(watched, sample);
        }
    }
}

// False where the list could not be read to its end: then nothing is known of those not seen.
bool ProcessUsage::look_at_all(UsageSample& sample, const std::unordered_set<pid_t>& others) {
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
        const auto pid = parse_pid(entry->d_name);
        if (pid && others.contains(*pid)) {
            leave_to_others(*pid, sample);
        } else if (pid) {
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
            tell_of(watched, sample);
        }
        it = is_whole && watched.is_over ? watched_.erase(it) : std::next(it);
    }
}

void ProcessUsage::append_to(UsageSample& sample, const std::unordered_set<pid_t>& others) {
    ++collections_;
    renew_containers();
    sample.consumers.reserve(sample.consumers.size() + watched_.size() + 16);
    if (!is_listing_due(others)) {
        look_at_known(sample);
        return;
    }
    listed_in_ = collections_;
    others_ = others;
    unopened_before_ = std::exchange(unopened_, {});
    is_listed_ = look_at_all(sample, others);
    close_unseen(is_listed_, sample);
}

void ProcessUsage::append_short_lives(const std::vector<ShortLife>& lives, UsageSample& sample) {
    short_lives_.add(lives);
    short_lives_.append_to(sample.consumers);
}

UsageSample ProcessUsage::collect() {
    times_.begin();
    UsageSample sample;
    append_to(sample, {});
    append_short_lives(times_.take_short_lives(), sample);
    take_common(times_, sample);
    return sample;
}

} // namespace wattvisor
