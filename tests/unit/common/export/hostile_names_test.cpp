// SPDX-License-Identifier: Apache-2.0
// Names and command lines are chosen by whoever runs a process or owns a VM. Each of them goes
// through every exporter here, and what comes out is held against the grammar of its format.
#include "common/base/pattern.hpp"
#include "common/cli/display_width.hpp"
#include "common/cli/safe_text.hpp"
#include "common/export/json_report.hpp"
#include "common/export/metrics.hpp"
#include "common/export/open_metrics_text.hpp"
#include "common/export/push/prometheus_push.hpp"
#include "common/export/push/riemann.pb.h"
#include "common/export/push/riemann_events.hpp"
#include "common/export/push/warp10.hpp"
#include "common/export/raw_metrics.hpp"
#include "common/export/stdout_report.hpp"
#include "sample_snapshot.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

namespace wattvisor {
namespace {

using namespace std::string_literals;

std::string every_byte() {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    return all;
}

std::string repeated(std::string_view text, std::size_t count) {
    std::string all;
    for (; count > 0; --count) {
        all += text;
    }
    return all;
}

std::vector<std::string> hostile_names() {
    return {"a\"b'c`d",
            "two\nlines\r\nand # HELP x y\nscaph_host_power_microwatts 1",
            "back\\slash\\",
            "a,b=c{d}e\tf",
            "\x1b[2J\x1b]0;title\a\x7f",
            "\u009b2J\u0085x\u2028y\u2029", // C1's escape, and other ends of a line
            "\ufeffa\u200b\U0010ffff\ufffe",
            std::string(200, '\t'),
            "a\rb\vc\f",
            "\xff\xfe\xed\xa0\x80\xc0\x80",                               // no UTF-8 at all
            "\xc3",                                                       // half a character
            "\u202egnp.exe\u2066",                                        // turns the text round
            std::string(60, 'a') + "\u4e2d\u6587" + std::string(60, 'b'), // wide
            "\0hidden"s,
            std::string(100'000, 'x'),
            std::string(100'000, '"'),
            std::string(100'000, '\n'),
            std::string(100'000, '\x80'),
            "100,000 accents on one letter" + repeated("\u0301", 100'000),
            every_byte(),
            "",
            " ",
            "--option",
            "$(reboot)",
            "%s%n"};
}

// A guest whose process, and a host whose VM, has the name wherever a name may be.
std::vector<Snapshot> snapshots_with(const std::string& name) {
    auto container = std::make_shared<Container>();
    container->id = "abc";
    container->runtime = "docker";
    container->name = name;
    container->pod_name = name;
    container->labels = {{"container_label_x", name}};
    std::vector<Snapshot> snapshots{test::guest_snapshot(), test::host_snapshot()};
    for (Snapshot& snapshot : snapshots) {
        auto who = std::make_shared<Consumer>(*snapshot.consumers.front().consumer);
        who->name = who->exe = who->cmdline = who->title = name;
        if (who->kind == ConsumerKind::process) {
            who->container = container;
            who->systemd_unit = name;
        }
        snapshot.consumers.front().consumer = who;
        snapshot.units = {{name, nullptr, 1, 2}};
        snapshot.containers = {{"abc", container, 1, 2}};
    }
    return snapshots;
}

// The machine may be called so too; uname(2) holds no more.
std::string host_of(const Snapshot& snapshot) {
    return snapshot.consumers.front().consumer->name.substr(0, 64);
}

MetricOptions every_label() {
    MetricOptions options;
    options.qemu = true;
    options.containers = true;
    return options;
}

void write_to(MetricSink& sink, const Snapshot& snapshot) {
    HostStats host;
    host.disks = {Disk{"/dev/sda", snapshot.units[0].name, "ext4", "SSD", false, 1, 1}};
    write_metrics(snapshot, every_label(), {}, sink, host);
}

// Not with our own reader of UTF-8: RE2 finds no character in what is none.
void expect_utf8(std::string_view text) {
    static const Pattern all_text = Pattern::parse("^(?s:.)*$").value();
    EXPECT_TRUE(all_text.found_in(text));
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

Pattern whole_line(const std::string& grammar) {
    return Pattern::parse("^(?:" + grammar + ")$").value();
}

// The same lines as of a harmless name: none is forged, and none is lost.
void expect_lines(const std::string& text, const std::string& harmless, const Pattern& grammar) {
    expect_utf8(text);
    EXPECT_LT(text.size(), harmless.size() + 500'000);
    const auto lines = lines_of(text);
    EXPECT_EQ(lines.size(), lines_of(harmless).size());
    for (const std::string& line : lines) {
        EXPECT_TRUE(grammar.found_in(line)) << line.substr(0, 300);
    }
}

template <typename Check>
void for_each_name(Check check) {
    for (const std::string& name : hostile_names()) {
        SCOPED_TRACE(printable(name, 60));
        check(name);
    }
}

// What `render` makes of a snapshot with each name, and with a harmless one.
template <typename Render>
void expect_whole(Render render, const Pattern& grammar) {
    const auto harmless = snapshots_with("harmless");
    for_each_name([&](const std::string& name) {
        const auto hostile = snapshots_with(name);
        for (std::size_t i = 0; i < hostile.size(); ++i) {
            expect_lines(render(hostile[i]), render(harmless[i]), grammar);
        }
    });
}

const Pattern& exposition_line() {
    static const Pattern line = whole_line(
        R"(# (HELP|TYPE|UNIT) [a-z_]+ .*|# EOF|[a-z_]+({[a-zA-Z_]+="(\\[\\n"]|[^\\"\n])*"(,[a-zA-Z_]+="(\\[\\n"]|[^\\"\n])*")*})? [-+0-9.e]+)");
    return line;
}

const Pattern& warp10_line() {
    static const std::string label = "[A-Za-z_]+=([-A-Za-z0-9_.~]|%[0-9A-F]{2})+";
    static const Pattern line =
        whole_line("[0-9]+// [a-z_]+{(" + label + "(," + label + ")*)?} -?[0-9]+(\\.[0-9]+)?");
    return line;
}

// No control but the tab, no end of a line, no mark that turns the text round.
const Pattern& terminal_line() {
    static const Pattern line = whole_line(
        R"([^\x00-\x08\x0a-\x1f\x7f-\x{9f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}]*)");
    return line;
}

TEST(HostileNames, AreHeldAgainstGrammarsThatRefuse) {
    for (const char* line : {R"(a{b="c"d"} 1)", R"(a{b="\c"} 1)", "a{b=\"\xff\"} 1", "a b", ""}) {
        EXPECT_FALSE(exposition_line().found_in(line)) << line;
    }
    for (const char* line : {"1// a{b=c d} 1", "1// a{b=%2g} 1", "1// a{b=c,} 1", "1// a{b=c} x"}) {
        EXPECT_FALSE(warp10_line().found_in(line)) << line;
    }
    for (const char* line : {"\x1b[2J", "\u009b2J", "a\rb", "\u202e", "\xff"}) {
        EXPECT_FALSE(terminal_line().found_in(line)) << printable(line);
    }
    EXPECT_TRUE(terminal_line().found_in("1 W\t\"é中\""));
}

TEST(HostileNames, AreWholeInPrometheusText) {
    expect_whole(
        [](const Snapshot& snapshot) {
            std::string out;
            PrometheusText text(out);
            write_to(text, snapshot);
            return out;
        },
        exposition_line());
}

TEST(HostileNames, AreWholeInOpenMetrics) {
    expect_whole(
        [](const Snapshot& snapshot) {
            std::string out;
            OpenMetricsText text(out);
            write_to(text, snapshot);
            text.finish();
            return out;
        },
        exposition_line());
}

TEST(HostileNames, AreWholeAtAPushgateway) {
    expect_whole(
        [](const Snapshot& snapshot) {
            std::string out;
            const std::string host = host_of(snapshot);
            InstanceText text(out, host);
            write_to(text, snapshot);
            return out;
        },
        exposition_line());
    const Pattern path = whole_line("(/[-_.=@A-Za-z0-9]+)+");
    for_each_name([&path](const std::string& name) {
        EXPECT_TRUE(path.found_in(pushgateway_path("metrics", name, name)));
    });
}

TEST(HostileNames, AreWholeInRawMetrics) {
    expect_whole(
        [](const Snapshot& snapshot) {
            std::string out;
            RawMetrics text(out);
            write_to(text, snapshot);
            return out;
        },
        whole_line("[a-z_]+ = [-+0-9.e]+ {[\\x20-\\x7e]*} # .*"));
}

TEST(HostileNames, AreWholeAtWarp10) {
    expect_whole(
        [](const Snapshot& snapshot) {
            const std::string host = host_of(snapshot);
            Warp10Text text(snapshot.wall, host);
            write_to(text, snapshot);
            std::string out;
            for (const PushMessage& message : text.take()) {
                out += message.bytes;
            }
            return out;
        },
        warp10_line());
}

TEST(HostileNames, AreWholeAtRiemann) {
    for_each_name([](const std::string& name) {
        for (const Snapshot& snapshot : snapshots_with(name)) {
            const std::string host = host_of(snapshot);
            RiemannEvents events(snapshot.wall, host);
            write_to(events, snapshot);
            int count = 0;
            for (const PushMessage& message : events.take()) {
                riemann::Msg decoded;
                ASSERT_TRUE(decoded.ParseFromString(message.bytes.substr(4)));
                for (const riemann::Event& event : decoded.events()) {
                    ++count;
                    expect_utf8(event.service());
                    expect_utf8(event.host());
                    expect_utf8(event.description());
                    for (const riemann::Attribute& attribute : event.attributes()) {
                        expect_utf8(attribute.value());
                    }
                }
            }
            EXPECT_GT(count, 50);
        }
    });
}

TEST(HostileNames, AreWholeInJson) {
    for_each_name([](const std::string& name) {
        for (const Snapshot& snapshot : snapshots_with(name)) {
            JsonReportOptions options;
            options.containers = true;
            const std::string text = render_json_report(snapshot, {}, options);
            expect_utf8(text);
            const auto parsed = nlohmann::json::parse(text); // throws where it is none
            EXPECT_FALSE(parsed.at("consumers").empty());
        }
    });
}

// Columns are tabs, as in Scaphandre's layout.
std::size_t columns_of(const std::string& line) {
    std::size_t columns = 0;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) {
        columns += display_width(cell);
        columns += cells.eof() ? 0 : 8 - columns % 8;
    }
    return columns;
}

TEST(HostileNames, CannotWriteToTheTerminal) {
    StdoutReportOptions options;
    options.qemu = true;
    options.containers = true;
    const auto report = [&](const Snapshot& snapshot) {
        Snapshot down = snapshot;
        test::take_source_down(down, snapshot.consumers.front().consumer->name);
        // Reasons take as many lines as they need.
        std::string why = render_stdout_report(down, options);
        std::ranges::replace(why, '\n', ' ');
        return render_stdout_report(snapshot, options) + why;
    };
    expect_whole(report, terminal_line());
    for_each_name([&](const std::string& name) {
        for (Snapshot& snapshot : snapshots_with(name)) {
            std::string text = render_stdout_report(snapshot, options);
            test::take_source_down(snapshot, name);
            text += render_stdout_report(snapshot, options);
            for (const std::string& line : lines_of(text)) {
                EXPECT_LE(columns_of(line), 80U) << line;
            }
        }
    });
}

} // namespace
} // namespace wattvisor
