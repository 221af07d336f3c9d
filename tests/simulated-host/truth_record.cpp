// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/truth_record.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace wattvisor::simulated {

std::string truth_line(const UpdateTime& update, const std::vector<SimulatedZone>& zones) {
    std::string line = fmt::format(R"({{"update":{},"begin_ns":{},"end_ns":{},"zones":[)",
                                   update.number, update.begin.count(), update.end.count());
    const char* separator = "";
    for (const SimulatedZone& zone : zones) {
        line += fmt::format(
            R"({}{{"folder":"{}","name":"{}","total_uj":{},"energy_uj":{},"wraps":{}}})", separator,
            zone.folder, zone.name, zone.total_uj, zone.counter.shown_uj, zone.counter.wraps);
        separator = ",";
    }
    return line + "]}\n";
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

Result<bool> TruthRecord::add(const UpdateTime& update, const std::vector<SimulatedZone>& zones) {
    if (!file_) {
        return true;
    }
    const std::string line = truth_line(update, zones);
    const ssize_t written = ::write(file_.get(), line.data(), line.size());
    if (written < 0 || static_cast<std::size_t>(written) != line.size()) {
        return system_error(written < 0 ? errno : ENOSPC, where_);
    }
    return true;
}

} // namespace wattvisor::simulated
