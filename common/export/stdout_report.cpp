// SPDX-License-Identifier: Apache-2.0
// Columns are made by tabs, as in Scaphandre's output, which people cut up with scripts. A power
// is 10 to 15 characters wide ("0.000001 W" to "1000.000000 W |"), so one tab always ends on the
// next multiple of 16 and the columns stand straight.
#include "common/export/stdout_report.hpp"

#include "common/cli/display_width.hpp"
#include "common/cli/duration.hpp"
#include "common/cli/safe_text.hpp"
#include "common/export/consumer_filter.hpp"
#include "common/export/metric_sink.hpp"
#include "common/export/socket_power.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace wattvisor {
namespace {

constexpr std::size_t kRuleWidth = 60;
constexpr std::size_t kSentenceWidth = 70; // beside "Host:", within 80 columns
constexpr std::size_t kExeWidth = 15;      // what the kernel keeps of a name
constexpr std::size_t kPlaceWidth = 30;    // from column 48
constexpr std::size_t kRegexWidth = 50;

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

// Cut to so many columns of the terminal, of which some characters take two.
std::string shown(std::string_view text, std::size_t columns) {
    const std::string safe = printable(text);
    return fit_columns(safe, std::min(display_width(safe), columns));
}

// Exe begins at column 24, the last column at 48.
std::string tabs_behind_exe(std::size_t width) {
    return width < 8 ? "\t\t\t" : width < 16 ? "\t\t" : "\t";
}

// What the process is or runs in: a virtual machine, a container, or neither.
std::string_view place_of(const Consumer& consumer, const StdoutReportOptions& options) {
    if (options.qemu && consumer.kind == ConsumerKind::vm) {
        return consumer.name;
    }
    if (options.containers && consumer.container) {
        const Container& container = *consumer.container;
        return container.name.empty() ? container.id : container.name;
    }
    return {};
}

std::string consumer_line(const ConsumerAccount& account, const StdoutReportOptions& options) {
    const Consumer& consumer = *account.consumer;
    std::string line = watts(*account.power_uw) + '\t';
    line += consumer.pid > 0 ? std::to_string(consumer.pid) : "-";
    const std::string exe = '"' + shown(consumer.exe, kExeWidth) + '"';
    line += '\t' + exe;
    if (const std::string_view place = place_of(consumer, options); !place.empty()) {
        line += tabs_behind_exe(display_width(exe));
        line += shown(place, kPlaceWidth);
    }
    return line + '\n';
}

std::string column_titles(const StdoutReportOptions& options) {
    std::string line = "Power\t\tPID\tExe";
    if (options.qemu || options.containers) {
        line += tabs_behind_exe(0);
        line += options.qemu ? "VM" : "";
        line += options.qemu && options.containers ? " or container" : "";
        line += !options.qemu ? "Container" : "";
    }
    return line + '\n';
}

std::string consumer_lines(const Snapshot& snapshot, const StdoutReportOptions& options) {
    ConsumerFilter filter;
    filter.process = options.regex;
    if (!filter.process) {
        filter.top = options.consumers;
    }
    const std::string title =
        options.regex ? "Processes filtered by '" + shown(options.regex->text(), kRegexWidth) + "':"
                      : "Top " + std::to_string(options.consumers) + " consumers:";
    std::string text = bold(title, options.colour) + '\n' + column_titles(options);
    const auto consumers = biggest_consumers(snapshot, filter);
    if (consumers.empty()) {
        text += options.regex ? "No process is found by it, or the power of none is known yet.\n"
                              : "The power of no process is known yet.\n";
    }
    for (const ConsumerAccount* account : consumers) {
        text += consumer_line(*account, options);
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
    if (options.consumers > 0 || options.regex) {
        text += consumer_lines(snapshot, options);
    }
    text.append(kRuleWidth, '-');
    return text + "\n\n";
}

} // namespace wattvisor
