// SPDX-License-Identifier: Apache-2.0
// Columns are made by tabs, as in Scaphandre's output, which people cut up with scripts. A power
// is 10 to 15 characters wide ("0.000001 W" to "1000.000000 W |"), so one tab always ends on the
// next multiple of 16 and the columns stand straight.
#include "common/export/stdout_report.hpp"

#include "common/cli/duration.hpp"
#include "common/cli/safe_text.hpp"
#include "common/export/metric_sink.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace wattvisor {
namespace {

constexpr std::size_t kRuleWidth = 60;
constexpr std::size_t kSentenceWidth = 70; // beside "Host:", within 80 columns
constexpr std::size_t kExeWidth = 15;      // what the kernel keeps of a name
constexpr std::size_t kVmNameWidth = 30;   // from column 48

struct Domain {
    ZoneKind kind;
    std::string_view title;
};

constexpr std::array<Domain, 3> kDomains{
    {{ZoneKind::core, "core"}, {ZoneKind::dram, "dram"}, {ZoneKind::uncore, "uncore"}}};

std::string bold(std::string_view text, bool colour) {
    return colour ? "\x1b[1m" + std::string(text) + "\x1b[0m" : std::string(text);
}

std::string watts(std::uint64_t microwatts) {
    return MetricValue::watts(microwatts).text() + " W";
}

// Each line of at most kSentenceWidth characters, broken between words, behind a tab.
std::string wrapped(std::string_view text) {
    std::string lines;
    std::size_t width = 0;
    while (!text.empty()) {
        // A word that is too long for any line is broken where it is.
        const std::string_view word = cut_utf8(text.substr(0, text.find(' ')), kSentenceWidth);
        text.remove_prefix(word.size());
        if (text.starts_with(' ')) {
            text.remove_prefix(1);
        }
        const bool fits = width > 0 && width + 1 + word.size() <= kSentenceWidth;
        lines += fits ? " " : "\n\t";
        lines += word;
        width = fits ? width + 1 + word.size() : word.size();
    }
    return lines;
}

std::string host_line(const Snapshot& snapshot, bool colour) {
    const auto power = snapshot.power_uw();
    std::string line = "Host:\t";
    if (snapshot.source_up && power) {
        line += bold(watts(*power), colour);
        line += snapshot.estimated ? " (estimated from CPU use, not measured)" : "";
    } else if (!snapshot.source_up) {
        const std::string& why = snapshot.source_problem;
        line += "power is not known";
        // On lines of their own: reasons are sentences, and end with what to type.
        line += why.empty() ? "" : ":" + wrapped(printable(why));
    } else {
        line += snapshot.measured ? "power is not known: a counter could not be read"
                                  : "power is not known yet: it takes two measurements";
    }
    return line + '\n';
}

struct SocketPower {
    std::optional<std::uint64_t> power_uw;
    bool exists = false;

    void add(const ZoneAccount& account) {
        if (!exists) {
            power_uw = account.power_uw;
        } else if (power_uw && account.power_uw) {
            *power_uw += *account.power_uw;
        } else {
            power_uw.reset(); // a sum with a part missing would be wrong
        }
        exists = true;
    }
};

SocketPower power_of(const Snapshot& snapshot, unsigned socket, ZoneKind kind) {
    SocketPower sum;
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.listed && account.zone.socket == socket && account.zone.kind == kind) {
            sum.add(account);
        }
    }
    return sum;
}

std::vector<unsigned> sockets_of(const Snapshot& snapshot) {
    std::vector<unsigned> sockets;
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.listed && account.zone.kind == ZoneKind::package) {
            sockets.push_back(account.zone.socket);
        }
    }
    std::sort(sockets.begin(), sockets.end());
    sockets.erase(std::unique(sockets.begin(), sockets.end()), sockets.end());
    return sockets;
}

std::vector<Domain> domains_of(const Snapshot& snapshot) {
    std::vector<Domain> present;
    for (const Domain& domain : kDomains) {
        const bool exists = std::any_of(
            snapshot.zones.begin(), snapshot.zones.end(), [&](const ZoneAccount& account) {
                return account.listed && account.zone.kind == domain.kind;
            });
        if (exists) {
            present.push_back(domain);
        }
    }
    return present;
}

