// SPDX-License-Identifier: Apache-2.0
// Users and passwords of the web page, RFC 7617, with bcrypt's hashes as the exporter toolkit has
// them. A hash takes a tenth of a second on purpose; who was right once is remembered by a keyed
// digest, so that a scrape costs none. look_up() and remember() on the Asio thread, check() on any.
// Private to common/export.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace wattvisor {

struct Credentials {
    std::string user;
    std::string password;
};

// From the header Authorization; nothing where it is no "Basic ...".
[[nodiscard]] std::optional<Credentials> parse_authorization(std::string_view value);

class BasicAuth {
public:
    // Hash by name, at least one; each as web_config has checked it.
    explicit BasicAuth(std::map<std::string, std::string> users);

    // Whether these were right before. Costs microseconds.
    [[nodiscard]] bool look_up(const Credentials& credentials) const;
    // Costs one bcrypt, for a user that does not exist as well, so that time does not tell who
    // does. (Users whose hashes have different costs differ by these.)
    [[nodiscard]] bool check(const Credentials& credentials) const;
    void remember(const Credentials& credentials);

private:
    using Digest = std::array<unsigned char, 32>;
    [[nodiscard]] Digest digest(const Credentials& credentials) const;

    std::map<std::string, std::string> users_;
    std::string decoy_; // what an unknown user is compared with
    Digest key_{};      // random: digests are worth nothing elsewhere
    std::set<Digest> right_;
};

} // namespace wattvisor
