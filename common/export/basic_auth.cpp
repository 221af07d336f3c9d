// SPDX-License-Identifier: Apache-2.0
#include "common/export/basic_auth.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <crypt.h>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <utility>

namespace wattvisor {
namespace {

// bcrypt ignores what is behind 72 bytes, so one user can have more than one right password; more
// than a few in use are a guesser who knows the first 72 bytes.
constexpr std::size_t kMostRemembered = 256;

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0) {
        return std::nullopt;
    }
    std::string out(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    const auto padding =
        static_cast<std::size_t>(text.end() - std::find(text.begin(), text.end(), '='));
    if (size < 0 || padding > 2) {
        return std::nullopt;
    }
    out.resize(static_cast<std::size_t>(size) - padding); // OpenSSL counts the padding as zeros
    return out;
}

bool begins_with_basic(std::string_view value) {
    constexpr std::string_view kScheme = "basic ";
    return value.size() > kScheme.size() &&
           std::equal(kScheme.begin(), kScheme.end(), value.begin(), [](char scheme, char c) {
               return scheme == c || (c >= 'A' && c <= 'Z' && scheme == c - 'A' + 'a');
           });
}

} // namespace

std::optional<Credentials> parse_authorization(std::string_view value) {
    if (!begins_with_basic(value)) {
        return std::nullopt;
    }
    value.remove_prefix(6);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    const auto text = decode_base64(value);
    if (!text) {
        return std::nullopt;
    }
    const std::size_t colon = text->find(':');
    // A zero would end the password early in crypt(): "right\0anything" would be right.
    if (colon == std::string::npos || text->find('\0') != std::string::npos) {
        return std::nullopt;
    }
    return Credentials{text->substr(0, colon), text->substr(colon + 1)};
}

BasicAuth::BasicAuth(std::map<std::string, std::string> users) : users_(std::move(users)) {
    for (const auto& [user, hash] : users_) {
        // "$2b$10$": the dearest one's cost.
        if (decoy_.empty() || hash.compare(4, 2, decoy_, 4, 2) > 0) {
            decoy_ = hash;
        }
    }
    if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
        throw StartError("cannot get random numbers from the kernel for the check of passwords");
    }
}

BasicAuth::Digest BasicAuth::digest(const Credentials& credentials) const {
    // No user name has a zero in it, see parse_authorization().
    const std::string text = credentials.user + '\0' + credentials.password;
    Digest digest{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
    return digest;
}

bool BasicAuth::look_up(const Credentials& credentials) const {
    // An ordinary comparison tells nothing: without the key nobody can aim at a digest.
    return right_.contains(digest(credentials));
}

bool BasicAuth::check(const Credentials& credentials) const {
    const auto known = users_.find(credentials.user);
    const std::string& hash = known == users_.end() ? decoy_ : known->second;
    const auto data = std::make_unique<crypt_data>(); // 32 kB
    const char* const made = crypt_r(credentials.password.c_str(), hash.c_str(), data.get());
    const std::string_view result = made == nullptr ? "" : made;
    const bool equal =
        result.size() == hash.size() && CRYPTO_memcmp(result.data(), hash.data(), hash.size()) == 0;
    OPENSSL_cleanse(data.get(), sizeof *data);
    return equal && known != users_.end();
}

void BasicAuth::remember(const Credentials& credentials) {
    if (right_.size() >= kMostRemembered) {
        right_.clear();
    }
    right_.insert(digest(credentials));
}

} // namespace wattvisor
