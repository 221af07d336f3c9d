// SPDX-License-Identifier: Apache-2.0
#include "common/export/http_answer.hpp"

#include <boost/beast/http/error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace wattvisor {
namespace {

namespace http = boost::beast::http;
using testing::HasSubstr;
using testing::Not;

HttpSite site(const std::string& page = "f 1\n") {
    return HttpSite{"/metrics",
                    "Host <a&b>",
                    [page](PageFormat format) {
                        return std::make_shared<const Page>(
                            format == PageFormat::open_metrics ? page + "# EOF\n" : page);
                    },
                    {}};
}

HttpResponse ask(http::verb method, const std::string& target) {
    return answer(HttpRequest(method, target, 11), site()).response;
}

std::string body_of(const HttpResponse& response) {
    return response.body() ? *response.body() : "";
}

TEST(HttpAnswer, GivesThePageWithTheContentTypeThatPrometheusDemands) {
    const HttpResponse response = ask(http::verb::get, "/metrics");
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(body_of(response), "f 1\n");
    EXPECT_EQ(response[http::field::content_type], "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(response[http::field::content_length], "4");
    EXPECT_TRUE(response.keep_alive());
    EXPECT_EQ(ask(http::verb::get, "/metrics?x=1").result_int(), 200U);
}

TEST(HttpAnswer, GivesHeadTheLengthWithoutTheBody) {
    const HttpResponse response = ask(http::verb::head, "/metrics");
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(body_of(response), "");
    EXPECT_EQ(response[http::field::content_length], "4");
}

TEST(HttpAnswer, LinksThePageFromTheRootEscaped) {
    HttpSite odd = site();
    odd.path = "/a\"b";
    const HttpResponse response = answer(HttpRequest(http::verb::get, "/", 11), odd).response;
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_THAT(body_of(response), HasSubstr("Host &lt;a&amp;b&gt;"));
    EXPECT_THAT(body_of(response), HasSubstr("href=\"/a&quot;b\""));
    EXPECT_EQ(response[http::field::content_type], "text/html; charset=utf-8");
}

TEST(HttpAnswer, KnowsNoOtherPath) {
    for (const char* target : {"/metrics/", "/Metrics", "//", "/../etc/passwd", "*", "metrics"}) {
        EXPECT_EQ(ask(http::verb::get, target).result_int(), 404U) << target;
    }
    // What the client sent is not sent back.
    EXPECT_THAT(body_of(ask(http::verb::get, "/<script>")), Not(HasSubstr("script")));
}

TEST(HttpAnswer, TakesNoOtherMethod) {
    const HttpResponse response = ask(http::verb::post, "/metrics");
    EXPECT_EQ(response.result_int(), 405U);
    EXPECT_EQ(response[http::field::allow], "GET, HEAD");
}

TEST(HttpAnswer, SurvivesAHandlerThatThrows) {
    HttpSite broken = site();
    broken.handler = [](PageFormat) -> PagePtr { throw std::runtime_error("secret"); };
    const HttpResponse response =
        answer(HttpRequest(http::verb::get, "/metrics", 11), broken).response;
    EXPECT_EQ(response.result_int(), 500U);
    EXPECT_THAT(body_of(response), Not(HasSubstr("secret")));
}

// What Prometheus 2.42 sends.
constexpr const char* kPrometheusAccepts =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

TEST(HttpAnswer, GivesOpenMetricsToWhoAsksForIt) {
    HttpRequest request(http::verb::get, "/metrics", 11);
    request.set(http::field::accept, kPrometheusAccepts);
    const HttpResponse response = answer(request, site()).response;
    EXPECT_EQ(response[http::field::content_type],
              "application/openmetrics-text; version=1.0.0; charset=utf-8");
    EXPECT_EQ(response[http::field::vary], "Accept, Accept-Encoding");
    EXPECT_EQ(body_of(response), "f 1\n# EOF\n");
}

TEST(HttpAnswer, ReadsAFieldThatComesInSeveralLines) {
    HttpRequest request(http::verb::get, "/metrics", 11);
    request.insert(http::field::accept, "text/plain;q=0.5");
    request.insert(http::field::accept, "application/openmetrics-text;version=1.0.0");
    EXPECT_EQ(body_of(answer(request, site()).response), "f 1\n# EOF\n");
}

TEST(HttpAnswer, CompressesALargePageOnceForAll) {
    const auto page = std::make_shared<const Page>(std::string(100'000, 'x'));
    HttpSite large = site();
    large.handler = [page](PageFormat) { return page; };
    HttpRequest request(http::verb::get, "/metrics", 11);
    EXPECT_EQ(answer(request, large).to_compress, nullptr);
    request.set(http::field::accept_encoding, "gzip");
    HttpAnswer first = answer(request, large);
    ASSERT_EQ(first.to_compress, page);
    EXPECT_FALSE(page->is_gzipped());
    use_gzip(first, request);
    EXPECT_TRUE(page->is_gzipped());
    HttpAnswer second = answer(request, large);
    use_gzip(second, request);
    EXPECT_EQ(first.response.body().get(), second.response.body().get());
    EXPECT_EQ(first.response[http::field::content_encoding], "gzip");
    EXPECT_EQ(first.response[http::field::content_length], std::to_string(page->gzipped().size()));
    EXPECT_LT(page->gzipped().size(), 2000U);

    HttpRequest head(http::verb::head, "/metrics", 11);
    head.set(http::field::accept_encoding, "gzip");
    HttpAnswer length = answer(head, large);
    use_gzip(length, head);
    EXPECT_EQ(body_of(length.response), "");
    EXPECT_EQ(length.response[http::field::content_length],
              first.response[http::field::content_length]);
}

TEST(HttpAnswer, DoesNotCompressAFewBytes) {
    HttpRequest request(http::verb::get, "/metrics", 11);
    request.set(http::field::accept_encoding, "gzip");
    EXPECT_EQ(answer(request, site()).to_compress, nullptr);
}

TEST(HttpAnswer, SendsTheConfiguredHeadersWithEveryAnswer) {
    HttpSite strict = site();
    strict.headers = {{"X-Frame-Options", "deny"}};
    const HttpRequest request(http::verb::get, "/metrics", 11);
    EXPECT_EQ(answer(request, strict).response["X-Frame-Options"], "deny");
    EXPECT_EQ(ask_for_password(request, strict)["X-Frame-Options"], "deny");
    EXPECT_EQ(answer_to_rubbish(http::error::bad_method, strict)["X-Frame-Options"], "deny");
}

TEST(HttpAnswer, AsksForAPassword) {
    const HttpResponse response =
        ask_for_password(HttpRequest(http::verb::get, "/metrics", 11), site());
    EXPECT_EQ(response.result_int(), 401U);
    EXPECT_THAT(std::string(response[http::field::www_authenticate]),
                testing::StartsWith("Basic realm="));
}

TEST(HttpAnswer, ClosesAfterWhatItCannotRead) {
    EXPECT_EQ(answer_to_rubbish(http::error::header_limit, site()).result_int(), 431U);
    EXPECT_EQ(answer_to_rubbish(http::error::body_limit, site()).result_int(), 413U);
    EXPECT_EQ(answer_to_rubbish(http::error::bad_method, site()).result_int(), 400U);
    EXPECT_FALSE(answer_to_rubbish(http::error::bad_method, site()).keep_alive());
}

} // namespace
} // namespace wattvisor
