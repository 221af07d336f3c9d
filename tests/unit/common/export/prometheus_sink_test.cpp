// SPDX-License-Identifier: Apache-2.0
// The exporter as a scraper meets it: a request on a socket of this machine, the page back.
#include "common/base/error.hpp"
#include "common/export/prometheus_sink.hpp"
#include "sample_snapshot.hpp"
#include "tests/support/log_capture.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include <future>
#include <sstream>
#include <string>

namespace wattvisor {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

PrometheusOptions on_a_free_port() {
    PrometheusOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    return options;
}

class PrometheusExporter : public testing::Test {
protected:
    void start(const PrometheusOptions& options = on_a_free_port(), ExtraMetrics extra = {}) {
        sink.emplace(io, options, surroundings, std::move(extra));
        const std::string said = log.text();
        const std::string before = "metrics are served on http://127.0.0.1:";
        ASSERT_THAT(said, HasSubstr(before));
        port =
            static_cast<std::uint16_t>(std::stoul(said.substr(said.find(before) + before.size())));
    }
    // What a scrape gets, with its header. Runs the sink's context until it has come.
    std::string scrape(const std::string& path = "/metrics") {
        const std::uint16_t to = port;
        auto answer = std::async(std::launch::async, [to, path] {
            asio::io_context own;
            tcp::socket socket(own);
            socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), to));
            const std::string request =
                "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            asio::write(socket, asio::buffer(request));
            std::string text;
            boost::system::error_code end;
            asio::read(socket, asio::dynamic_buffer(text), end);
            return text;
        });
        while (answer.wait_for(0s) != std::future_status::ready) {
            io.restart();
            io.run_for(5ms);
        }
        return answer.get();
    }
    void publish(const Snapshot& snapshot) {
        surroundings.read(1s);
        sink->publish(std::make_shared<const Snapshot>(snapshot));
    }
    static double value_of(const std::string& page, const std::string& metric) {
        const auto at = page.find("\n" + metric + " ");
        return at == std::string::npos ? -1 : std::stod(page.substr(at + metric.size() + 2));
    }

    test::LogCapture log;
    asio::io_context io{1};
    Surroundings surroundings;
    std::optional<PrometheusSink> sink;
    std::uint16_t port = 0;
};

TEST_F(PrometheusExporter, AnswersBeforeTheFirstTick) {
    start();
    const std::string page = scrape();
    EXPECT_THAT(page, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(page, HasSubstr("Content-Length: 0\r\n"));
}

TEST_F(PrometheusExporter, ShowsTheNewestSnapshot) {
    start();
    publish(test::host_snapshot());
    const std::string page = scrape();
    EXPECT_THAT(page, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(page, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    EXPECT_THAT(page, HasSubstr("\nwattvisor_snapshot_sequence 42\n"));
    EXPECT_THAT(page, HasSubstr("\nscaph_host_power_microwatts 25500000\n"));
    Snapshot next = test::host_snapshot();
    next.sequence = 43;
    publish(next);
    EXPECT_THAT(scrape(), HasSubstr("\nwattvisor_snapshot_sequence 43\n"));
}

// Two Prometheus servers took each other's deltas where a scrape sampled (Scaphandre).
TEST_F(PrometheusExporter, ShowsTheSameToAnyNumberOfScrapers) {
    start();
    publish(test::host_snapshot());
    const auto without_age = [](std::string page) {
        const auto at = page.find("\nwattvisor_snapshot_age_seconds ");
        EXPECT_NE(at, std::string::npos);
        page.erase(at, page.find('\n', at + 1) - at);
        return page.substr(page.find("\r\n\r\n"));
    };
    const std::string first = without_age(scrape());
    EXPECT_EQ(without_age(scrape()), first);
    EXPECT_EQ(without_age(scrape()), first);
}

TEST_F(PrometheusExporter, TellsHowOldTheMeasurementIs) {
    start();
    publish(test::host_snapshot());
    const double first = value_of(scrape(), "wattvisor_snapshot_age_seconds");
    EXPECT_GE(first, 0);
    // Handed out again without a new measurement: it gets older.
    publish(test::host_snapshot());
    const double second = value_of(scrape(), "wattvisor_snapshot_age_seconds");
    EXPECT_GT(second, first);
    const auto renewed_at = std::chrono::steady_clock::now();
    Snapshot next = test::host_snapshot();
    ++next.sequence;
    publish(next);
    const double third = value_of(scrape(), "wattvisor_snapshot_age_seconds");
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - renewed_at;
    EXPECT_LE(third, since.count());
}

TEST_F(PrometheusExporter, ShowsNoPowerWhileTheSourceIsDown) {
    start();
    Snapshot down = test::host_snapshot();
    test::take_source_down(down, "the counters stand still");
    publish(down);
    const std::string page = scrape();
    EXPECT_THAT(page, HasSubstr("\nwattvisor_source_up 0\n"));
    EXPECT_THAT(page, Not(HasSubstr("scaph_host_power_microwatts")));
}

// Ten scrapers cost as much as one.
TEST_F(PrometheusExporter, RendersOncePerTickHoweverManyScrape) {
    int asked = 0;
    start(on_a_free_port(), [&asked](MetricSink& metrics) {
        metrics.single("wattvisor_asked", "How often.", MetricType::gauge,
                       MetricValue::integer(static_cast<std::uint64_t>(++asked)));
    });
    publish(test::host_snapshot());
    EXPECT_THAT(scrape(), HasSubstr("\nwattvisor_asked 1\n"));
    EXPECT_THAT(scrape(), HasSubstr("\nwattvisor_asked "));
    EXPECT_LE(asked, 2) << "a page lasts a second; only a machine that stalls renders it again";
    publish(test::host_snapshot());
    const int before = asked;
    EXPECT_THAT(scrape(), HasSubstr("\nwattvisor_asked " + std::to_string(before + 1) + "\n"));
}

TEST_F(PrometheusExporter, KeepsToItsOptions) {
    PrometheusOptions options = on_a_free_port();
    options.suffix = "energy/page";
    options.qemu = true;
    options.cmdline_limit = 0;
    start(options);
    publish(test::host_snapshot());
    const std::string page = scrape("/energy/page");
    EXPECT_THAT(page, HasSubstr("vmname=\"db\""));
    EXPECT_THAT(page, Not(HasSubstr("cmdline=")));
    EXPECT_THAT(scrape("/metrics"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(log.text(), HasSubstr("/energy/page"));
}

TEST_F(PrometheusExporter, TellsWhatTheAgentItselfCosts) {
    start();
    publish(test::host_snapshot());
    EXPECT_THAT(scrape(), HasSubstr("\nscaph_self_mem"));
}

TEST_F(PrometheusExporter, DoesNotStartOnAPortThatIsTaken) {
    start();
    PrometheusOptions same = on_a_free_port();
    same.port = port;
    EXPECT_THROW(PrometheusSink(io, same, surroundings, {}), StartError);
}

} // namespace
} // namespace wattvisor
