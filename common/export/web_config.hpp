// SPDX-License-Identifier: Apache-2.0
// The file of --web.config.file, in the format of Prometheus' exporter toolkit:
// https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
// Names (of versions, ciphers, curves) are Go's there; here they are OpenSSL's. Reading text is
// pure; only load_web_config() opens the file. Neither opens certificates: TlsContexts does.
#pragma once

#include "common/config/yaml_reader.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wattvisor {

// What the certificate of a client is good for. Go's tls.ClientAuthType.
enum class ClientAuth {
    none,              // not asked for
    request,           // asked for, need not be sent, is not verified
    require_any,       // must be sent, is not verified
    verify_if_given,   // need not be sent
    require_and_verify // must be sent and be signed by the client's CA
};

enum class TlsVersion { tls10, tls11, tls12, tls13 };

struct TlsServerSettings {
    // A file each, or the PEM text itself; the text is empty where there is a file.
    std::filesystem::path cert_file;
    std::filesystem::path key_file;
    std::filesystem::path client_ca_file;
    std::string cert;
    std::string key;
    std::string client_ca;
    ClientAuth client_auth = ClientAuth::none;
    std::vector<std::string> client_allowed_sans; // any of them; empty: every client
    TlsVersion min_version = TlsVersion::tls12;
    TlsVersion max_version = TlsVersion::tls13;
    std::vector<std::string> cipher_suites; // of TLS 1.2 and before; empty: OpenSSL's choice
    bool prefer_server_cipher_suites = true;
    std::vector<std::string> curves; // empty: OpenSSL's choice
};

struct WebConfig {
    std::optional<TlsServerSettings> tls;                     // absent: plain HTTP
    std::vector<std::pair<std::string, std::string>> headers; // sent with every answer
    std::map<std::string, std::string> users; // bcrypt hash by name; empty: no password
    std::vector<std::string> notices;         // sentences for the log: settings that have no effect
};

struct WebConfigReading {
    WebConfig config;
    std::vector<ConfigProblem> problems; // config may be used only if this is empty
};

// `file` names the text in problems; relative paths begin in its folder.
[[nodiscard]] WebConfigReading read_web_config(std::string_view text,
                                               const std::filesystem::path& file);

// Reads the file or throws StartError with kExitConfiguration and every problem on a line.
[[nodiscard]] WebConfig load_web_config(const std::filesystem::path& file);

} // namespace wattvisor
