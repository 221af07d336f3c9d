// SPDX-License-Identifier: Apache-2.0
#include "host-agent/libvirt_handles.hpp"
#include "tests/integration/host-agent/test_hypervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor::host {
namespace {

using testing::HasSubstr;

TEST(LibvirtHandles, MissingDaemonSaysWhatToType) {
    testing::internal::CaptureStderr();
    const auto connection =
        open_connection("qemu+unix:///system?socket=/nonexistent/sock", ConnectMode::read_only);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "libvirt prints unless told not to";
    ASSERT_FALSE(connection);
    const std::string message = connection.error().message();
    EXPECT_THAT(message, HasSubstr("cannot reach libvirt at "
                                   "qemu+unix:///system?socket=/nonexistent/sock: "));
    EXPECT_THAT(message, HasSubstr("No such file or directory"));
    EXPECT_THAT(message, HasSubstr("systemctl start libvirtd"));
    EXPECT_THAT(message, HasSubstr("virsh -c 'qemu+unix:///system?socket=/nonexistent/sock' list"));
}

TEST(LibvirtHandles, WrongUriIsCalledSo) {
    const auto connection = open_connection("qemu+pigeon:///system", ConnectMode::read_only);
    ASSERT_FALSE(connection);
    EXPECT_THAT(connection.error().message(), HasSubstr("Is the URI right?"));
    EXPECT_THAT(connection.error().message(), HasSubstr("qemu:///system"));
}

TEST(LibvirtHandles, ListsAndReadsDomains) {
    const ConnectHandle connection = test::connect(test::kNodeUri);
    EXPECT_EQ(list_domains(connection.get(), 0).value().size(), 5U);
    const DomainHandle domain = test::domain(connection, "web-1");
    ASSERT_TRUE(domain);
    EXPECT_EQ(domain_name(domain.get()), "web-1");
    EXPECT_EQ(domain_uuid(domain.get()), test::uuid(1));
    EXPECT_THAT(domain_xml_text(domain.get(), 0).value(), HasSubstr("<name>web-1</name>"));
}

TEST(LibvirtHandles, DomainThatIsNotThereIsGone) {
    const ConnectHandle connection = test::connect(test::kNodeUri);
    EXPECT_FALSE(test::domain(connection, "nobody"));
    EXPECT_EQ(last_libvirt_error("nobody").severity, Severity::gone);
}

} // namespace
} // namespace wattvisor::host
