// SPDX-License-Identifier: Apache-2.0
#include "common/export/http_listen.hpp"

#include "common/base/error.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>

namespace wattvisor {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

error_code try_listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (error) {
        return error;
    }
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6()) {
        // Only "::" can mean both kinds; on any other address the option has no meaning.
        acceptor.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) {
        acceptor.bind(endpoint, error);
    }
    if (!error) {
        acceptor.listen(tcp::acceptor::max_listen_connections, error);
    }
    if (error) {
        error_code ignored;
        acceptor.close(ignored);
    }
    return error;
}

bool means_no_ipv6(const error_code& error) {
    return error == asio::error::address_family_not_supported ||
           error == boost::system::errc::address_not_available;
}

[[noreturn]] void fail(const error_code& error, const tcp::endpoint& endpoint) {
    const std::string port = std::to_string(endpoint.port());
    const std::string text = "cannot listen on " + endpoint_text(endpoint) + ": ";
    if (error == asio::error::address_in_use) {
        throw StartError(text + "another program has port " + port +
                         ". See which: ss -ltnp 'sport = :" + port +
                         "'; or choose another port: --port 9101");
    }
    if (error == asio::error::access_denied) {
        throw StartError(text + "this user may not take port " + port +
                             ". Choose one from 1024 on: --port 8080; or grant "
                             "CAP_NET_BIND_SERVICE",
                         kExitConfiguration);
    }
    if (error == boost::system::errc::address_not_available) {
        // May come up later, with the network: worth a restart.
        throw StartError(text + "this machine does not have that address. List those it has: ip "
                                "-brief address; or listen on all: --address ::");
    }
    throw StartError(text + error.message());
}

} // namespace

std::string endpoint_text(const tcp::endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    const std::string port = std::to_string(endpoint.port());
    return endpoint.address().is_v6() ? '[' + address + "]:" + port : address + ':' + port;
}

tcp::acceptor listen_on(asio::io_context& context, const std::string& address, std::uint16_t port) {
    error_code error;
    const asio::ip::address parsed = asio::ip::make_address(address, error);
    if (error) {
        throw StartError("cannot listen on \"" + address +
                             "\": not an IPv4 or IPv6 address. Type one, e.g. --address 127.0.0.1, "
                             "or --address :: for all",
                         kExitConfiguration);
    }
    tcp::acceptor acceptor(context);
    const tcp::endpoint endpoint(parsed, port);
    error = try_listen(acceptor, endpoint);
    if (error && means_no_ipv6(error) && parsed == asio::ip::address_v6::any()) {
        error = try_listen(acceptor, tcp::endpoint(asio::ip::address_v4::any(), port));
    }
    if (error) {
        fail(error, endpoint);
    }
    return acceptor;
}

} // namespace wattvisor
