// SPDX-License-Identifier: Apache-2.0
#include "common/export/http_answer.hpp"

#include "common/export/open_metrics_text.hpp"
#include "common/export/prometheus_text.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <spdlog/spdlog.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>

namespace wattvisor {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";

// Below, the header of a compressed answer is longer than what it saves.
constexpr std::size_t kWorthCompressing = 1024;

boost::beast::string_view to_beast(std::string_view text) {
    return {text.data(), text.size()};
}

HttpResponse reply(http::status status, std::string_view type,
                   std::shared_ptr<const std::string> body, const HttpSite& site) {
    HttpResponse response(status, 11);
    response.set(http::field::server, "wattvisor");
    response.set(http::field::content_type, to_beast(type));
    response.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : site.headers) {
        response.set(to_beast(name), to_beast(value));
    }
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

HttpResponse reply(http::status status, std::string_view type, std::string body,
                   const HttpSite& site) {
    return reply(status, type, std::make_shared<const std::string>(std::move(body)), site);
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

// All lines of a field are one list, RFC 9110 section 5.3.
std::string whole_field(const HttpRequest& request, http::field name) {
    std::string text;
    const auto [begin, end] = request.equal_range(name);
    for (auto line = begin; line != end; ++line) {
        text += text.empty() ? "" : ",";
        text.append(line->value().data(), line->value().size());
    }
    return text;
}

HttpAnswer metrics_page(const HttpRequest& request, const HttpSite& site) {
    try {
        const PageFormat format = choose_format(whole_field(request, http::field::accept));
        const PagePtr page = site.handler(format);
        HttpAnswer answer;
        answer.response = reply(http::status::ok,
                                format == PageFormat::open_metrics ? kOpenMetricsContentType
                                                                   : kPrometheusContentType,
                                std::shared_ptr<const std::string>(page, &page->text()), site);
        // For caches on the way: the same address has more than one answer.
        answer.response.set(http::field::vary, "Accept, Accept-Encoding");
        if (page->text().size() >= kWorthCompressing &&
            accepts_gzip(whole_field(request, http::field::accept_encoding))) {
            answer.to_compress = page;
        }
        return answer;
    } catch (const std::exception& error) {
        spdlog::error("cannot make the page of metrics: {}", error.what());
        return {reply(http::status::internal_server_error, kPlainText,
                      "The metrics could not be made; the log says why.\n", site),
                nullptr};
    }
}

HttpAnswer find_page(const HttpRequest& request, const HttpSite& site) {
    const std::string_view target(request.target().data(), request.target().size());
    const std::string_view path = target.substr(0, target.find('?'));
    if (path != site.path && path != "/") {
        return {reply(http::status::not_found, kPlainText,
                      "Not here. The metrics are at " + site.path + "\n", site),
                nullptr};
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        HttpResponse response =
            reply(http::status::method_not_allowed, kPlainText, "Only GET and HEAD.\n", site);
        response.set(http::field::allow, "GET, HEAD");
        return {std::move(response), nullptr};
    }
    return path == site.path
               ? metrics_page(request, site)
               : HttpAnswer{reply(http::status::ok, kHtml, index_page(site), site), nullptr};
}

void fit_to(const HttpRequest& request, HttpResponse& response) {
    response.version(request.version());
    response.keep_alive(request.keep_alive());
    if (request.method() == http::verb::head) {
        response.body() = nullptr; // Content-Length stays that of the page
    }
}

} // namespace

HttpAnswer answer(const HttpRequest& request, const HttpSite& site) {
    HttpAnswer answer = find_page(request, site);
    fit_to(request, answer.response);
    return answer;
}

void use_gzip(HttpAnswer& answer, const HttpRequest& request) {
    const PagePtr& page = answer.to_compress;
    HttpResponse& response = answer.response;
    response.body() = std::shared_ptr<const std::string>(page, &page->gzipped());
    response.set(http::field::content_encoding, "gzip");
    response.prepare_payload();
    fit_to(request, response);
}

HttpResponse answer_to_rubbish(const boost::beast::error_code& error, const HttpSite& site) {
    HttpResponse response;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        response = reply(http::status::request_header_fields_too_large, kPlainText,
                         "The header of the request is too long.\n", site);
    } else if (error == http::error::body_limit) {
        response = reply(http::status::payload_too_large, kPlainText,
                         "The request has a body, which is not needed here.\n", site);
    } else {
        response =
            reply(http::status::bad_request, kPlainText, "That is not an HTTP request.\n", site);
    }
    response.keep_alive(false);
    return response;
}

HttpResponse ask_for_password(const HttpRequest& request, const HttpSite& site) {
    HttpResponse response = reply(http::status::unauthorized, kPlainText,
                                  "A user and a password are needed here.\n", site);
    response.set(http::field::www_authenticate, "Basic realm=\"wattvisor\", charset=\"UTF-8\"");
    fit_to(request, response);
    return response;
}

HttpResponse ask_to_come_later(const HttpRequest& request, const HttpSite& site) {
    HttpResponse response =
        reply(http::status::service_unavailable, kPlainText,
              "Too many passwords are being checked. Try again in a moment.\n", site);
    response.set(http::field::retry_after, "1");
    fit_to(request, response);
    response.keep_alive(false);
    return response;
}

} // namespace wattvisor
