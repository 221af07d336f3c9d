// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "common/export/web_config.hpp"

#include <gmock/gmock.h>

#include <string>

namespace wattvisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kHash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

WebConfigReading read(const std::string& text) {
    return read_web_config(text, "/etc/wattvisor/web.yaml");
}

std::string problems_of(const std::string& text) {
    return describe(read(text).problems);
}

TEST(WebConfig, IsPlainHttpForEverybodyWhenEmpty) {
    const WebConfigReading reading = read("");
    EXPECT_THAT(reading.problems, IsEmpty());
    EXPECT_FALSE(reading.config.tls);
    EXPECT_THAT(reading.config.users, IsEmpty());
}

// The example of the exporter toolkit's document, all keys.
TEST(WebConfig, ReadsEveryKeyOfTheToolkit) {
    const WebConfigReading reading = read(R"(
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ../ca.crt
  client_allowed_sans:
    - prometheus.example
    - 192.0.2.7
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: )" + std::string(kHash) + "\n");
    EXPECT_EQ(describe(reading.problems), "");
    const TlsServerSettings& tls = reading.config.tls.value();
    EXPECT_EQ(tls.cert_file, "/etc/wattvisor/server.crt");
    EXPECT_EQ(tls.key_file, "/keys/server.key");
    EXPECT_EQ(tls.client_ca_file, "/etc/wattvisor/../ca.crt");
    EXPECT_EQ(tls.client_auth, ClientAuth::require_and_verify);
    EXPECT_THAT(tls.client_allowed_sans, ElementsAre("prometheus.example", "192.0.2.7"));
    EXPECT_THAT(tls.cipher_suites, ElementsAre("ECDHE-RSA-AES128-GCM-SHA256"));
    EXPECT_FALSE(tls.prefer_server_cipher_suites);
    EXPECT_THAT(tls.curves, ElementsAre("P-256", "X25519"));
    EXPECT_THAT(reading.config.headers,
                ElementsAre(Pair("Strict-Transport-Security", "max-age=31536000"),
                            Pair("X-Frame-Options", "deny")));
    EXPECT_THAT(reading.config.users, ElementsAre(Pair("alice", kHash)));
    EXPECT_THAT(reading.config.notices, ElementsAre(HasSubstr("http2")));
}

TEST(WebConfig, KnowsAllFiveWaysToAskForACertificate) {
    const std::pair<const char*, ClientAuth> types[] = {
        {"NoClientCert", ClientAuth::none},
        {"RequestClientCert", ClientAuth::request},
        {"RequireAnyClientCert", ClientAuth::require_any},
        {"VerifyClientCertIfGiven", ClientAuth::verify_if_given},
        {"RequireAndVerifyClientCert", ClientAuth::require_and_verify}};
    for (const auto& [name, type] : types) {
        std::string text = "tls_server_config:\n  cert_file: c\n  key_file: k\n";
        text += "  client_auth_type: " + std::string(name) + "\n";
        text += type == ClientAuth::none ? "" : "  client_ca_file: ca\n";
        const WebConfigReading reading = read(text);
        EXPECT_EQ(describe(reading.problems), "") << name;
        EXPECT_EQ(reading.config.tls.value().client_auth, type) << name;
    }
}

TEST(WebConfig, TellsEveryMistakeWithItsPlace) {
    const std::string problems = problems_of("tls_server_config:\n"
                                             "  cert_file: c\n"
                                             "  client_auth_typ: NoClientCert\n"
                                             "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n"
                                             "  max_version: TLS11\n"
                                             "basic_auth_users:\n"
                                             "  alice: secret\n");
    EXPECT_THAT(problems, HasSubstr("web.yaml:2:3: tls_server_config: the key \"key_file\" is "
                                    "missing"));
    EXPECT_THAT(problems, HasSubstr("web.yaml:3:3: unknown key \"client_auth_typ\""));
    EXPECT_THAT(problems, HasSubstr("did you mean \"client_auth_type\"?"));
    EXPECT_THAT(problems, HasSubstr("web.yaml:4:19: cipher_suites may have"));
    EXPECT_THAT(problems, HasSubstr("web.yaml:5:16: max_version must be TLS12 or TLS13"));
    EXPECT_THAT(problems, HasSubstr("web.yaml:7:10: the password of alice must be a bcrypt hash"));
}

