// SPDX-License-Identifier: Apache-2.0
#include "common/usage/thread_times.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/busy_time.hpp"
#include "common/usage/proc_text.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <limits>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

std::string_view next_word(std::string_view& text) {
    text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

std::optional<pid_t> parse_tid(std::string_view name) {
    pid_t tid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), tid);
    const bool is_whole = error == std::errc{} && end == name.data() + name.size();
    return is_whole && tid > 0 ? std::optional(tid) : std::nullopt;
}

FileDescriptor open_below(int folder, pid_t tid, const char* file) {
    const std::string path = std::to_string(tid) + "/" + file;
    return FileDescriptor(
        ::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

// A thread names itself after it has started, and gives up its name for another seldom.
bool is_due_for_name(std::uint64_t looks) {
    return looks <= 2 || looks % 60 == 0;
}

} // namespace

std::optional<nanoseconds> parse_schedstat(std::string_view text) {
    std::string_view rest = trim(text);
    const auto on_cpu = parse_number(next_word(rest));
    const auto waited = parse_number(next_word(rest));
    const auto turns = parse_number(next_word(rest));
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!on_cpu || !waited || !turns || *on_cpu > kMost || (*on_cpu == 0 && *turns == 0)) {
        return std::nullopt;
    }
    return nanoseconds(*on_cpu);
}

