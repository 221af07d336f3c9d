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

std::vector<std::string> hostile_names() {
    return {"a\"b'c`d",
            "two\nlines\r\nand # HELP x y\nscaph_host_power_microwatts 1",
            "back\\slash\\",
            "a,b=c{d}e\tf",
            "\x1b[2J\x1b]0;title\a",
            "\xff\xfe\xed\xa0\x80\xc0\x80",                               // no UTF-8 at all
            "\xc3",                                                       // half a character
            "\u202egnp.exe\u2066",                                        // turns the text round
            std::string(60, 'a') + "\u4e2d\u6587" + std::string(60, 'b'), // wide
            "\0hidden"s,
            std::string(100'000, 'x'),
            std::string(100'000, '"'),
            std::string(100'000, '\n'),
            std::string(100'000, '\x80'),
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

void expect_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        ASSERT_NE(length, 0U);
        text.remove_prefix(length);
    }
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
    static const Pattern kLine = whole_line(
        R"(# (HELP|TYPE|UNIT) [a-z_]+ .*|# EOF|[a-z_]+({[a-zA-Z_]+="(\\[\\n"]|[^\\"\n])*"(,[a-zA-Z_]+="(\\[\\n"]|[^\\"\n])*")*})? [-+0-9.e]+)");
    return kLine;
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
            InstanceText text(out, "web1");
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
            Warp10Text text(snapshot.wall, "web1");
            write_to(text, snapshot);
            std::string out;
            for (const PushMessage& message : text.take()) {
                out += message.bytes;
            }
            return out;
        },
        whole_line(R"([0-9]+// [a-z_]+{([A-Za-z_]+=[-A-Za-z0-9_.~%]*,)*host=web1} [-+0-9.]+)"));
}

TEST(HostileNames, AreWholeAtRiemann) {
    for_each_name([](const std::string& name) {
        for (const Snapshot& snapshot : snapshots_with(name)) {
            RiemannEvents events(snapshot.wall, "web1");
            write_to(events, snapshot);
            int count = 0;
            for (const PushMessage& message : events.take()) {
                riemann::Msg decoded;
                ASSERT_TRUE(decoded.ParseFromString(message.bytes.substr(4)));
                for (const riemann::Event& event : decoded.events()) {
                    ++count;
                    expect_utf8(event.service());
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
    expect_whole(
        [&](const Snapshot& snapshot) { return render_stdout_report(snapshot, options); },
        whole_line("[^\\x00-\\x08\\x0a-\\x1f\\x7f\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}]*"));
    for_each_name([&](const std::string& name) {
        for (const Snapshot& snapshot : snapshots_with(name)) {
            for (const std::string& line : lines_of(render_stdout_report(snapshot, options))) {
                EXPECT_LE(columns_of(line), 80U) << line;
            }
        }
    });
}

} // namespace
} // namespace wattvisor