std::string domain_titles(const std::vector<Domain>& domains, bool colour) {
    std::string line = "\t" + bold("package ", colour) + '\t';
    for (const Domain& domain : domains) {
        line += bold(domain.title, colour);
        line += domain.kind == domains.back().kind ? "\n" : "\t\t";
    }
    return line;
}

std::string socket_line(const Snapshot& snapshot, unsigned socket,
                        const std::vector<Domain>& domains) {
    const SocketPower package = power_of(snapshot, socket, ZoneKind::package);
    std::string line = "Socket" + std::to_string(socket) + '\t';
    line += package.power_uw ? watts(*package.power_uw) : "----    ";
    line += domains.empty() ? "\n" : " |\t";
    for (const Domain& domain : domains) {
        const SocketPower part = power_of(snapshot, socket, domain.kind);
        line += part.power_uw ? watts(*part.power_uw) : "---     ";
        line += domain.kind == domains.back().kind ? '\n' : '\t';
    }
    return line;
}

std::string socket_lines(const Snapshot& snapshot, bool colour) {
    if (!snapshot.source_up) {
        return {};
    }
    const std::vector<Domain> domains = domains_of(snapshot);
    std::string text = domains.empty() ? "" : domain_titles(domains, colour);
    for (const unsigned socket : sockets_of(snapshot)) {
        text += socket_line(snapshot, socket, domains);
    }
    return text;
}

std::vector<const ConsumerAccount*> biggest(const Snapshot& snapshot, std::size_t count) {
    std::vector<const ConsumerAccount*> found;
    for (const ConsumerAccount& account : snapshot.consumers) {
        if (snapshot.source_up && account.power_uw) {
            found.push_back(&account);
        }
    }
    const auto more = [](const ConsumerAccount* a, const ConsumerAccount* b) {
        return a->power_uw != b->power_uw ? a->power_uw > b->power_uw
                                          : a->consumer->key < b->consumer->key;
    };
    const std::size_t kept = std::min(count, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(kept), found.end(),
                      more);
    found.resize(kept);
    return found;
}

std::string consumer_line(const ConsumerAccount& account, bool qemu) {
    const Consumer& consumer = *account.consumer;
    std::string line = watts(*account.power_uw) + '\t';
    line += consumer.pid > 0 ? std::to_string(consumer.pid) : "-";
    const std::string exe = '"' + printable(consumer.exe, kExeWidth) + '"';
    line += '\t' + exe;
    if (qemu && consumer.kind == ConsumerKind::vm) {
        // Exe begins at column 24, VM at 48: a short exe takes one tab more.
        line += exe.size() < 8 ? "\t\t\t" : exe.size() < 16 ? "\t\t" : "\t";
        line += printable(consumer.name, kVmNameWidth);
    }
    return line + '\n';
}

std::string consumer_lines(const Snapshot& snapshot, const StdoutReportOptions& options) {
    const auto consumers = biggest(snapshot, options.consumers);
    std::string text =
        bold("Top " + std::to_string(options.consumers) + " consumers:", options.colour) + '\n';
    text += options.qemu ? "Power\t\tPID\tExe\t\t\tVM\n" : "Power\t\tPID\tExe\n";
    if (consumers.empty()) {
        text += "The power of no process is known yet.\n";
    }
    for (const ConsumerAccount* account : consumers) {
        text += consumer_line(*account, options.qemu);
    }
    return text;
}

} // namespace

std::string stdout_header(std::chrono::nanoseconds step, bool colour) {
    return bold("Wattvisor stdout exporter", colour) + "\nSending ⚡ metrics\n" +
           "Measurement step is: " + format_duration(step) + "\n\n";
}

std::string render_stdout_report(const Snapshot& snapshot, const StdoutReportOptions& options) {
    std::string text = host_line(snapshot, options.colour);
    text += socket_lines(snapshot, options.colour);
    text += '\n';
    if (options.consumers > 0) {
        text += consumer_lines(snapshot, options);
    }
    text.append(kRuleWidth, '-');
    return text + "\n\n";
}

} // namespace wattvisor
