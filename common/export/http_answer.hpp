// SPDX-License-Identifier: Apache-2.0
// What the web server answers to a request, as a plain function: no socket, no clock. Any thread.
// Private to common/export.
#pragma once

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <functional>
#include <string>

namespace wattvisor {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

struct HttpSite {
    std::string path; // of the page, "/metrics"
    std::string title;
    std::function<std::string()> handler;
};

// Never throws for what the handler throws: that is a 500.
[[nodiscard]] HttpResponse answer(const HttpRequest& request, const HttpSite& site);

// To what could not be read as a request; the connection ends with it.
[[nodiscard]] HttpResponse answer_to_rubbish(const boost::beast::error_code& error);

} // namespace wattvisor
