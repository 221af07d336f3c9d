// SPDX-License-Identifier: Apache-2.0
#include "common/export/tls_contexts.hpp"

#include "common/base/text_file.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;
using ContextPtr = std::shared_ptr<ssl::context>;
using std::filesystem::path;

constexpr auto kLookInterval = std::chrono::seconds(1);

Error wrong(std::string what, const path& where, std::string hint) {
    return {Severity::fatal, std::move(what),
            where.empty() ? "the web configuration" : where.string(), std::move(hint)};
}

// OpenSSL's newest reason, or what it did not say.
std::string openssl_reason() {
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
    return reason == nullptr ? "OpenSSL refuses it" : reason;
}

Result<std::string> pem_of(const path& file, const std::string& text) {
    if (file.empty()) {
        return text;
    }
    return read_text(file);
}

int protocol_of(TlsVersion version) {
    switch (version) {
    case TlsVersion::tls10:
        return TLS1_VERSION;
    case TlsVersion::tls11:
        return TLS1_1_VERSION;
    case TlsVersion::tls12:
        return TLS1_2_VERSION;
    case TlsVersion::tls13:
        break;
    }
    return TLS1_3_VERSION;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += (text.empty() ? "" : ":") + name;
    }
    return text;
}

std::string san_text(const GENERAL_NAME& name) {
    const ASN1_STRING* text = nullptr;
    switch (name.type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
        text = name.d.ia5;
        return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<std::size_t>(ASN1_STRING_length(text))};
    case GEN_IPADD: {
        text = name.d.iPAddress;
        const unsigned char* const bytes = ASN1_STRING_get0_data(text);
        if (ASN1_STRING_length(text) == 4) {
            asio::ip::address_v4::bytes_type v4{};
            std::copy_n(bytes, v4.size(), v4.begin());
            return asio::ip::address_v4(v4).to_string();
        }
        if (ASN1_STRING_length(text) == 16) {
            asio::ip::address_v6::bytes_type v6{};
            std::copy_n(bytes, v6.size(), v6.begin());
            return asio::ip::address_v6(v6).to_string();
        }
        return {};
    }
    default:
        return {};
    }
}

bool has_allowed_san(X509* certificate, const std::vector<std::string>& allowed) {
    auto* const names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    bool found = false;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
        const std::string name = san_text(*sk_GENERAL_NAME_value(names, i));
        found = found || (!name.empty() && std::ranges::find(allowed, name) != allowed.end());
    }
    GENERAL_NAMES_free(names);
    return found;
}

void ask_for_client_certificate(ssl::context& context, const TlsServerSettings& settings) {
    switch (settings.client_auth) {
    case ClientAuth::none:
        context.set_verify_mode(ssl::verify_none);
        return;
    case ClientAuth::request:
    case ClientAuth::require_any:
        context.set_verify_mode(settings.client_auth == ClientAuth::request
                                    ? ssl::verify_peer
                                    : ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
        // Any certificate is right.
        context.set_verify_callback([](bool, ssl::verify_context&) { return true; });
        return;
    case ClientAuth::verify_if_given:
    case ClientAuth::require_and_verify:
        break;
    }
    context.set_verify_mode(settings.client_auth == ClientAuth::verify_if_given
                                ? ssl::verify_peer
                                : ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    if (settings.client_allowed_sans.empty()) {
        return;
    }
    context.set_verify_callback(
        [allowed = settings.client_allowed_sans](bool verified, ssl::verify_context& verification) {
            X509_STORE_CTX* const store = verification.native_handle();
            // Called for each certificate of the chain; the client's own is at depth 0.
            return verified && (X509_STORE_CTX_get_error_depth(store) > 0 ||
                                has_allowed_san(X509_STORE_CTX_get_current_cert(store), allowed));
        });
}

Result<void> use_certificate(ssl::context& context, const TlsServerSettings& settings) {
    const auto chain = pem_of(settings.cert_file, settings.cert);
    if (!chain) {
        return chain.error();
    }
    const auto key = pem_of(settings.key_file, settings.key);
    if (!key) {
        return key.error();
    }
    error_code error;
    context.use_certificate_chain(asio::buffer(*chain), error);
    if (error) {
        return wrong("no certificate that can be used: " + openssl_reason(), settings.cert_file,
                     "Is it PEM text, the server's own certificate first? See: openssl x509 -text "
                     "-in FILE");
    }
    context.use_private_key(asio::buffer(*key), ssl::context::pem, error);
    if (error) {
        return wrong("no private key that can be used: " + openssl_reason(), settings.key_file,
                     "It must be PEM text without a password, and belong to the certificate");
    }
    if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
        return wrong("this key does not belong to the certificate: " + openssl_reason(),
                     settings.key_file, "Name a certificate and a key that were made together");
    }
    return {};
}

Result<void> use_client_ca(ssl::context& context, const TlsServerSettings& settings) {
    if (settings.client_ca_file.empty() && settings.client_ca.empty()) {
        return {};
    }
    const auto pem = pem_of(settings.client_ca_file, settings.client_ca);
    if (!pem) {
        return pem.error();
    }
    error_code error;
    context.add_certificate_authority(asio::buffer(*pem), error);
    if (error) {
        return wrong("no certificate that can be used: " + openssl_reason(),
                     settings.client_ca_file,
                     "It must be the PEM text of who signs the clients' certificates");
    }
    // Tells clients which of their certificates is wanted.
    STACK_OF(X509_OBJECT)* const objects =
        X509_STORE_get0_objects(SSL_CTX_get_cert_store(context.native_handle()));
    for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
        if (X509* const ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i))) {
            SSL_CTX_add_client_CA(context.native_handle(), ca);
        }
    }
    return {};
}

