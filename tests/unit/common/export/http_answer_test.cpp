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

HttpSite site() {
    return HttpSite{"/metrics", "Host <a&b>", [] { return std::string("f 1\n"); }};
}

HttpResponse ask(http::verb method, const std::string& target) {
    return answer(HttpRequest(method, target, 11), site());
}

TEST(HttpAnswer, GivesThePageWithTheContentTypeThatPrometheusDemands) {
    const HttpResponse response = ask(http::verb::get, "/metrics");
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(response.body(), "f 1\n");
    EXPECT_EQ(response[http::field::content_type], "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(response[http::field::content_length], "4");
    EXPECT_TRUE(response.keep_alive());
    EXPECT_EQ(ask(http::verb::get, "/metrics?x=1").result_int(), 200U);
}

TEST(HttpAnswer, GivesHeadTheLengthWithoutTheBody) {
    const HttpResponse response = ask(http::verb::head, "/metrics");
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(response.body(), "");
    EXPECT_EQ(response[http::field::content_length], "4");
}

TEST(HttpAnswer, LinksThePageFromTheRootEscaped) {
    HttpSite odd = site();
    odd.path = "/a\"b";
    const HttpResponse response = answer(HttpRequest(http::verb::get, "/", 11), odd);
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_THAT(response.body(), HasSubstr("Host &lt;a&amp;b&gt;"));
    EXPECT_THAT(response.body(), HasSubstr("href=\"/a&quot;b\""));
    EXPECT_EQ(response[http::field::content_type], "text/html; charset=utf-8");
}

TEST(HttpAnswer, KnowsNoOtherPath) {
    for (const char* target : {"/metrics/", "/Metrics", "//", "/../etc/passwd", "*", "metrics"}) {
        EXPECT_EQ(ask(http::verb::get, target).result_int(), 404U) << target;
    }
    // What the client sent is not sent back.
    EXPECT_THAT(ask(http::verb::get, "/<script>").body(), Not(HasSubstr("script")));
}

TEST(HttpAnswer, TakesNoOtherMethod) {
    const HttpResponse response = ask(http::verb::post, "/metrics");
    EXPECT_EQ(response.result_int(), 405U);
    EXPECT_EQ(response[http::field::allow], "GET, HEAD");
}

TEST(HttpAnswer, SurvivesAHandlerThatThrows) {
    HttpSite broken = site();
    broken.handler = []() -> std::string { throw std::runtime_error("secret"); };
    const HttpResponse response = answer(HttpRequest(http::verb::get, "/metrics", 11), broken);
    EXPECT_EQ(response.result_int(), 500U);
    EXPECT_THAT(response.body(), Not(HasSubstr("secret")));
}

TEST(HttpAnswer, ClosesAfterWhatItCannotRead) {
    EXPECT_EQ(answer_to_rubbish(http::error::header_limit).result_int(), 431U);
    EXPECT_EQ(answer_to_rubbish(http::error::body_limit).result_int(), 413U);
    EXPECT_EQ(answer_to_rubbish(http::error::bad_method).result_int(), 400U);
    EXPECT_FALSE(answer_to_rubbish(http::error::bad_method).keep_alive());
}

} // namespace
} // namespace wattvisor
