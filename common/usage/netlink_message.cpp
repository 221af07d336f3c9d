// SPDX-License-Identifier: Apache-2.0
#include "common/usage/netlink_message.hpp"

#include <algorithm>
#include <linux/genetlink.h>
#include <linux/netlink.h>

namespace wattvisor {

namespace {

std::size_t aligned(std::size_t length) {
    return (length + NLA_ALIGNTO - 1) & ~std::size_t{NLA_ALIGNTO - 1};
}

template <typename T>
void append(std::vector<std::byte>& bytes, const T& value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof value);
}

} // namespace

std::optional<NetlinkMessage> first_message(Bytes datagram) {
    const auto header = value_at<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size()) {
        return std::nullopt;
    }
    const Bytes message = datagram.first(header->nlmsg_len);
    return NetlinkMessage{header->nlmsg_type, header->nlmsg_seq, message.subspan(sizeof(nlmsghdr))};
}

std::optional<GenericMessage> generic_message(const NetlinkMessage& message) {
    const auto header = value_at<genlmsghdr>(message.payload);
    if (!header) {
        return std::nullopt;
    }
    return GenericMessage{header->cmd, message.payload.subspan(sizeof(genlmsghdr))};
}

std::optional<Bytes> find_attribute(Bytes attributes, std::uint16_t type) {
    // Each round takes at least the four bytes of a header, so this ends.
    while (const auto header = value_at<nlattr>(attributes)) {
        if (header->nla_len < sizeof(nlattr) || header->nla_len > attributes.size()) {
            return std::nullopt;
        }
        if ((header->nla_type & NLA_TYPE_MASK) == type) {
            return attributes.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr));
        }
        attributes = attributes.subspan(std::min(aligned(header->nla_len), attributes.size()));
    }
    return std::nullopt;
}

std::vector<std::byte> make_request(const GenericRequest& request, std::string_view text) {
    const std::size_t attribute = sizeof(nlattr) + text.size() + 1; // with the NUL
    const std::size_t length = sizeof(nlmsghdr) + sizeof(genlmsghdr) + aligned(attribute);
    std::vector<std::byte> bytes;
    bytes.reserve(length);
    append(bytes, nlmsghdr{static_cast<std::uint32_t>(length), request.family,
                           NLM_F_REQUEST | NLM_F_ACK, request.sequence, 0});
    append(bytes, genlmsghdr{request.command, 1, 0});
    append(bytes, nlattr{static_cast<std::uint16_t>(attribute), request.attribute});
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    bytes.insert(bytes.end(), first, first + text.size());
    bytes.resize(length);
    return bytes;
}

} // namespace wattvisor
