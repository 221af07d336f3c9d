// SPDX-License-Identifier: Apache-2.0
// OpenSSL's settings for the web page, made anew when a certificate's file has changed, so that
// certificates are renewed without a restart. What is broken then is logged once, and the old
// certificate stays in use. Asio thread only: files are looked at when a client comes, at most once
// a second, and read when they changed. Private to common/export.
#pragma once

#include "common/base/error.hpp"
#include "common/export/web_config.hpp"

#include <boost/asio/ssl/context.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace wattvisor {

// Reads the files of the settings.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>>
make_server_context(const TlsServerSettings& settings);

class TlsContexts {
public:
    // Throws StartError with kExitConfiguration for what cannot be used.
    explicit TlsContexts(TlsServerSettings settings);

    // For one more connection, which keeps it. `now` decides whether files are looked at.
    [[nodiscard]] const std::shared_ptr<boost::asio::ssl::context>&
    current(std::chrono::steady_clock::time_point now);

private:
    // Changes with every way to replace a file, and with its rights.
    struct FileState {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::uint64_t size = 0;
        std::int64_t changed_ns = 0;
        friend bool operator==(const FileState&, const FileState&) = default;
    };
    using FileStates = std::array<FileState, 3>;
    [[nodiscard]] FileStates look_at_files() const;
    void renew();

    TlsServerSettings settings_;
    FileStates files_{};
    std::shared_ptr<boost::asio::ssl::context> context_;
    std::optional<std::chrono::steady_clock::time_point> looked_;
    bool broken_ = false;
};

} // namespace wattvisor
