// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/proc_tree.hpp"

#include "tests/simulated-host/proc_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

Result<bool> make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    return error ? Result<bool>(system_error(error.value(), path.string())) : Result<bool>(true);
}

Result<bool> link_file(const fs::path& target, const fs::path& link) {
    ::unlink(link.c_str());
    return ::link(target.c_str(), link.c_str()) == 0
               ? Result<bool>(true)
               : Result<bool>(system_error(errno, link.string()));
}

// In a folder that nobody sees yet.
Result<bool> put(std::optional<PaddedFile>& file, const fs::path& path, const std::string& text,
                 DescriptorBudget& budget, bool is_hidden) {
    auto created = PaddedFile::create(path, text, budget, is_hidden);
    if (!created) {
        return created.error();
    }
    file.emplace(std::move(*created));
    return true;
}

// All of them, or the first error.
template <typename... Steps>
Result<bool> all(Steps... steps) {
    Result<bool> result = true;
    (void)((result = steps(), result.has_value()) && ...);
    return result;
}

std::string format_uptime(const SimulatedHost& host) {
    std::uint64_t idle = 0;
    for (const CpuTimes& cpu : host.grid().cpus()) {
        idle += cpu.idle;
    }
    const auto hundredths = static_cast<std::uint64_t>(host.since_boot().count()) / kNanosPerTick;
    return fmt::format("{}.{:02} {}.{:02}\n", hundredths / 100, hundredths % 100,
                       idle / kNanosPerTick / 100, idle / kNanosPerTick % 100);
}

// What the process' stat shows: unchanged times need no new text.
std::uint64_t total_of(const Process& process) {
    return process.used().total() + process.ended_children.total();
}

bool shares_files(const Process& process) {
    return process.kind != ProcessKind::qemu && process.tasks.size() == 1;
}

} // namespace

fs::path ProcTree::folder_of(pid_t pid) const {
    return root_ / std::to_string(pid);
}

Result<ProcTree> ProcTree::create(const fs::path& root, const SimulatedHost& host,
                                  DescriptorBudget& budget) {
    ProcTree tree(root, budget);
    tree.cgroup_version_ = host.scenario().host.cgroup;
    if (auto made = make_folder(root); !made) {
        return made.error();
    }
    auto written = tree.write(host);
    return written ? Result<ProcTree>(std::move(tree)) : Result<ProcTree>(written.error());
}

Result<bool> ProcTree::write(const SimulatedHost& host) {
    population_ = &host.population();
    return all([&] { return remove_ended(host); },
               [&]() -> Result<bool> {
                   for (const auto& [pid, process] : population_->processes()) {
                       const auto known = processes_.find(pid);
                       auto done = known == processes_.end() ? add(process)
                                                             : update(known->second, process);
                       if (!done) {
                           return done;
                       }
                   }
                   return true;
               },
               [&] { return write_children(host); },
               // Last: what a process used above is in the machine's time by now, as in the kernel.
               [&] { return write_machine(host); });
}

Result<bool> ProcTree::write_machine(const SimulatedHost& host) {
    constexpr std::uint64_t kBootTime = 1'700'000'000;
    const std::string stat = format_stat(host.grid().cpus(), born_, kBootTime);
    if (!stat_) {
        return all(
            [&] { return put(stat_, root_ / "stat", stat, *budget_, false); },
            [&] { return put(uptime_, root_ / "uptime", format_uptime(host), *budget_, false); });
    }
    return all([&] { return stat_->write(stat); },
               [&] { return uptime_->write(format_uptime(host)); });
}

Result<bool> ProcTree::remove_ended(const SimulatedHost& host) {
    const auto& living = host.population().processes();
    for (auto it = processes_.begin(); it != processes_.end();) {
        const auto process = living.find(it->first);
        if (process != living.end() && process->second.start_ns == it->second.start_ns) {
            ++it;
            continue;
        }
        // Out of sight at once, as a process is; then its files.
        const fs::path hidden = root_ / fmt::format(".old-{}", it->first);
        if (::rename(folder_of(it->first).c_str(), hidden.c_str()) != 0) {
            return system_error(errno, folder_of(it->first).string());
        }
        std::error_code error;
        fs::remove_all(hidden, error);
        it = processes_.erase(it);
    }
    return true;
}

Result<bool> ProcTree::place_identity(const fs::path& folder, const Process& process) const {
    return all([&] { return place_text(folder / "comm", process.comm + "\n", true); },
               [&] { return place_text(folder / "cmdline", format_cmdline(process), true); },
               [&] { return place_text(folder / "status", format_status(process), true); },
               [&]() -> Result<bool> {
                   return cgroup_version_ == CgroupVersion::none
                              ? Result<bool>(true)
                              : place_text(folder / "cgroup",
                                           format_cgroup(cgroup_version_, process.cgroup), true);
               });
}

Result<bool> ProcTree::add(const Process& process) {
    const fs::path hidden = root_ / fmt::format(".new-{}", process.pid);
    const fs::path place = folder_of(process.pid);
    ProcessFiles files;
    files.start_ns = process.start_ns;
    files.comm = process.comm;
    files.shown_ns = total_of(process);
    auto made = all(
        [&] { return make_folder(hidden / "task"); },
        [&] {
            return put(files.stat, hidden / "stat", format_process_stat(process), *budget_, true);
        },
        [&] { return place_identity(hidden, process); },
        [&]() -> Result<bool> {
            Result<bool> added = true;
            for (auto task = process.tasks.begin(); added && task != process.tasks.end(); ++task) {
                added = add_task(hidden, files, process, *task);
            }
            return added;
        },
        [&] {
            return link_file(hidden / "task" / place.filename() / "schedstat",
                             hidden / "schedstat");
        });
    if (!made) {
        return made;
    }
    if (::rename(hidden.c_str(), place.c_str()) != 0) {
        return system_error(errno, place.string());
    }
    files.stat->moved_to(place / "stat");
    for (auto& [tid, task] : files.tasks) {
        task.moved_to(place / "task" / std::to_string(tid));
    }
    processes_.insert_or_assign(process.pid, std::move(files));
    ++born_;
    return true;
}

