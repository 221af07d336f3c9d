// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "common/export/http_listen.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using boost::asio::ip::tcp;
using testing::AllOf;
using testing::HasSubstr;

StartError failure(const std::string& address, std::uint16_t port) {
    boost::asio::io_context context;
    try {
        const auto acceptor = listen_on(context, address, port);
    } catch (const StartError& error) {
        return error;
    }
    return StartError("it did not fail", kExitOk);
}

TEST(ListenOn, TakesAFreePort) {
    boost::asio::io_context context;
    const auto acceptor = listen_on(context, "127.0.0.1", 0);
    EXPECT_NE(acceptor.local_endpoint().port(), 0);
}

TEST(ListenOn, SaysWhichPortIsTakenAndWhatToType) {
    boost::asio::io_context context;
    const auto first = listen_on(context, "127.0.0.1", 0);
    const std::uint16_t port = first.local_endpoint().port();
    const StartError error = failure("127.0.0.1", port);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("127.0.0.1:" + std::to_string(port)),
                                    HasSubstr("another program has port"), HasSubstr("--port")));
    EXPECT_EQ(error.exit_code(), kExitFailure);
}

TEST(ListenOn, RefusesWhatIsNoAddress) {
    const StartError error = failure("localhost:8080", 0);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("localhost:8080"), HasSubstr("--address")));
    EXPECT_EQ(error.exit_code(), kExitConfiguration);
}

TEST(ListenOn, SaysThatTheAddressIsAnothersMachine) {
    const StartError error = failure("192.0.2.1", 0); // of a block for documentation, RFC 5737
    EXPECT_THAT(error.what(), AllOf(HasSubstr("192.0.2.1"), HasSubstr("does not have")));
    EXPECT_EQ(error.exit_code(), kExitFailure);
}

TEST(EndpointText, PutsIpv6InBrackets) {
    EXPECT_EQ(endpoint_text(tcp::endpoint(boost::asio::ip::make_address("::1"), 80)), "[::1]:80");
    EXPECT_EQ(endpoint_text(tcp::endpoint(boost::asio::ip::make_address("10.0.0.1"), 80)),
              "10.0.0.1:80");
}

} // namespace
} // namespace wattvisor
