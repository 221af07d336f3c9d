// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/tls_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace wattvisor {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

Error unusable(const std::string& file, const error_code& error, const std::string& hint) {
    return Error{Severity::transient, error.message(), file, hint};
}

// Only names that the certificate carries for this purpose count, not its common name.
bool expect_name(SSL* connection, const ServerName& server) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(connection);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (server.is_address()) {
        return X509_VERIFY_PARAM_set1_ip_asc(rules, server.host.c_str()) == 1;
    }
    return X509_VERIFY_PARAM_set1_host(rules, server.host.c_str(), server.host.size()) == 1;
}

// Which name was asked for. A server with several certificates chooses by it; addresses have none.
void tell_name(SSL* connection, const ServerName& server) {
    if (!server.is_address()) {
        SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(server.host.c_str())); // NOLINT: OpenSSL's macro, it only reads
    }
}

} // namespace

Result<TlsContext> make_tls_context(const TlsSettings& settings) {
    const auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    context->set_verify_mode(settings.verify ? ssl::verify_peer : ssl::verify_none);
    error_code error;
    if (!settings.ca_file.empty()) {
        context->load_verify_file(settings.ca_file, error);
        if (error) {
            return unusable(settings.ca_file, error,
                            "--ca takes a file of certificates in the PEM format");
        }
    } else if (settings.verify) {
        context->set_default_verify_paths(error);
    }
    if (settings.certificate_file.empty()) {
        return context;
    }
    // A key with a password would make OpenSSL ask for it on the terminal, and wait.
    context->set_password_callback(
        [](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
    context->use_certificate_chain_file(settings.certificate_file, error);
    if (error) {
        return unusable(settings.certificate_file, error,
                        "--cert takes a certificate in the PEM format, with its chain behind it");
    }
    context->use_private_key_file(settings.key_file, ssl::context::pem, error);
    if (error) {
        return unusable(settings.key_file, error,
                        "--key takes the certificate's key in the PEM format, without a password");
    }
    if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
        return Error{Severity::transient, "is not the key of " + settings.certificate_file,
                     settings.key_file, ""};
    }
    return context;
}

asio::awaitable<std::string> shake_hands(TlsStream& stream, ServerName server, bool verify) {
    SSL* const connection = stream.native_handle();
    tell_name(connection, server);
    if (verify && !expect_name(connection, server)) {
        co_return "cannot check a certificate for the name " + server.host;
    }
    const auto [error] = co_await stream.async_handshake(TlsStream::client, kAsTuple);
    if (!error) {
        co_return std::string();
    }
    const long verdict = SSL_get_verify_result(connection);
    if (verify && verdict != X509_V_OK) {
        co_return "the server's certificate is not accepted: " +
            std::string(X509_verify_cert_error_string(verdict));
    }
    co_return "no TLS connection: " + connection_error(error);
}

} // namespace wattvisor