Result<void> use_algorithms(ssl::context& context, const TlsServerSettings& settings) {
    SSL_CTX* const native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, protocol_of(settings.min_version));
    SSL_CTX_set_max_proto_version(native, protocol_of(settings.max_version));
    if (settings.prefer_server_cipher_suites) {
        SSL_CTX_set_options(native, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    if (!settings.cipher_suites.empty() &&
        SSL_CTX_set_cipher_list(native, joined(settings.cipher_suites).c_str()) != 1) {
        return wrong("cipher_suites: " + openssl_reason(), {}, "Leave cipher_suites out");
    }
    if (!settings.curves.empty() &&
        SSL_CTX_set1_groups_list(native, joined(settings.curves).c_str()) != 1) {
        return wrong("curve_preferences: " + openssl_reason(), {}, "Leave curve_preferences out");
    }
    return {};
}

} // namespace

Result<ContextPtr> make_server_context(const TlsServerSettings& settings) {
    const auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    // A handshake costs much more than a page; one client may not ask for another and another.
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Sessions that are taken up again are not verified again: a certificate that was swapped, or a
    // client that is no longer wanted, would go on.
    SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context->native_handle(), 0);
    // Memory of a connection that waits for its next scrape is given back.
    SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
    for (const auto& use : {use_certificate, use_client_ca, use_algorithms}) {
        if (const auto used = use(*context, settings); !used) {
            return used.error();
        }
    }
    ask_for_client_certificate(*context, settings);
    return context;
}

TlsContexts::TlsContexts(TlsServerSettings settings) : settings_(std::move(settings)) {
    files_ = look_at_files();
    auto made = make_server_context(settings_);
    if (!made) {
        throw StartError("cannot offer the page with TLS: " + made.error().message(),
                         kExitConfiguration);
    }
    context_ = *std::move(made);
}

TlsContexts::FileStates TlsContexts::look_at_files() const {
    FileStates states;
    std::size_t i = 0;
    for (const path* file :
         {&settings_.cert_file, &settings_.key_file, &settings_.client_ca_file}) {
        struct stat found {};
        if (!file->empty() && ::stat(file->c_str(), &found) == 0) {
            states[i] = {found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
                         found.st_ctim.tv_sec * 1'000'000'000 + found.st_ctim.tv_nsec};
        }
        ++i;
    }
    return states;
}

void TlsContexts::renew() {
    auto made = make_server_context(settings_);
    if (made) {
        context_ = *std::move(made);
        broken_ = false;
        spdlog::info("the certificate of the metrics page was renewed");
    } else if (!std::exchange(broken_, true)) {
        spdlog::warn("the new certificate of the metrics page cannot be used, the old one stays: "
                     "{}",
                     made.error().message());
    }
}

const ContextPtr& TlsContexts::current(std::chrono::steady_clock::time_point now) {
    if (looked_ && now - *looked_ < kLookInterval) {
        return context_;
    }
    looked_ = now;
    if (const FileStates states = look_at_files(); states != files_) {
        files_ = states;
        renew();
    }
    return context_;
}

} // namespace wattvisor