std::optional<unsigned> parse_last_cpu(std::string_view stat) {
    constexpr int kState = 3; // the first field behind the name
    constexpr int kProcessor = 39;
    const auto close = stat.rfind(')');
    if (close == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view rest = trim(stat.substr(close + 1));
    for (int field = kState; field < kProcessor; ++field) {
        next_word(rest);
    }
    const auto cpu = parse_number(next_word(rest));
    return cpu && *cpu <= std::numeric_limits<unsigned>::max()
               ? std::optional(static_cast<unsigned>(*cpu))
               : std::nullopt;
}

Result<ThreadTimes> ThreadTimes::open(const std::filesystem::path& proc_root, pid_t pid,
                                      std::uint64_t start_ticks, std::size_t most_descriptors,
                                      std::optional<Component> whole) {
    const std::filesystem::path path = proc_root / std::to_string(pid) / "task";
    ThreadTimes times;
    times.whole_ = whole;
    times.descriptors_left_ = most_descriptors;
    // A new descriptor is the lowest that is free, so its number tells how many there are.
    times.highest_descriptor_ = static_cast<int>(
        std::min(::sysconf(_SC_OPEN_MAX) / 2, long{std::numeric_limits<int>::max()}));
    times.listing_.reset(::opendir(path.c_str()));
    if (!times.listing_) {
        return system_error(errno, path.string());
    }
    // The first thread's start is the process'. From here on the folder is this process' own: with
    // its end nothing is found in it, whoever gets the pid.
    FileDescriptor none;
    const auto stat = times.read(none, pid, "stat");
    const auto first = stat ? parse_pid_stat(*stat) : std::nullopt;
    if (!first || first->start_ticks != start_ticks) {
        return Error{Severity::gone, "the process has ended", path.string(), {}};
    }
    const auto schedstat = times.read(none, pid, "schedstat");
    times.has_schedstat_ = schedstat && parse_schedstat(*schedstat);
    return times;
}

void ThreadTimes::update(nanoseconds total, const CpuTopology& topology) {
    sockets_.resize(topology.sockets());
    moved_.assign(topology.sockets(), nanoseconds(0));
    if (total <= std::exchange(last_total_, std::max(total, last_total_))) {
        return; // nothing to share, as with most VMs at most ticks
    }
    ++updates_;
    look_at_all(topology);
    sockets_.advance(total);
    components_.advance(total, index_of(whole_.value_or(Component::emulator)));
}

void ThreadTimes::look_at_all(const CpuTopology& topology) {
    ::rewinddir(listing_.get());
    std::size_t looked = 0;
    while (const dirent* entry = ::readdir(listing_.get())) {
        const auto tid = parse_tid(entry->d_name);
        if (tid && looked++ < kMostThreads) {
            look_at(*tid, topology);
        }
    }
    forget_ended();
}

void ThreadTimes::forget_ended() {
    for (auto it = threads_.begin(); it != threads_.end();) {
        if (it->second.seen_in == updates_) {
            ++it;
            continue;
        }
        close(it->second.times);
        close(it->second.stat);
        it = threads_.erase(it);
    }
}

void ThreadTimes::look_at(pid_t tid, const CpuTopology& topology) {
    Thread& thread = threads_[tid];
    thread.seen_in = updates_;
    const bool was_open = static_cast<bool>(thread.times);
    auto time = read_time(thread, tid);
    if (!time && was_open && !thread.times) {
        // It has ended, and its id is another thread's by now.
        close(thread.stat);
        thread = Thread{};
        thread.seen_in = updates_;
        time = read_time(thread, tid);
    }
    if (!time) {
        return;
    }
    // Less than before: the id is another thread's by now, and all of its time is new.
    const nanoseconds used = *time < thread.last ? *time : *time - thread.last;
    thread.last = *time;
    if (used == nanoseconds(0) && thread.looks > 0) {
        return; // it did not run, so neither its place nor its name matters
    }
    ++thread.looks;
    if (thread.socket >= topology.sockets() || topology.sockets() == 1) {
        thread.socket.reset(); // the machine had others
    }
    const auto before = thread.socket;
    if (topology.sockets() > 1) {
        find_socket(thread, tid, topology);
    }
    if (!whole_ && is_due_for_name(thread.looks)) {
        find_component(thread, tid);
    }
    see_on_sockets(before, thread.socket, used);
    components_.see(index_of(whole_.value_or(thread.component)), used);
}

// A thread that came from elsewhere went at any moment in between: half of the time is most likely.
void ThreadTimes::see_on_sockets(std::optional<std::size_t> before, std::optional<std::size_t> now,
                                 nanoseconds used) {
    if (!before || !now || *before == *now) {
        sockets_.see(now.value_or(0), used);
        return;
    }
    const nanoseconds half = used / 2;
    for (const auto& [socket, part] : {std::pair(*before, half), std::pair(*now, used - half)}) {
        sockets_.see(socket, part);
        moved_[socket] += part;
    }
}

// Through the descriptor that is kept, else through one that is opened, and kept if there is room.
std::optional<std::string_view> ThreadTimes::read(FileDescriptor& kept, pid_t tid,
                                                  const char* file) {
    if (kept) {
        const auto text = reread(kept.get(), buffer_, {});
        if (!text) {
            close(kept); // the thread has ended
            return std::nullopt;
        }
        return *text;
    }
    FileDescriptor fd = open_below(folder(), tid, file);
    const auto text = fd ? reread(fd.get(), buffer_, {}) : Result<std::string_view>(Error{});
    if (!text) {
        return std::nullopt;
    }
    if (descriptors_left_ > 0 && fd.get() < highest_descriptor_ && updates_ > 0) {
        kept = std::move(fd);
        --descriptors_left_;
    }
    return *text;
}

void ThreadTimes::close(FileDescriptor& kept) {
    descriptors_left_ += kept ? 1U : 0U;
    kept.reset();
}

std::optional<nanoseconds> ThreadTimes::read_time(Thread& thread, pid_t tid) {
    const auto text = read(thread.times, tid, times_file());
    if (!text) {
        return std::nullopt;
    }
    if (has_schedstat_) {
        return parse_schedstat(*text);
    }
    const auto stat = parse_pid_stat(*text);
    return stat ? std::optional(time_of_ticks(stat->user_ticks + stat->system_ticks))
                : std::nullopt;
}

void ThreadTimes::find_socket(Thread& thread, pid_t tid, const CpuTopology& topology) {
    const auto text = read(thread.stat, tid, "stat");
    const auto cpu = text ? parse_last_cpu(*text) : std::nullopt;
    if (cpu && *cpu < topology.socket_of_cpu.size() &&
        topology.socket_of_cpu[*cpu] < topology.sockets()) {
        thread.socket = topology.socket_of_cpu[*cpu];
    }
}

void ThreadTimes::find_component(Thread& thread, pid_t tid) {
    FileDescriptor fd = open_below(folder(), tid, "comm");
    if (const auto text = fd ? reread(fd.get(), buffer_, {}) : Result<std::string_view>(Error{})) {
        thread.component = component_of_thread(text->substr(0, text->find('\n')));
    }
}

} // namespace wattvisor
