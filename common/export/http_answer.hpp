// SPDX-License-Identifier: Apache-2.0
// What the web server answers to a request, as a plain function: no socket, no clock. Any thread.
// Private to common/export.
#pragma once

#include "common/export/content_negotiation.hpp"
#include "common/export/page.hpp"
#include "common/export/shared_text_body.hpp"

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace wattvisor {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpResponse = boost::beast::http::response<SharedTextBody>;
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpSite {
    std::string path; // of the page, "/metrics"
    std::string title;
    std::function<PagePtr(PageFormat)> handler;
    HttpHeaders headers; // sent with every answer
};

struct HttpAnswer {
    HttpResponse response;
    // Set where the client wants the page compressed: as that takes time, it is left to the caller,
    // who then calls use_gzip(). Sent without, the answer is right too.
    PagePtr to_compress;
};

// Never throws for what the handler throws: that is a 500.
[[nodiscard]] HttpAnswer answer(const HttpRequest& request, const HttpSite& site);
// Compresses the page unless that has been done.
void use_gzip(HttpAnswer& answer, const HttpRequest& request);

// To what could not be read as a request; the connection ends with it.
[[nodiscard]] HttpResponse answer_to_rubbish(const boost::beast::error_code& error,
                                             const HttpSite& site);
// To who gave no password, or a wrong one.
[[nodiscard]] HttpResponse ask_for_password(const HttpRequest& request, const HttpSite& site);
// To who came while more passwords are being checked than is good; the connection ends with it.
[[nodiscard]] HttpResponse ask_to_come_later(const HttpRequest& request, const HttpSite& site);

} // namespace wattvisor
