// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vms_list.hpp"
#include "tests/integration/host-agent/test_hypervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor::host {
namespace {

TEST(ListAllVms, HasActiveAndInactiveOnesByName) {
    const ConnectHandle connection = test::connect(test::kNodeUri);
    ASSERT_EQ(virDomainDestroy(test::domain(connection, "web-1").get()), 0);
    ASSERT_EQ(virDomainSuspend(test::domain(connection, "with space").get()), 0);
    const auto rows = list_all_vms(connection.get()).value();
    ASSERT_EQ(rows.size(), 5U);
    EXPECT_EQ(rows[0].name, "données-数据");
    EXPECT_EQ(rows[1].name, "enrolled");
    EXPECT_EQ(rows[1].state, "running");
    EXPECT_EQ(rows[1].enrolled, Enrollment::yes);
    EXPECT_EQ(rows[1].share_source, "/var/lib/libvirt/scaphandre/enrolled");
    EXPECT_EQ(rows[3].name, "web-1");
    EXPECT_EQ(rows[3].state, "shut off");
    EXPECT_EQ(rows[3].enrolled, Enrollment::no);
    EXPECT_EQ(rows[3].uuid, test::uuid(1));
    EXPECT_EQ(rows[4].state, "paused");
}

TEST(ListAllVms, KnowsASharePassedOver9p) {
    const ConnectHandle connection = test::connect(test::kNodeUri);
    const std::string device = "<devices><filesystem type='mount'><source dir='/s'/>"
                               "<target dir='scaphandre'/></filesystem></devices>";
    const DomainHandle defined(
        virDomainDefineXML(connection.get(), test::domain_xml("a", test::uuid(9), device).c_str()));
    ASSERT_TRUE(defined);
    EXPECT_EQ(list_all_vms(connection.get()).value().at(0).enrolled, Enrollment::ninep);
}

TEST(ListAllVms, OpensAConnectionOfItsOwn) {
    EXPECT_EQ(list_all_vms(test::kNodeUri).value().size(), 5U);
    EXPECT_THAT(list_all_vms("test:///nonexistent.xml").error().message(),
                testing::HasSubstr("cannot reach libvirt at test:///nonexistent.xml"));
}

} // namespace
} // namespace wattvisor::host
