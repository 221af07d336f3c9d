// SPDX-License-Identifier: Apache-2.0
// Certificates are renewed by programs that know nothing of us, in whatever order they like. What
// real clients are shown is in tests/e2e/test_scrape.py.
#include "common/export/tls_contexts.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/support/log_capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string text_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(memory);
    return text;
}

struct Pair {
    std::string certificate;
    std::string key;
};

// Signed by itself; told from others by its serial number.
Pair make_pair(long serial) {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    Pair pair;
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, certificate);
    pair.certificate = text_of(memory);
    memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
    pair.key = text_of(memory);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return pair;
}

class TlsContextsTest : public testing::Test {
protected:
    TlsContextsTest() { write(make_pair(1)); }

    // In place, as `cp` does it.
    void write(const Pair& pair) const {
        (void)tree_.file("server.crt", pair.certificate);
        (void)tree_.file("server.key", pair.key);
    }
    // As certbot does it: a new file takes the place of the old one.
    void replace(const std::string& name, std::string_view content) const {
        std::filesystem::rename(tree_.file(name + ".new", content), path(name));
    }
    [[nodiscard]] std::filesystem::path path(const std::string& name) const {
        return tree_.root() / name;
    }
    [[nodiscard]] TlsServerSettings settings() const {
        TlsServerSettings settings;
        settings.cert_file = path("server.crt");
        settings.key_file = path("server.key");
        return settings;
    }
    // Which certificate a client would be shown after another while, long enough to look at files.
    long shown(TlsContexts& contexts) {
        now_ += 2s;
        return serial_of(*contexts.current(now_));
    }
    static long serial_of(boost::asio::ssl::context& context) {
        X509* const certificate = SSL_CTX_get0_certificate(context.native_handle());
        return ASN1_INTEGER_get(X509_get0_serialNumber(certificate));
    }
    // The error of a start that fails.
    static std::string refusal(const TlsServerSettings& settings) {
        try {
            const TlsContexts contexts(settings);
        } catch (const StartError& error) {
            EXPECT_EQ(error.exit_code(), kExitConfiguration);
            return error.what();
        }
        return "it started";
    }

    test::FakeTree tree_;
    test::LogCapture log_;
    std::chrono::steady_clock::time_point now_{1h};
};

TEST_F(TlsContextsTest, AreMadeOnceWhileNothingChanges) {
    TlsContexts contexts(settings());
    const auto first = contexts.current(now_);
    EXPECT_EQ(serial_of(*first), 1);
    for (int i = 0; i < 5; ++i) {
        now_ += 10s;
        EXPECT_EQ(contexts.current(now_), first);
    }
    EXPECT_EQ(log_.text(), "");
}

TEST_F(TlsContextsTest, TakeANewCertificateAndConnectionsKeepTheirs) {
    TlsContexts contexts(settings());
    const auto of_a_connection = contexts.current(now_);
    write(make_pair(2));
    EXPECT_EQ(shown(contexts), 2);
    EXPECT_EQ(serial_of(*of_a_connection), 1);
    EXPECT_EQ(log_.take(), "info: the certificate of the metrics page was renewed\n");
    EXPECT_EQ(shown(contexts), 2);
    EXPECT_EQ(log_.take(), "");
}

TEST_F(TlsContextsTest, LookAtFilesOnceASecond) {
    TlsContexts contexts(settings());
    EXPECT_EQ(serial_of(*contexts.current(now_)), 1);
    write(make_pair(2));
    EXPECT_EQ(serial_of(*contexts.current(now_ + 999ms)), 1);
    EXPECT_EQ(serial_of(*contexts.current(now_ + 1s)), 2);
}

// A certificate whose key is not there yet must not leave the page without either.
TEST_F(TlsContextsTest, GoOnWhileFilesAreReplacedOneByOne) {
    TlsContexts contexts(settings());
    const Pair next = make_pair(2);
    replace("server.crt", next.certificate);
    EXPECT_EQ(shown(contexts), 1);
    replace("server.key", next.key);
    EXPECT_EQ(shown(contexts), 2);
    EXPECT_THAT(log_.text(), HasSubstr("was renewed"));
}

