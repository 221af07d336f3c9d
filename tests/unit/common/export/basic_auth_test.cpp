// SPDX-License-Identifier: Apache-2.0
#include "common/export/basic_auth.hpp"

#include <gtest/gtest.h>

#include <crypt.h>
#include <memory>
#include <string>

namespace wattvisor {
namespace {

// The cheapest cost, so that the test is quick.
std::string hash_of(const std::string& password) {
    const auto data = std::make_unique<crypt_data>();
    return crypt_r(password.c_str(), "$2b$04$abcdefghijklmnopqrstuu", data.get());
}

BasicAuth two_users() {
    return BasicAuth({{"alice", hash_of("secret")}, {"bob", hash_of("other")}});
}

TEST(BasicAuth, ReadsTheHeader) {
    const auto credentials = parse_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->user, "Aladdin");
    EXPECT_EQ(credentials->password, "open sesame");
    EXPECT_TRUE(parse_authorization("basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    // "a:b:c": the first colon ends the name
    EXPECT_EQ(parse_authorization("Basic YTpiOmM=")->password, "b:c");
    EXPECT_EQ(parse_authorization("Basic Og==")->user, "");
}

TEST(BasicAuth, RefusesWhatIsNoSuchHeader) {
    for (const char* value : {"", "Basic", "Basic ", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                              "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Basic ====", "Basic a:b",
                              "Basic YWJj" /* no colon */, "Basic Y===", "Basic =AAA"}) {
        EXPECT_FALSE(parse_authorization(value)) << value;
    }
}

// crypt() ends at a zero: "secret\0anything" would be right.
TEST(BasicAuth, RefusesAZeroInAPassword) {
    EXPECT_FALSE(parse_authorization("Basic YWxpY2U6c2VjcmV0AHg=")); // alice:secret\0x
}

TEST(BasicAuth, TellsRightFromWrong) {
    const BasicAuth auth = two_users();
    EXPECT_TRUE(auth.check({"alice", "secret"}));
    EXPECT_TRUE(auth.check({"bob", "other"}));
    EXPECT_FALSE(auth.check({"alice", "other"}));
    EXPECT_FALSE(auth.check({"alice", ""}));
    EXPECT_FALSE(auth.check({"mallory", "secret"}));
    EXPECT_FALSE(auth.check({"", ""}));
}

// An unknown user is compared with somebody's hash: even the right password of that one is wrong.
TEST(BasicAuth, LetsNobodyInAsAnUnknownUser) {
    const BasicAuth auth({{"alice", hash_of("secret")}});
    EXPECT_FALSE(auth.check({"mallory", "secret"}));
}

TEST(BasicAuth, RemembersWhoWasRightOnly) {
    BasicAuth auth = two_users();
    EXPECT_FALSE(auth.look_up({"alice", "secret"}));
    auth.remember({"alice", "secret"});
    EXPECT_TRUE(auth.look_up({"alice", "secret"}));
    EXPECT_FALSE(auth.look_up({"bob", "secret"}));
    EXPECT_FALSE(auth.look_up({"alice", "secret2"}));
    for (int i = 0; i < 1000; ++i) { // bounded
        auth.remember({"alice", std::string(72, 'x') + std::to_string(i)});
    }
    EXPECT_TRUE(auth.look_up({"alice", std::string(72, 'x') + "999"}));
}

TEST(BasicAuth, TakesEveryKindOfBcrypt) {
    // "allmine", from bcrypt's test vectors, as htpasswd, PHP and Go write it.
    for (const char* kind : {"$2a$", "$2b$", "$2y$"}) {
        const std::string hash = std::string(kind) + "05$" + hash_of("allmine").substr(7);
        const auto data = std::make_unique<crypt_data>();
        const std::string made = crypt_r("allmine", hash.c_str(), data.get());
        EXPECT_TRUE(BasicAuth({{"u", made}}).check({"u", "allmine"})) << kind;
    }
}

} // namespace
} // namespace wattvisor
