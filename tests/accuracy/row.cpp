// SPDX-License-Identifier: Apache-2.0
#include "tests/accuracy/row.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace wattvisor::accuracy {

double relative_error(double charged, double truth) {
    if (truth > 0) {
        return std::abs(charged - truth) / truth;
    }
    return charged > 0 ? std::numeric_limits<double>::infinity() : 0;
}

double VmResult::error() const {
    return relative_error(charged, truth);
}

double VmResult::sure_error() const {
    return relative_error(truth + std::max(0.0, std::abs(charged - truth) - doubt), truth);
}

const VmResult& Row::worst() const {
    return *std::max_element(vms.begin(), vms.end(), [](const VmResult& a, const VmResult& b) {
        return a.error() < b.error();
    });
}

double Row::zone_error() const {
    double worst = 0;
    for (const VmResult& vm : vms) {
        worst = std::max(worst, vm.zone_error);
    }
    return worst;
}

bool holds(const Row& row, double bound) {
    return !row.vms.empty() && row.worst().error() <= bound && row.zone_error() <= bound &&
           row.sum_error_uj == 0;
}

std::string text_table(const std::vector<Row>& rows) {
    constexpr double kPercent = 100;
    std::string text = fmt::format(
        "{:<16} {:<6} {:>7} {:>7} {:>4}  {:>9}  {:<14} {:>9} {:>8} {:>10}\n", "load", "source",
        "tick ms", "run s", "VMs", "worst VM", "which", "by zone", "sum µJ", "interval");
    for (const Row& row : rows) {
        const VmResult& worst = row.worst();
        fmt::format_to(
            std::back_inserter(text),
            "{:<16} {:<6} {:>7} {:>7} {:>4} {:>8.3f} %  {:<14} {:>7.3f} % {:>8} {:>8.3f} %\n",
            row.load, row.source,
            std::chrono::duration_cast<std::chrono::milliseconds>(row.interval).count(),
            std::chrono::duration_cast<std::chrono::seconds>(row.length).count(), row.vms.size(),
            kPercent * worst.error(), worst.name, kPercent * row.zone_error(), row.sum_error_uj,
            kPercent * row.interval_error);
    }
    return text;
}

std::string json_rows(const std::vector<Row>& rows) {
    nlohmann::json list = nlohmann::json::array();
    for (const Row& row : rows) {
        nlohmann::json vms = nlohmann::json::array();
        for (const VmResult& vm : row.vms) {
            vms.push_back({{"name", vm.name},
                           {"charged", vm.charged},
                           {"truth", vm.truth},
                           {"error", vm.error()},
                           {"zone_error", vm.zone_error}});
        }
        list.push_back({{"load", row.load},
                        {"source", row.source},
                        {"interval_ms", row.interval / std::chrono::milliseconds(1)},
                        {"length_ms", row.length / std::chrono::milliseconds(1)},
                        {"worst_vm", row.worst().name},
                        {"error", row.worst().error()},
                        {"zone_error", row.zone_error()},
                        {"sum_error_uj", row.sum_error_uj},
                        {"interval_error", row.interval_error},
                        {"vms", std::move(vms)}});
    }
    return list.dump(2) + "\n";
}

} // namespace wattvisor::accuracy
