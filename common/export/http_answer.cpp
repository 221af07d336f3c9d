// SPDX-License-Identifier: Apache-2.0
#include "common/export/http_answer.hpp"

#include "common/export/prometheus_text.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <spdlog/spdlog.h>

#include <exception>
#include <string_view>

namespace wattvisor {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";

HttpResponse reply(http::status status, std::string_view type, std::string body) {
    HttpResponse response(status, 11);
    response.set(http::field::server, "wattvisor");
    response.set(http::field::content_type, boost::beast::string_view(type.data(), type.size()));
    response.set("X-Content-Type-Options", "nosniff");
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

std::string index_page(const HttpSite& site) {
    const std::string title = escape_html(site.title);
    const std::string path = escape_html(site.path);
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
           "</title></head>\n<body><h1>" + title + "</h1>\n<p>Metrics for Prometheus: <a href=\"" +
           path + "\">" + path + "</a></p></body></html>\n";
}

HttpResponse metrics_page(const HttpSite& site) {
    try {
        return reply(http::status::ok, kPrometheusContentType, site.handler());
    } catch (const std::exception& error) {
        spdlog::error("cannot make the page of metrics: {}", error.what());
        return reply(http::status::internal_server_error, kPlainText,
                     "The metrics could not be made; the log says why.\n");
    }
}

HttpResponse find_page(const HttpRequest& request, const HttpSite& site) {
    const std::string_view target(request.target().data(), request.target().size());
    const std::string_view path = target.substr(0, target.find('?'));
    if (path != site.path && path != "/") {
        return reply(http::status::not_found, kPlainText,
                     "Not here. The metrics are at " + site.path + "\n");
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        HttpResponse response =
            reply(http::status::method_not_allowed, kPlainText, "Only GET and HEAD.\n");
        response.set(http::field::allow, "GET, HEAD");
        return response;
    }
    return path == site.path ? metrics_page(site)
                             : reply(http::status::ok, kHtml, index_page(site));
}

} // namespace

HttpResponse answer(const HttpRequest& request, const HttpSite& site) {
    HttpResponse response = find_page(request, site);
    response.version(request.version());
    response.keep_alive(request.keep_alive());
    if (request.method() == http::verb::head) {
        response.body().clear(); // Content-Length stays that of the page
    }
    return response;
}

HttpResponse answer_to_rubbish(const boost::beast::error_code& error) {
    HttpResponse response;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        response = reply(http::status::request_header_fields_too_large, kPlainText,
                         "The header of the request is too long.\n");
    } else if (error == http::error::body_limit) {
        response = reply(http::status::payload_too_large, kPlainText,
                         "The request has a body, which is not needed here.\n");
    } else {
        response = reply(http::status::bad_request, kPlainText, "That is not an HTTP request.\n");
    }
    response.keep_alive(false);
    return response;
}

} // namespace wattvisor
