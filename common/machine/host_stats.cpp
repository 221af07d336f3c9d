// SPDX-License-Identifier: Apache-2.0
#include "common/machine/host_stats.hpp"

#include "common/base/text_file.hpp"
#include "common/machine/disk_space.hpp"
#include "common/usage/cpu_topology.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace wattvisor {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

namespace {

constexpr auto kFrequencyAge = std::chrono::seconds(10);
constexpr auto kDisksAge = std::chrono::seconds(30);
constexpr std::size_t kOneNumber = 64;
constexpr std::size_t kLongestCpuInfo = 8UL << 20U; // some 1.5 kB per CPU

std::optional<double> take_real(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(value) || value < 0) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

// The number behind "KEY", of its line.
std::optional<std::uint64_t> number_behind(std::string_view line, std::string_view key) {
    if (!line.starts_with(key)) {
        return std::nullopt;
    }
    line = trim(line.substr(key.size()));
    return parse_number(line.substr(0, line.find(' ')));
}

bool is_due(std::optional<nanoseconds>& last, nanoseconds now, nanoseconds age) {
    if (last && now - *last < age) {
        return false;
    }
    last = now;
    return true;
}

} // namespace

std::optional<HostStats::Load> parse_loadavg(std::string_view text) {
    const auto one = take_real(text);
    const auto five = one ? take_real(text) : std::nullopt;
    const auto fifteen = five ? take_real(text) : std::nullopt;
    return fifteen ? std::optional(HostStats::Load{*one, *five, *fifteen}) : std::nullopt;
}

std::optional<HostStats::Memory> parse_meminfo(std::string_view text) {
    constexpr std::uint64_t kKibibyte = 1024;
    constexpr std::array<std::string_view, 5> kKeys{
        "MemTotal:", "MemAvailable:", "MemFree:", "SwapTotal:", "SwapFree:"};
    std::array<std::optional<std::uint64_t>, 5> values;
    while (!text.empty()) {
        const std::string_view line = take_until(text, '\n');
        for (std::size_t i = 0; i < kKeys.size(); ++i) {
            if (const auto value = number_behind(line, kKeys[i])) {
                values[i] = *value * kKibibyte;
            }
        }
    }
    if (!values[0] || !values[1] || !values[2]) {
        return std::nullopt;
    }
    return HostStats::Memory{*values[0], *values[1], *values[2], values[3].value_or(0),
                             values[4].value_or(0)};
}

std::optional<HostStats::Activity> parse_activity(std::string_view stat) {
    std::optional<std::uint64_t> forks;
    std::optional<std::uint64_t> switches;
    std::optional<std::uint64_t> running;
    std::optional<std::uint64_t> blocked;
    while (!stat.empty()) {
        const std::string_view line = take_until(stat, '\n');
        if (const auto value = number_behind(line, "processes ")) {
            forks = value;
        } else if (const auto count = number_behind(line, "ctxt ")) {
            switches = count;
        } else if (const auto now = number_behind(line, "procs_running ")) {
            running = now;
        } else if (const auto waiting = number_behind(line, "procs_blocked ")) {
            blocked = waiting;
        }
    }
    if (!forks || !switches || !running || !blocked) {
        return std::nullopt;
    }
    return HostStats::Activity{*forks, *switches, *running, *blocked};
}

std::optional<double> parse_cpuinfo_mhz(std::string_view text) {
    double sum = 0;
    unsigned cpus = 0;
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || trim(line.substr(0, colon)) != "cpu MHz") {
            continue;
        }
        line.remove_prefix(colon + 1);
        if (const auto mhz = take_real(line)) {
            sum += *mhz;
            ++cpus;
        }
    }
    return cpus > 0 ? std::optional(sum / cpus) : std::nullopt;
}

HostStatsReader::HostStatsReader(fs::path proc_root, fs::path sys_root)
    : proc_root_(std::move(proc_root)),
      sys_root_(std::move(sys_root)), loadavg_{proc_root_ / "loadavg"},
      meminfo_{proc_root_ / "meminfo"}, stat_{proc_root_ / "stat"} {}

std::optional<std::string_view> HostStatsReader::text_of(OpenFile& file) {
    if (!file.fd) {
        auto opened = open_for_reading(file.path);
        if (!opened) {
            return std::nullopt;
        }
        file.fd = std::move(*opened);
    }
    const auto text = reread(file.fd.get(), buffer_, file.path);
    return text ? std::optional(*text) : std::nullopt;
}

// By cpufreq, in kHz; where there is none, as in VMs, what the processor's text says.
void HostStatsReader::read_cpus() {
    constexpr double kKilo = 1000;
    const fs::path folder = sys_root_ / "devices/system/cpu";
    const auto online = read_text(folder / "online");
    const auto cpus = online ? parse_cpu_list(trim(*online)) : std::nullopt;
    stats_.cpus =
        cpus && !cpus->empty() ? std::optional(static_cast<unsigned>(cpus->size())) : std::nullopt;
    double sum_khz = 0;
    unsigned known = 0;
    for (const unsigned cpu : cpus.value_or(std::vector<unsigned>())) {
        const auto text = read_text(
            folder / ("cpu" + std::to_string(cpu)) / "cpufreq/scaling_cur_freq", kOneNumber);
        const auto khz = text ? parse_number(*text) : std::nullopt;
        if (!khz) {
            break; // where one has none, none has
        }
        sum_khz += static_cast<double>(*khz);
        ++known;
    }
    if (known > 0) {
        stats_.cpu_mhz = sum_khz / known / kKilo;
        return;
    }
    const auto text = read_text(proc_root_ / "cpuinfo", kLongestCpuInfo);
    stats_.cpu_mhz = text ? parse_cpuinfo_mhz(*text) : std::nullopt;
}

void HostStatsReader::read(nanoseconds now) {
    const auto load = text_of(loadavg_);
    stats_.load = load ? parse_loadavg(*load) : std::nullopt;
    const auto memory = text_of(meminfo_);
    stats_.memory = memory ? parse_meminfo(*memory) : std::nullopt;
    const auto stat = text_of(stat_);
    stats_.activity = stat ? parse_activity(*stat) : std::nullopt;
    if (is_due(frequency_at_, now, kFrequencyAge)) {
        read_cpus();
    }
    if (is_due(disks_at_, now, kDisksAge)) {
        stats_.disks = read_disks(proc_root_, sys_root_);
    }
}

} // namespace wattvisor