TEST_F(TlsContextsTest, KeepTheOldOneWhenTheNewOneIsBrokenAndSaySoOnce) {
    TlsContexts contexts(settings());
    for (const char* rubbish : {"rubbish\n", "", "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
        (void)tree_.file("server.crt", rubbish);
        EXPECT_EQ(shown(contexts), 1) << rubbish;
    }
    std::filesystem::remove(path("server.crt"));
    EXPECT_EQ(shown(contexts), 1);
    EXPECT_THAT(log_.text(), HasSubstr("warning: the new certificate of the metrics page cannot be "
                                       "used, the old one stays: " +
                                       path("server.crt").string()));
    EXPECT_EQ(log_.text().find("warning"), log_.text().rfind("warning")) << log_.text();
    write(make_pair(3));
    EXPECT_EQ(shown(contexts), 3);
    (void)log_.take();
    (void)tree_.file("server.key", "rubbish\n");
    EXPECT_EQ(shown(contexts), 3);
    EXPECT_THAT(log_.text(), HasSubstr("server.key")) << "a new trouble is told of again";
}

TEST_F(TlsContextsTest, TakeANewAuthorityOfClients) {
    TlsServerSettings with_ca = settings();
    with_ca.client_auth = ClientAuth::require_and_verify;
    with_ca.client_ca_file = tree_.file("ca.crt", make_pair(10).certificate);
    TlsContexts contexts(with_ca);
    const auto before = contexts.current(now_);
    replace("ca.crt", make_pair(11).certificate);
    now_ += 2s;
    EXPECT_NE(contexts.current(now_), before);
}

TEST_F(TlsContextsTest, NeedNoFilesWhereTheTextIsGiven) {
    const Pair pair = make_pair(7);
    TlsServerSettings inline_text;
    inline_text.cert = pair.certificate;
    inline_text.key = pair.key;
    TlsContexts contexts(inline_text);
    EXPECT_EQ(shown(contexts), 7);
}

TEST_F(TlsContextsTest, RefuseToStartWithAFileThatIsMissingOrBrokenAndNameIt) {
    const Pair other = make_pair(2);
    (void)tree_.file("rubbish", "rubbish\n");
    (void)tree_.file("other.key", other.key);
    struct Case {
        std::filesystem::path TlsServerSettings::*file;
        const char* name;
        const char* says;
    };
    for (const Case& wrong :
         {Case{&TlsServerSettings::cert_file, "absent.crt", "No such file"},
          Case{&TlsServerSettings::key_file, "absent.key", "No such file"},
          Case{&TlsServerSettings::client_ca_file, "absent.ca", "No such file"},
          Case{&TlsServerSettings::cert_file, "rubbish", "no certificate that can be used"},
          Case{&TlsServerSettings::key_file, "rubbish", "no private key that can be used"},
          Case{&TlsServerSettings::client_ca_file, "rubbish", "no certificate that can be used"},
          Case{&TlsServerSettings::key_file, "other.key", "belong"}}) {
        TlsServerSettings settings = this->settings();
        settings.*wrong.file = path(wrong.name);
        const std::string said = refusal(settings);
        EXPECT_THAT(said, HasSubstr("cannot offer the page with TLS: "));
        EXPECT_THAT(said, HasSubstr(path(wrong.name).string()));
        EXPECT_THAT(said, HasSubstr(wrong.says));
    }
}

TEST_F(TlsContextsTest, RefuseAlgorithmsThatOpenSslDoesNotKnow) {
    TlsServerSettings odd = settings();
    odd.cipher_suites = {"NO-SUCH-CIPHER"};
    EXPECT_THAT(refusal(odd), HasSubstr("cipher_suites"));
    odd = settings();
    odd.curves = {"no-such-curve"};
    EXPECT_THAT(refusal(odd), HasSubstr("curve_preferences"));
}

} // namespace
} // namespace wattvisor
