// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_text.hpp"
#include "host-agent/host_metrics.hpp"

#include <gmock/gmock.h>

#include <string>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

std::string page(const VmList& vms, steady_clock::time_point last_answer,
                 const std::vector<SharePublisher::Status>& shares) {
    std::string text;
    PrometheusText sink(text);
    write_host_metrics(vms, last_answer, shares, sink);
    return text;
}

TEST(HostMetrics, TellThatLibvirtAnswersAndHowManyVmsRun) {
    VmList vms;
    vms.connected = true;
    vms.vms.resize(3);
    const std::string text = page(vms, steady_clock::now(), {});
    EXPECT_THAT(text, HasSubstr("\nwattvisor_libvirt_up 1\n"));
    EXPECT_THAT(text, HasSubstr("\nwattvisor_vms 3\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE wattvisor_libvirt_answer_age_seconds gauge\n"));
}

TEST(HostMetrics, TellThatLibvirtIsGoneAndKeepTheLastKnownVms) {
    VmList vms;
    vms.vms.resize(2);
    const std::string text = page(vms, steady_clock::now() - 100s, {});
    EXPECT_THAT(text, HasSubstr("\nwattvisor_libvirt_up 0\n"));
    EXPECT_THAT(text, HasSubstr("\nwattvisor_vms 2\n"));
    EXPECT_THAT(text, HasSubstr("\nwattvisor_libvirt_answer_age_seconds 10"));
}

// Missing is missing: not 0, and not the time since the machine was started.
TEST(HostMetrics, LeaveOutTheAgeOfAnAnswerThatNeverCame) {
    EXPECT_THAT(page({}, {}, {}), Not(HasSubstr("answer_age")));
}

TEST(HostMetrics, TellOfEachShareWhetherItIsPublished) {
    const std::string text =
        page({}, {}, {{"u1", true, ""}, {"u2", false, "No space left on device"}});
    EXPECT_THAT(text, HasSubstr("# TYPE wattvisor_share_up gauge\n"
                                "wattvisor_share_up{uuid=\"u1\"} 1\n"
                                "wattvisor_share_up{uuid=\"u2\"} 0\n"));
}

TEST(HostMetrics, LeaveNoTraceOfSharesWhereNobodyIsEnrolled) {
    EXPECT_THAT(page({}, {}, {}), Not(HasSubstr("share_up")));
}

} // namespace
} // namespace wattvisor::host
