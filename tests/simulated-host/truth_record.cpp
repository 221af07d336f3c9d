// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/truth_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <string_view>
#include <unistd.h>

namespace wattvisor::simulated {

namespace {

constexpr std::array<std::string_view, kComponents> kComponentNames{
    "vcpu",      "emulator", "iothread", "worker", "vhost",
    "virtiofsd", "swtpm",    "passt",    "slirp",  "process"};

std::string in_quotes(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

std::string list_of(const SocketNanos& times) {
    return fmt::format("[{}]", fmt::join(times, ","));
}

std::string list_of(const std::vector<Energy>& energies) {
    std::string text = "[";
    for (const Energy& energy : energies) {
        fmt::format_to(std::back_inserter(text), "{}{}.{:09}", text.size() > 1 ? "," : "",
                       energy.uj(), energy.rest_fj());
    }
    return text + "]";
}

std::string list_of(const std::vector<BankZone>& zones) {
    std::string text = "[";
    for (const BankZone& zone : zones) {
        fmt::format_to(std::back_inserter(text),
                       R"({}{{"folder":"{}","name":"{}","total_uj":{},"energy_uj":{},"wraps":{}}})",
                       text.size() > 1 ? "," : "", zone.folder, zone.name, zone.total.uj(),
                       zone.shown_uj(), zone.wraps);
    }
    return text + "]";
}

std::string list_of(const std::array<SocketNanos, kComponents>& components) {
    std::string text = "{";
    for (std::size_t i = 0; i < components.size(); ++i) {
        if (std::any_of(components[i].begin(), components[i].end(),
                        [](std::uint64_t nanos) { return nanos > 0; })) {
            fmt::format_to(std::back_inserter(text), R"({}"{}":{})", text.size() > 1 ? "," : "",
                           kComponentNames[i], list_of(components[i]));
        }
    }
    return text + "}";
}

std::string usage_of(const ConsumerTruth& consumer) {
    return fmt::format(R"("cpu_ns":{},"energy_uj":{})", list_of(consumer.cpu),
                       list_of(consumer.energy));
}

std::string vm_of(const ConsumerTruth& vm) {
    return fmt::format(R"({{"uuid":"{}","name":{},"pid":{},{},"components":{}}})", vm.key,
                       in_quotes(vm.name), vm.pid, usage_of(vm), list_of(vm.components));
}

std::string process_of(const ConsumerTruth& process) {
    const std::string vm = process.vm.empty() ? "" : fmt::format(R"("vm":"{}",)", process.vm);
    return fmt::format(R"({{"key":"{}","name":{},{}"ended":{},{}}})", process.key,
                       in_quotes(process.name), vm, process.ended, usage_of(process));
}

std::string head(const UpdateTime& update) {
    return fmt::format(R"({{"update":{},"begin_ns":{},"end_ns":{},)", update.number,
                       update.begin.count(), update.end.count());
}

template <typename Format>
std::string list_of(const std::vector<ConsumerTruth>& consumers, Format format) {
    std::string text = "[";
    for (const ConsumerTruth& each : consumers) {
        text += text.size() > 1 ? "," : "";
        text += format(each);
    }
    return text + "]";
}

} // namespace

std::string truth_line(const UpdateTime& update, const std::vector<BankZone>& zones) {
    return head(update) + R"("zones":)" + list_of(zones) + "}\n";
}

std::string truth_line(const UpdateTime& update, const HostTruth& truth) {
    std::string line = head(update);
    fmt::format_to(std::back_inserter(line), R"("now_ns":{},"boot_ns":{},"zones":{},"vms":{},)",
                   truth.now.count(), truth.since_boot.count(), list_of(truth.zones),
                   list_of(truth.vms, vm_of));
    fmt::format_to(std::back_inserter(line),
                   R"("processes":{},"other":{{{}}},"ended":{{{}}},"idle":{{{}}}}})",
                   list_of(truth.processes, process_of), usage_of(truth.other),
                   usage_of(truth.ended), usage_of(truth.idle));
    return line + "\n";
}

Result<TruthRecord> TruthRecord::create(const std::filesystem::path& path) {
    TruthRecord record;
    record.where_ = path.string();
    record.file_ = FileDescriptor(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
    if (!record.file_) {
        return system_error(errno, record.where_);
    }
    return record;
}

Result<bool> TruthRecord::add(const std::string& line) {
    if (!file_) {
        return true;
    }
    const ssize_t written = ::write(file_.get(), line.data(), line.size());
    if (written < 0 || static_cast<std::size_t>(written) != line.size()) {
        return system_error(written < 0 ? errno : ENOSPC, where_);
    }
    return true;
}

} // namespace wattvisor::simulated
