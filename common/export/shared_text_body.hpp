// SPDX-License-Identifier: Apache-2.0
// A body of Beast's messages that is not copied: clients that take a large page slowly share it.
// Private to common/export.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional/optional.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace wattvisor {

struct SharedTextBody {
    using value_type = std::shared_ptr<const std::string>; // null: empty

    static std::uint64_t size(const value_type& body) { return body ? body->size() : 0; }

    class writer { // NOLINT(readability-identifier-naming): Beast asks for this name
    public:
        using const_buffers_type = boost::asio::const_buffer;

        template <bool isRequest, typename Fields>
        writer(const boost::beast::http::header<isRequest, Fields>&, const value_type& body)
            : body_(body) {}
        void init(boost::beast::error_code& error) { error = {}; }
        boost::optional<std::pair<const_buffers_type, bool>> get(boost::beast::error_code& error) {
            error = {};
            if (!body_ || body_->empty()) {
                return boost::none;
            }
            return {{const_buffers_type(body_->data(), body_->size()), false}};
        }

    private:
        const value_type& body_;
    };
};

} // namespace wattvisor
