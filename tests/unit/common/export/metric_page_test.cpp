// SPDX-License-Identifier: Apache-2.0
#include "common/export/metric_page.hpp"
#include "common/export/prometheus_text.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace wattvisor {
namespace {

std::string text_of(const MetricPage& page) {
    std::string text;
    PrometheusText sink(text);
    page.write(sink);
    return text;
}

TEST(MetricPage, IsEmptyBeforeTheFirstTick) {
    const Surroundings surroundings;
    const MetricPage page({}, surroundings, {});
    EXPECT_EQ(page.snapshot(), nullptr);
    EXPECT_EQ(text_of(page), "");
}

TEST(MetricPage, EndsWithWhatItsAgentAdds) {
    const Surroundings surroundings;
    MetricPage page({}, surroundings, [](MetricSink& sink) {
        sink.single("wattvisor_libvirt_up", "1 while libvirt answers", MetricType::gauge,
                    MetricValue::flag(true));
    });
    page.update(std::make_shared<const Snapshot>(test::host_snapshot()));
    const std::string text = text_of(page);
    EXPECT_THAT(text, testing::HasSubstr("\nwattvisor_snapshot_age_seconds "));
    EXPECT_TRUE(text.ends_with("# TYPE wattvisor_libvirt_up gauge\nwattvisor_libvirt_up 1\n"));
}

} // namespace
} // namespace wattvisor
