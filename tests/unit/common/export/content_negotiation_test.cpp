// SPDX-License-Identifier: Apache-2.0
#include "common/export/content_negotiation.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

TEST(ContentNegotiation, GivesPrometheusWhatItLikesBest) {
    // As Prometheus 2.42 and 3 send it.
    EXPECT_EQ(choose_format("application/openmetrics-text;version=1.0.0,"
                            "application/openmetrics-text;version=0.0.1;q=0.75,"
                            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
              PageFormat::open_metrics);
    EXPECT_EQ(choose_format("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                            "application/openmetrics-text;version=0.0.1;q=0.4,"
                            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"),
              PageFormat::open_metrics);
    // With scrape_protocols: [PrometheusText0.0.4, OpenMetricsText1.0.0]
    EXPECT_EQ(choose_format("text/plain;version=0.0.4;q=0.6,"
                            "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.4"),
              PageFormat::text);
}

TEST(ContentNegotiation, GivesTextToEverybodyElse) {
    for (const char* accept :
         {"", "*/*", "text/plain", "text/html,application/xhtml+xml,*/*;q=0.8", "image/png",
          "application/openmetrics-text;version=0.0.1", "application/openmetrics-text;q=0",
          "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"}) {
        EXPECT_EQ(choose_format(accept), PageFormat::text) << accept;
    }
}

TEST(ContentNegotiation, TakesOpenMetricsByNameInAnyCaseAndSpacing) {
    for (const char* accept :
         {"application/openmetrics-text", "Application/OpenMetrics-Text ; Version=1.0.0",
          "application/openmetrics-text; version=\"1.0.0\"; charset=utf-8",
          "text/plain, application/openmetrics-text", "*/*, application/openmetrics-text",
          // The most exact range counts for text, not the first.
          "*/*;q=1, text/plain;q=0.2, application/openmetrics-text;q=0.3",
          "text/*;q=0.9, text/plain;version=0.0.4;q=0.1, application/openmetrics-text;q=0.5"}) {
        EXPECT_EQ(choose_format(accept), PageFormat::open_metrics) << accept;
    }
}

TEST(ContentNegotiation, LeavesOutWhatItCannotRead) {
    for (const char* accept :
         {"application/openmetrics-text;q=2",
          "application/openmetrics-text;q=", "application/openmetrics-text;q=0.5555",
          "application/openmetrics-text;q=-1", ";;;,,,=;q=1", "\"", "a;b=\"\\"}) {
        EXPECT_EQ(choose_format(accept), PageFormat::text) << accept;
    }
    EXPECT_EQ(choose_format("a;b=\"x,y;q=0\", application/openmetrics-text"),
              PageFormat::open_metrics);
    EXPECT_EQ(choose_format(std::string(8000, ',') + "application/openmetrics-text"),
              PageFormat::open_metrics);
}

TEST(ContentNegotiation, CompressesForWhoTakesGzip) {
    for (const char* accept : {"gzip", "GZIP", "deflate, gzip;q=0.5", "gzip, deflate, br", "x-gzip",
                               "*", "identity;q=0.5, *;q=0.7", "gzip;q=0.001"}) {
        EXPECT_TRUE(accepts_gzip(accept)) << accept;
    }
    for (const char* accept : {"", "identity", "br", "gzip;q=0", "gzip;q=0.0, *", "*;q=0",
                               "identity;q=1, gzip;q=0.5", "gzip;q=x"}) {
        EXPECT_FALSE(accepts_gzip(accept)) << accept;
    }
}

} // namespace
} // namespace wattvisor
