// SPDX-License-Identifier: Apache-2.0
// wattvisor-bench-bare-calls: the system calls without which a tick cannot be, once a second, and
// nothing else: no sums, no texts, no ledger. What a tick costs on a machine is to be seen beside
// what these cost there. Runs until it is killed.
//
// wattvisor-bench-bare-calls host COUNTERS PIDS SHARES: reads the energy counters and each VM's
// process clock, and writes each VM's share, as the agent left it
// wattvisor-bench-bare-calls guest COUNTERS: reads the counters, lists /proc and reads the clock of
// each process
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct File {
    int fd;
    std::size_t size;
};

// All files of that name below the folder, each once whatever its number of names.
std::vector<File> open_all(const fs::path& folder, std::string_view name, int flags) {
    std::vector<File> files;
    std::set<std::pair<dev_t, ino_t>> seen;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().filename() != name) {
            continue;
        }
        const int fd = ::open(entry.path().c_str(), flags | O_CLOEXEC);
        struct stat status {};
        if (fd < 0 || ::fstat(fd, &status) != 0) {
            std::perror(entry.path().c_str());
            std::exit(EXIT_FAILURE);
        }
        if (seen.emplace(status.st_dev, status.st_ino).second) {
            files.push_back({fd, static_cast<std::size_t>(status.st_size)});
        } else {
            ::close(fd);
        }
    }
    return files;
}

std::vector<pid_t> read_pids(const fs::path& folder) {
    std::vector<pid_t> pids;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".pid") {
            pid_t pid = 0;
            std::ifstream(entry.path()) >> pid;
            pids.push_back(pid);
        }
    }
    return pids;
}

std::vector<pid_t> list_processes() {
    std::vector<pid_t> pids;
    DIR* const listing = ::opendir("/proc");
    while (const dirent* entry = listing == nullptr ? nullptr : ::readdir(listing)) {
        const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
        if (pid > 0) {
            pids.push_back(pid);
        }
    }
    ::closedir(listing);
    return pids;
}

// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of include/linux/posix-timers.h. The library's
// clock_getcpuclockid() would look whether there is such a process: one call more.
clockid_t clock_of(pid_t pid) {
    return static_cast<clockid_t>(~static_cast<unsigned>(pid) << 3U | 2U);
}

void read_clocks(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids) {
        timespec time{};
        ::clock_gettime(clock_of(pid), &time);
    }
}

void read_counters(const std::vector<File>& files) {
    std::array<char, 128> buffer{};
    for (const File& file : files) {
        if (::pread(file.fd, buffer.data(), buffer.size(), 0) < 0) {
            std::perror("an energy counter");
        }
    }
}

void write_share(const std::vector<File>& files) {
    static const std::string text(4096, '\n');
    for (const File& file : files) {
        if (::pwrite(file.fd, text.data(), std::min(file.size, text.size()), 0) < 0) {
            std::perror("a share's file");
        }
    }
}

// By the clock, as a meter does.
void wait_for_next_second() {
    timespec next{};
    ::clock_gettime(CLOCK_MONOTONIC, &next);
    ++next.tv_sec;
    next.tv_nsec = 0;
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
}

[[noreturn]] void run_host(const char* counters_folder, const char* pid_folder,
                           const char* share_folder) {
    const std::vector<File> counters = open_all(counters_folder, "energy_uj", O_RDONLY);
    const std::vector<pid_t> pids = read_pids(pid_folder);
    std::vector<std::vector<File>> shares;
    for (const auto& entry : fs::directory_iterator(share_folder)) {
        shares.push_back(open_all(entry.path(), "energy_uj", O_WRONLY));
        for (const File& file : open_all(entry.path(), "snapshot", O_WRONLY)) {
            shares.back().push_back(file);
        }
    }
    while (true) {
        wait_for_next_second();
        read_counters(counters);
        read_clocks(pids);
        for (const auto& files : shares) {
            write_share(files);
        }
    }
}

[[noreturn]] void run_guest(const char* counters_folder) {
    const std::vector<File> counters = open_all(counters_folder, "energy_uj", O_RDONLY);
    while (true) {
        wait_for_next_second();
        read_counters(counters);
        read_clocks(list_processes());
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv, argv + argc);
    if (argc == 5 && arguments[1] == "host") {
        run_host(argv[2], argv[3], argv[4]);
    }
    if (argc == 3 && arguments[1] == "guest") {
        run_guest(argv[2]);
    }
    std::fprintf(stderr, "usage: %s host COUNTERS PIDS SHARES | guest COUNTERS\n", argv[0]);
    return EXIT_FAILURE;
}
