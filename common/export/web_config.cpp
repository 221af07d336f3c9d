// SPDX-License-Identifier: Apache-2.0
#include "common/export/web_config.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "common/cli/safe_text.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace wattvisor {
namespace {

using std::filesystem::path;

constexpr std::array kClientAuths{
    YamlChoice<ClientAuth>{"NoClientCert", ClientAuth::none},
    YamlChoice<ClientAuth>{"RequestClientCert", ClientAuth::request},
    YamlChoice<ClientAuth>{"RequireAnyClientCert", ClientAuth::require_any},
    YamlChoice<ClientAuth>{"VerifyClientCertIfGiven", ClientAuth::verify_if_given},
    YamlChoice<ClientAuth>{"RequireAndVerifyClientCert", ClientAuth::require_and_verify},
    // The toolkit's old name of the second, still taken there.
    YamlChoice<ClientAuth>{"RequireClientCert", ClientAuth::require_any}};

constexpr std::array kVersions{YamlChoice<TlsVersion>{"TLS13", TlsVersion::tls13},
                               YamlChoice<TlsVersion>{"TLS12", TlsVersion::tls12},
                               YamlChoice<TlsVersion>{"TLS11", TlsVersion::tls11},
                               YamlChoice<TlsVersion>{"TLS10", TlsVersion::tls10}};

// Go's tls.CipherSuites(). Those of TLS 1.3 are always on, in Go too, so they have no name here.
constexpr std::array kCiphers{
    YamlChoice<const char*>{"TLS_AES_128_GCM_SHA256", ""},
    YamlChoice<const char*>{"TLS_AES_256_GCM_SHA384", ""},
    YamlChoice<const char*>{"TLS_CHACHA20_POLY1305_SHA256", ""},
    YamlChoice<const char*>{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                            "ECDHE-ECDSA-AES128-GCM-SHA256"},
    YamlChoice<const char*>{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                            "ECDHE-ECDSA-AES256-GCM-SHA384"},
    YamlChoice<const char*>{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                            "ECDHE-ECDSA-CHACHA20-POLY1305"},
    YamlChoice<const char*>{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    YamlChoice<const char*>{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    YamlChoice<const char*>{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    YamlChoice<const char*>{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    YamlChoice<const char*>{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                            "ECDHE-RSA-CHACHA20-POLY1305"},
    YamlChoice<const char*>{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    YamlChoice<const char*>{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    YamlChoice<const char*>{"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
    YamlChoice<const char*>{"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    YamlChoice<const char*>{"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    YamlChoice<const char*>{"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"}};

constexpr std::array kCurves{
    YamlChoice<const char*>{"CurveP256", "P-256"}, YamlChoice<const char*>{"CurveP384", "P-384"},
    YamlChoice<const char*>{"CurveP521", "P-521"}, YamlChoice<const char*>{"X25519", "X25519"}};

constexpr std::array<std::string_view, 5> kHeaders{
    "Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options",
    "X-Frame-Options", "X-XSS-Protection"};

// The costliest password to check takes seconds already.
constexpr int kHighestCost = 16;
constexpr int kLowestCost = 4;

// A file, or its text beside it under the key without _file.
void read_pem(YamlSection& section, const std::string& key, const path& folder, path& file,
              std::string& text) {
    std::string name;
    section.read(key + "_file", name);
    section.read(key, text);
    if (!name.empty() && !text.empty()) {
        section.add_problem(key, key + " and " + key + "_file are the same: keep one of them");
    }
    if (!name.empty()) {
        file = folder / name; // an absolute name stays as it is
    }
}

void read_ciphers(YamlSection& section, TlsServerSettings& tls) {
    std::vector<const char*> suites;
    section.read_choices("cipher_suites", suites, std::span(kCiphers));
    for (const std::string_view suite : suites) {
        if (!suite.empty()) {
            tls.cipher_suites.emplace_back(suite);
        }
    }
    if (suites.empty() || !tls.cipher_suites.empty()) {
        return;
    }
    // Only suites of TLS 1.3 are wanted: then nothing older can be spoken.
    tls.min_version = TlsVersion::tls13;
    if (tls.max_version < TlsVersion::tls13) {
        section.add_problem("cipher_suites",
                            "cipher_suites has none for the version of max_version: add one such "
                            "as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    }
}

void read_versions(YamlSection& section, TlsServerSettings& tls) {
    section.read_choice("min_version", tls.min_version, std::span(kVersions));
    section.read_choice("max_version", tls.max_version, std::span(kVersions));
    if (tls.max_version < TlsVersion::tls12) {
        section.add_problem("max_version", "max_version must be TLS12 or TLS13: OpenSSL's level of "
                                           "security allows nothing older");
    } else if (tls.min_version > tls.max_version) {
        section.add_problem("min_version", "min_version must not be above max_version");
    }
}

void read_clients(YamlSection& section, const path& folder, TlsServerSettings& tls) {
    section.read_choice("client_auth_type", tls.client_auth, std::span(kClientAuths));
    read_pem(section, "client_ca", folder, tls.client_ca_file, tls.client_ca);
    section.read("client_allowed_sans", tls.client_allowed_sans);
    const bool has_ca = !tls.client_ca_file.empty() || !tls.client_ca.empty();
    const bool verifies = tls.client_auth == ClientAuth::verify_if_given ||
                          tls.client_auth == ClientAuth::require_and_verify;
    if (has_ca && tls.client_auth == ClientAuth::none) {
        section.add_problem("client_auth_type",
                            "with a client_ca_file, client_auth_type must say what is asked of "
                            "clients, e.g. client_auth_type: RequireAndVerifyClientCert");
    } else if (verifies && !has_ca) {
        section.add_problem("client_auth_type",
                            "to verify clients, client_ca_file must name the certificate of who "
                            "signs theirs");
    } else if (!tls.client_allowed_sans.empty() && !verifies) {
        section.add_problem("client_allowed_sans",
                            "client_allowed_sans needs client_auth_type: "
                            "RequireAndVerifyClientCert: a name that is not verified proves "
                            "nothing");
    }
}

TlsServerSettings read_tls(YamlSection section, const path& folder) {
    TlsServerSettings tls;
    read_pem(section, "cert", folder, tls.cert_file, tls.cert);
    read_pem(section, "key", folder, tls.key_file, tls.key);
    for (const auto& [key, missing] :
         {std::pair("cert_file", tls.cert_file.empty() && tls.cert.empty()),
          std::pair("key_file", tls.key_file.empty() && tls.key.empty())}) {
        if (missing) {
            section.require(key, std::string(key) + ": server." +
                                     (std::string_view(key) == "cert_file" ? "crt" : "key"));
        }
    }
    read_clients(section, folder, tls);
    read_versions(section, tls);
    read_ciphers(section, tls);
    section.read("prefer_server_cipher_suites", tls.prefer_server_cipher_suites);
    std::vector<const char*> curves;
    section.read_choices("curve_preferences", curves, std::span(kCurves));
    tls.curves.assign(curves.begin(), curves.end());
    return tls;
}

bool is_header_value(std::string_view value) {
    return std::ranges::all_of(value, [](char c) {
        return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t';
    });
}

void read_headers(YamlSection section, WebConfig& config) {
    for (const std::string_view name : kHeaders) {
        std::string value;
        section.read(name, value);
        if (value.empty()) {
            continue;
        }
        if (!is_header_value(value)) {
            section.add_problem(name, std::string(name) + " must be one line of text");
        } else if (name == "X-Content-Type-Options" && value != "nosniff") {
            section.add_problem(name, "X-Content-Type-Options must be nosniff");
        } else if (name == "X-Frame-Options" && value != "deny" && value != "sameorigin") {
            section.add_problem(name, "X-Frame-Options must be deny or sameorigin");
        }
        config.headers.emplace_back(name, value);
    }
}

void read_http(YamlSection section, bool with_tls, WebConfig& config) {
    bool http2 = false;
    section.read("http2", http2);
    if (http2 && with_tls) {
        config.notices.emplace_back("http2: true has no effect: the page is offered in HTTP/1.1, "
                                    "which Prometheus takes as well");
    }
    read_headers(section.section("headers"), config);
}

// "$2b$10$" and 53 characters.
bool is_bcrypt(std::string_view hash) {
    constexpr std::string_view kAlphabet =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return hash.size() == 60 && hash.starts_with("$2") &&
           std::string_view("abxy").find(hash[2]) != std::string_view::npos && hash[3] == '$' &&
           is_digit(hash[4]) && is_digit(hash[5]) && hash[6] == '$' &&
           hash.find_first_not_of(kAlphabet, 7) == std::string_view::npos;
}

void read_users(YamlSection section, WebConfig& config) {
    for (const std::string& user : section.keys()) {
        std::string hash;
        section.read(user, hash);
        if (!is_bcrypt(hash)) {
            section.add_problem(user, "the password of " + printable(user, 60) +
                                          " must be a bcrypt hash; make one with: htpasswd -nBC "
                                          "10 " +
                                          printable(user, 60));
        } else if (const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
                   cost < kLowestCost || cost > kHighestCost) {
            section.add_problem(user, "the cost of a bcrypt hash must be from " +
                                          std::to_string(kLowestCost) + " to " +
                                          std::to_string(kHighestCost) + ", not " +
                                          std::to_string(cost) + "; 10 is usual");
        } else if (user.find(':') != std::string::npos) {
            section.add_problem(user, "the name of a user has no \":\" in it: RFC 7617 ends it "
                                      "there");
        }
        config.users.emplace(user, hash);
    }
    if (section.keys().empty()) {
        section.require("USER", "a line such as prometheus: $2y$10$...; without users, leave "
                                "basic_auth_users out");
    }
}

} // namespace

WebConfigReading read_web_config(std::string_view text, const path& file) {
    WebConfigReading reading;
    YamlDocument document(text, file.string());
    YamlSection root = document.root();
    // Written without anything below it, a group is still meant: it must not mean plain HTTP, or
    // everybody.
    const std::vector<std::string> written = root.keys();
    const auto is_written = [&written](std::string_view key) {
        return std::ranges::find(written, key) != written.end();
    };
    // Asked for even where they are not written, so that who mistypes one is told its name.
    const YamlSection tls = root.section("tls_server_config");
    const YamlSection users = root.section("basic_auth_users");
    if (is_written("tls_server_config")) {
        reading.config.tls = read_tls(tls, file.parent_path());
    }
    read_http(root.section("http_server_config"), reading.config.tls.has_value(), reading.config);
    if (is_written("basic_auth_users")) {
        read_users(users, reading.config);
    }
    if (is_written("rate_limit")) {
        root.section("rate_limit").ignore_other_keys();
        root.add_problem("rate_limit", "rate_limit is not offered here: leave it out. A page is "
                                       "made once per tick, however many ask for it");
    }
    reading.problems = document.finish();
    return reading;
}

WebConfig load_web_config(const path& file) {
    const auto text = read_text(file);
    if (!text) {
        throw StartError("cannot read the web configuration " + text.error().message(),
                         kExitConfiguration);
    }
    WebConfigReading reading = read_web_config(*text, file);
    check_config(reading.problems);
    return std::move(reading.config);
}

} // namespace wattvisor
