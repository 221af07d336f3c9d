// SPDX-License-Identifier: Apache-2.0
// How a message gets to a server. Implementations: HttpTransport, RiemannTransport. Asio thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>
#include <string_view>

namespace wattvisor {

enum class PushOutcome {
    taken,
    refused, // by a server that will not take this message later either
    busy,    // the server answered that it cannot just now
    away,    // no connection, or no answer in time
};

struct PushAnswer {
    PushOutcome outcome = PushOutcome::away;
    std::string what; // why not taken; may quote the server, so it is hostile text
};

class PushTransport {
public:
    PushTransport() = default;
    PushTransport(const PushTransport&) = delete;
    PushTransport& operator=(const PushTransport&) = delete;
    virtual ~PushTransport() = default;

    // Ends within a time limit of its own, whatever the server does. One at a time.
    [[nodiscard]] virtual boost::asio::awaitable<PushAnswer> send(std::string_view message) = 0;
    // For messages to people, "http://localhost:9091".
    [[nodiscard]] virtual std::string where() const = 0;
};

} // namespace wattvisor