void ProcTree::TaskFiles::moved_to(const fs::path& folder) {
    schedstat->moved_to(folder / "schedstat");
    if (stat) {
        stat->moved_to(folder / "stat");
    }
}

// In the folder of the process, hidden or not; the thread's own folder appears with its files.
Result<bool> ProcTree::add_task(const fs::path& folder, ProcessFiles& files, const Process& process,
                                const Task& task) {
    const std::string tid = std::to_string(task.tid);
    const fs::path hidden = folder / "task" / (".new-" + tid);
    const fs::path place = folder / "task" / tid;
    const bool is_leader = task.tid == process.pid;
    TaskFiles& own = files.tasks[task.tid];
    own.shown_ns = task.used.total();
    auto made = all(
        [&] { return make_folder(hidden); },
        [&]() -> Result<bool> {
            return shares_files(process) ? link_file(folder / "stat", hidden / "stat")
                                         : put(own.stat, hidden / "stat",
                                               format_task_stat(process, task), *budget_, true);
        },
        [&] {
            return put(own.schedstat, hidden / "schedstat", format_schedstat(task), *budget_, true);
        },
        [&]() -> Result<bool> {
            return is_leader ? link_file(folder / "comm", hidden / "comm")
                             : place_text(hidden / "comm", task.comm + "\n", true);
        },
        [&]() -> Result<bool> {
            const std::string& cgroup = population_->cgroups()[task.cgroup].path;
            return cgroup_version_ == CgroupVersion::none ? Result<bool>(true)
                   : is_leader ? link_file(folder / "cgroup", hidden / "cgroup")
                               : place_text(hidden / "cgroup",
                                            format_cgroup(cgroup_version_, cgroup), true);
        },
        [&] { return place_text(hidden / "children", "", true); },
        [&]() -> Result<bool> {
            return ::rename(hidden.c_str(), place.c_str()) == 0
                       ? Result<bool>(true)
                       : Result<bool>(system_error(errno, place.string()));
        });
    if (made) {
        own.moved_to(place);
    }
    return made;
}

// Threads that were born or ended.
Result<bool> ProcTree::sync_tasks(ProcessFiles& files, const Process& process) {
    const fs::path folder = folder_of(process.pid);
    for (auto it = files.tasks.begin(); it != files.tasks.end();) {
        const bool lives = std::any_of(process.tasks.begin(), process.tasks.end(),
                                       [&it](const Task& task) { return task.tid == it->first; });
        if (lives) {
            ++it;
            continue;
        }
        std::error_code error;
        const fs::path hidden = folder / "task" / (".old-" + std::to_string(it->first));
        fs::rename(folder / "task" / std::to_string(it->first), hidden, error);
        fs::remove_all(hidden, error);
        it = files.tasks.erase(it);
    }
    for (const Task& task : process.tasks) {
        if (!files.tasks.contains(task.tid)) {
            if (auto added = add_task(folder, files, process, task); !added) {
                return added;
            }
        }
    }
    return true;
}

Result<bool> ProcTree::rename(ProcessFiles& files, const Process& process) const {
    const fs::path folder = folder_of(process.pid);
    const fs::path leader = folder / "task" / std::to_string(process.pid);
    files.comm = process.comm;
    return all([&] { return place_text(folder / "comm", process.comm + "\n"); },
               [&] { return link_file(folder / "comm", leader / "comm"); },
               [&] { return place_text(folder / "status", format_status(process)); });
}

Result<bool> ProcTree::update(ProcessFiles& files, const Process& process) {
    // Threads of others live as long as their process.
    if (process.kind == ProcessKind::qemu) {
        if (auto synced = sync_tasks(files, process); !synced) {
            return synced;
        }
    }
    const bool is_renamed = files.comm != process.comm;
    if (is_renamed) {
        if (auto renamed = rename(files, process); !renamed) {
            return renamed;
        }
    }
    const std::uint64_t total = total_of(process);
    if (total == files.shown_ns && !is_renamed) {
        return true;
    }
    files.shown_ns = total;
    for (const Task& task : process.tasks) {
        TaskFiles& own = files.tasks.at(task.tid);
        if (own.shown_ns == task.used.total()) {
            continue;
        }
        own.shown_ns = task.used.total();
        auto written =
            all([&] { return own.schedstat->write(format_schedstat(task)); },
                [&]() -> Result<bool> {
                    return own.stat ? own.stat->write(format_task_stat(process, task)) : true;
                });
        if (!written) {
            return written;
        }
    }
    return files.stat->write(format_process_stat(process));
}

// Of init and kthreadd only: nobody else has children here.
Result<bool> ProcTree::write_children(const SimulatedHost& host) {
    const std::uint64_t generation = host.population().generation();
    if (std::exchange(shown_generation_, generation) == generation) {
        return true;
    }
    std::map<pid_t, std::string> children{{1, {}}, {2, {}}};
    for (const auto& [pid, process] : host.population().processes()) {
        if (process.parent > 0) {
            children[process.parent] += std::to_string(pid) + " ";
        }
    }
    for (const auto& [parent, list] : children) {
        const fs::path folder = folder_of(parent) / "task" / std::to_string(parent);
        if (auto placed = place_text(folder / "children", list); !placed) {
            return placed;
        }
    }
    return true;
}

} // namespace wattvisor::simulated