TEST(WebConfig, KnowsTheNamesOfItsGroupsAndSaysWhatItLacks) {
    EXPECT_THAT(problems_of("tls_server_confg:\n  cert_file: c\n"),
                HasSubstr("1:1: unknown key \"tls_server_confg\"; did you mean "
                          "\"tls_server_config\"?"));
    EXPECT_THAT(problems_of("basic_auth_user:\n  alice: x\n"),
                HasSubstr("did you mean \"basic_auth_users\"?"));
    // A key of the toolkit.
    EXPECT_EQ(
        problems_of("rate_limit:\n  interval: 1s\n  burst: 20\n"),
        "/etc/wattvisor/web.yaml:2:3: rate_limit is not offered here: leave it out. A page is "
        "made once per tick, however many ask for it");
}

// Somebody who writes a protection and makes a mistake must not be left without it.
TEST(WebConfig, DoesNotTakeAnEmptyProtectionForNone) {
    EXPECT_THAT(problems_of("basic_auth_users:\n"), HasSubstr("basic_auth_users"));
    EXPECT_THAT(problems_of("basic_auth_users: {}\n"), HasSubstr("basic_auth_users"));
    EXPECT_THAT(problems_of("basic_auth_users:\n  alice:\n"), HasSubstr("alice"));
    EXPECT_THAT(problems_of("tls_server_config:\n"), HasSubstr("cert_file"));
    EXPECT_THAT(problems_of("tls_server_config:\n  cert_file: c\n  key_file: k\n"
                            "  client_ca_file: ca\n"),
                HasSubstr("client_auth_type must say"));
    EXPECT_THAT(problems_of("tls_server_config:\n  cert_file: c\n  key_file: k\n"
                            "  client_auth_type: RequireAndVerifyClientCert\n"),
                HasSubstr("client_ca_file must name"));
    EXPECT_THAT(problems_of("tls_server_config:\n  cert_file: c\n  key_file: k\n"
                            "  client_allowed_sans: [a]\n"),
                HasSubstr("client_allowed_sans needs"));
}

TEST(WebConfig, RefusesHashesThatAreNoneAndCostsThatNobodyCanPay) {
    const std::string rest(kHash + 6);
    for (const std::string& bad :
         {std::string("$2y$31") + rest, std::string("$2y$03") + rest, std::string("$6$salt$hash"),
          std::string(kHash) + "x", std::string(kHash).substr(0, 59)}) {
        EXPECT_NE(problems_of("basic_auth_users: {a: '" + bad + "'}"), "") << bad;
    }
    EXPECT_EQ(problems_of("basic_auth_users: {a: '$2b$12" + rest + "'}"), "");
    EXPECT_THAT(problems_of("basic_auth_users: {'a:b': '" + std::string(kHash) + "'}"),
                HasSubstr("has no \":\""));
}

TEST(WebConfig, OnlyTls13SuitesMeansTls13Only) {
    const std::string begin = "tls_server_config:\n  cert_file: c\n  key_file: k\n"
                              "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n";
    EXPECT_EQ(read(begin).config.tls.value().min_version, TlsVersion::tls13);
    EXPECT_THAT(problems_of(begin + "  max_version: TLS12\n"), HasSubstr("cipher_suites has none"));
}

// A line feed in a header would be another header.
TEST(WebConfig, RefusesHeadersOfSeveralLines) {
    EXPECT_THAT(
        problems_of("http_server_config:\n  headers:\n    Content-Security-Policy: \"a\\r\\n"
                    "X: y\"\n"),
        HasSubstr("one line"));
    EXPECT_THAT(problems_of("http_server_config:\n  headers:\n    X-Frame-Options: maybe\n"),
                HasSubstr("deny or sameorigin"));
    EXPECT_THAT(problems_of("http_server_config:\n  headers:\n    X-Other: a\n"),
                HasSubstr("unknown key \"X-Other\" in headers"));
}

TEST(WebConfig, SaysWhichFileIsMissing) {
    try {
        (void)load_web_config("/nonexistent/web.yaml");
        FAIL();
    } catch (const StartError& error) {
        EXPECT_EQ(error.exit_code(), kExitConfiguration);
        EXPECT_THAT(error.what(), HasSubstr("/nonexistent/web.yaml"));
    }
}

} // namespace
} // namespace wattvisor
