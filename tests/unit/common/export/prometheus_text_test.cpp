// SPDX-License-Identifier: Apache-2.0
#include "common/cli/safe_text.hpp"
#include "common/export/prometheus_text.hpp"
#include "families.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <clocale>
#include <cstdio>
#include <fstream>
#include <locale>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace wattvisor {
namespace {

using test::build_families;
using test::Family;
using test::render_prometheus;
using namespace std::string_literals;
using testing::HasSubstr;

std::string with_label(const std::string& value) {
    const Family family{
        "f", "Help", MetricType::gauge, {{{{"l", value}}, MetricValue::integer(1)}}};
    return render_prometheus(std::span(&family, 1));
}

std::string series_with(const std::string& escaped) {
    return "# HELP f Help\n# TYPE f gauge\nf{l=\"" + escaped + "\"} 1\n";
}

struct Verdict {
    int exit_code = -1;
    std::string remarks;
};

Verdict promtool(const std::string& metrics) {
    const std::string path = testing::TempDir() + "wattvisor-" + std::to_string(::getpid());
    std::ofstream(path, std::ios::binary) << metrics;
    const std::string command = WATTVISOR_PROMTOOL " check metrics < " + path + " 2>&1";
    Verdict verdict;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) {
        return verdict;
    }
    std::array<char, 4096> chunk{};
    for (std::size_t got = 0; (got = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
        verdict.remarks.append(chunk.data(), got);
    }
    const int status = ::pclose(pipe);
    verdict.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ::unlink(path.c_str());
    return verdict;
}

// Exit 0 or 3 (remarks on style) is a text that Prometheus reads; 1 is one that it refuses.
// Remarks may be about Scaphandre's names only: those are what they are.
constexpr int kRemarks = 3;

void expect_good(const std::string& metrics, int exit_code = kRemarks) {
    const Verdict verdict = promtool(metrics);
    EXPECT_EQ(verdict.exit_code, exit_code) << verdict.remarks;
    std::istringstream lines(verdict.remarks);
    for (std::string line; std::getline(lines, line);) {
        // One of ours counts microjoules on purpose.
        EXPECT_TRUE(line.starts_with("scaph_") ||
                    line.starts_with("wattvisor_conservation_error_microjoules "))
            << line;
    }
}

SelfStats self_stats() {
    return SelfStats{SelfMemory{1000, 200, 100}, 0.25};
}

MetricOptions every_option() {
    MetricOptions options;
    options.qemu = true;
    options.snapshot_age = std::chrono::milliseconds(20);
    return options;
}

TEST(PrometheusText, WritesHelpAndTypeOncePerFamily) {
    const Family family{"f",
                        "Two\\lines\nof \"help\"",
                        MetricType::counter,
                        {{{{"a", "1"}, {"b", "2"}}, MetricValue::joules(5)},
                         {{{"a", "2"}, {"b", "3"}}, MetricValue::joules(6)}}};
    EXPECT_EQ(render_prometheus(std::span(&family, 1)), "# HELP f Two\\\\lines\\nof \"help\"\n"
                                                        "# TYPE f counter\n"
                                                        "f{a=\"1\",b=\"2\"} 0.000005\n"
                                                        "f{a=\"2\",b=\"3\"} 0.000006\n");
}

TEST(PrometheusText, LeavesOutAFamilyWithoutSamples) {
    const Family family{"f", "Help", MetricType::gauge, {}};
    EXPECT_EQ(render_prometheus(std::span(&family, 1)), "");
}

// Scaphandre #175, #204: a quote or a newline in a command line broke the whole page.
TEST(PrometheusText, EscapesWhatTheFormatUses) {
    EXPECT_EQ(with_label("a\"b"), series_with("a\\\"b"));
    EXPECT_EQ(with_label("a\nb"), series_with("a\\nb"));
    EXPECT_EQ(with_label("a\\b"), series_with("a\\\\b"));
    EXPECT_EQ(with_label("\\\"\n"), series_with("\\\\\\\"\\n"));
    EXPECT_EQ(with_label("x\"} 1\nscaph_host_power_microwatts 0 #"),
              series_with("x\\\"} 1\\nscaph_host_power_microwatts 0 #"));
}

TEST(PrometheusText, ReplacesBytesThatAreNoText) {
    EXPECT_EQ(with_label("a\xFFz"), series_with("a\xEF\xBF\xBDz"));
    EXPECT_EQ(with_label("\xE2\x82"), series_with("\xEF\xBF\xBD\xEF\xBF\xBD"));
    EXPECT_EQ(with_label("Grüße 😀"), series_with("Grüße 😀"));
}

TEST(PrometheusText, IsTheSameFromASnapshotAndFromFamilies) {
    const auto families = build_families(test::host_snapshot(), every_option(), self_stats());
    EXPECT_EQ(render_prometheus(families),
              render_prometheus(test::host_snapshot(), every_option(), self_stats()));
}

// A locale whose decimal point is a comma, and which groups digits, without one being installed.
class GermanNumbers final : public std::numpunct<char> {
protected:
    [[nodiscard]] char do_decimal_point() const override { return ','; }
    [[nodiscard]] char do_thousands_sep() const override { return '.'; }
    [[nodiscard]] std::string do_grouping() const override { return "\3"; }
};

TEST(PrometheusText, IsTheSameInEveryLocale) {
    const auto render = [] {
        return render_prometheus(test::host_snapshot(), every_option(), self_stats());
    };
    const std::string before = render();
    const std::locale old = std::locale::global(std::locale(std::locale(), new GermanNumbers));
    const std::string c_locale = std::setlocale(LC_ALL, nullptr);
    // Only where it is installed; C++'s own is changed in any case.
    std::setlocale(LC_ALL, "de_DE.UTF-8");
    const std::string after = render();
    std::setlocale(LC_ALL, c_locale.c_str());
    std::locale::global(old);
    EXPECT_EQ(before, after);
}

TEST(Promtool, ReadsWhatTheHostAgentOffers) {
    expect_good(render_prometheus(test::host_snapshot(), every_option(), self_stats()));
}

TEST(Promtool, ReadsWhatTheGuestAgentOffers) {
    expect_good(render_prometheus(test::guest_snapshot(), every_option(), self_stats()));
}

TEST(Promtool, ReadsWhatIsOfferedWhileTheSourceIsDown) {
    Snapshot snapshot = test::guest_snapshot();
    test::take_source_down(snapshot, "gone");
    expect_good(render_prometheus(snapshot, every_option(), self_stats()));
    expect_good(render_prometheus(Snapshot{}, {}, {}), 3);
}

std::string every_byte() {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    return all;
}

TEST(Promtool, ReadsHostileNames) {
    Snapshot snapshot = test::guest_snapshot();
    const std::array<std::string, 6> names{
        "a\"b\\c\nd\"} 1\n# TYPE x", "\xFF\xFE\xED\xA0\x80",       "\0\x01\x1b[2J"s,
        std::string(100'000, '"'),   std::string(100'000, '\x80'), every_byte()};
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (const ConsumerKind kind : {ConsumerKind::process, ConsumerKind::vm}) {
            const pid_t pid = static_cast<pid_t>(1000 + 2 * i) + (kind == ConsumerKind::vm ? 1 : 0);
            Consumer who{kind, std::to_string(pid), names[i], names[i], pid, names[i], names[i], 1,
                         true};
            snapshot.consumers.push_back(
                {std::make_shared<const Consumer>(who), {1, 2, 3}, {}, 7, {}});
        }
    }
    const std::string text = render_prometheus(snapshot, every_option(), self_stats());
    expect_good(text);
    EXPECT_LT(text.size(), 500'000U);
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t length = utf8_length(rest);
        ASSERT_NE(length, 0U);
        rest.remove_prefix(length);
    }
}

} // namespace
} // namespace wattvisor
