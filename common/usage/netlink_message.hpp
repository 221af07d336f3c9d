// SPDX-License-Identifier: Apache-2.0
// The framing of generic netlink: messages, attributes, requests. Pure functions of bytes. Nothing
// here trusts a length that it reads: what does not fit into what was received is not there.
// Sources: netlink(7), include/uapi/linux/netlink.h, include/uapi/linux/genetlink.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace wattvisor {

using Bytes = std::span<const std::byte>;

// The value at `offset`, in this machine's byte order; none where the bytes end before it does.
template <typename T>
[[nodiscard]] std::optional<T> value_at(Bytes bytes, std::size_t offset = 0) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

struct NetlinkMessage {
    std::uint16_t type = 0;
    std::uint32_t sequence = 0;
    Bytes payload;
};

// The first message of a datagram; none where the datagram does not hold the whole of it.
[[nodiscard]] std::optional<NetlinkMessage> first_message(Bytes datagram);

struct GenericMessage {
    std::uint8_t command = 0;
    Bytes attributes;
};

[[nodiscard]] std::optional<GenericMessage> generic_message(const NetlinkMessage& message);

// The payload of the first attribute of that type. Attributes behind a broken one are not there.
[[nodiscard]] std::optional<Bytes> find_attribute(Bytes attributes, std::uint16_t type);

struct GenericRequest {
    std::uint16_t family = 0;
    std::uint8_t command = 0;
    std::uint16_t attribute = 0;
    std::uint32_t sequence = 0;
};

// A request with one attribute, a text; the kernel is asked to acknowledge it.
[[nodiscard]] std::vector<std::byte> make_request(const GenericRequest& request,
                                                  std::string_view text);

} // namespace wattvisor
