// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/share_paths.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using ::testing::HasSubstr;

constexpr const char* kUuid = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10";

TEST(CheckDomainName, TakesWhatLibvirtTakes) {
    for (const char* name :
         {"vm1", "two words", "a=b,c=d", "büro-服务器", "..a", "-n", "a\\b", "*"}) {
        EXPECT_EQ(*check_domain_name(name), name);
    }
    EXPECT_TRUE(check_domain_name(std::string(255, 'x')));
}

// Any local user can start a process that calls itself guest=../../etc/x; Scaphandre made folders
// there, as root.
TEST(CheckDomainName, RefusesWhatIsNoFolderOfItsOwn) {
    using namespace std::string_view_literals;
    for (const std::string_view name : {""sv, "."sv, ".."sv, "a/b"sv, "../../etc/x"sv, "a\0b"sv,
                                        "a\nb"sv, "a\x1b[2J"sv, "a\x7f"sv}) {
        EXPECT_FALSE(check_domain_name(name));
    }
    EXPECT_FALSE(check_domain_name(std::string(256, 'x')));
}

TEST(CheckDomainName, SaysWhatToDoWithoutRepeatingEscapes) {
    const std::string message = check_domain_name("a\x1b[2J").error().message();
    EXPECT_THAT(message, HasSubstr("virsh domrename"));
    EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST(NormaliseUuid, MakesLowerCase) {
    EXPECT_EQ(*normalise_uuid("8FD62E75-2A53-4B1C-9B0E-5F1F0C2D7A10"), kUuid);
}

TEST(NormaliseUuid, RefusesOtherForms) {
    for (const char* text :
         {"", "8fd62e752a534b1c9b0e5f1f0c2d7a10", "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a1",
          "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a1g", "8fd62e75+2a53-4b1c-9b0e-5f1f0c2d7a10",
          "../../../../../../../../../etc/passw"}) {
        EXPECT_FALSE(normalise_uuid(text)) << text;
    }
}

TEST(ShareFolders, AreBelowTheirRoots) {
    ShareSettings settings;
    EXPECT_EQ(*exported_share_folder(settings, kUuid, "my vm"),
              "/var/lib/libvirt/scaphandre/my vm");
    EXPECT_EQ(writable_share_folder(settings, kUuid),
              std::string("/run/wattvisor/shares/") + kUuid);
    settings.folder = ShareFolderNaming::uuid;
    EXPECT_EQ(*exported_share_folder(settings, kUuid, "my/vm"),
              std::string("/var/lib/libvirt/scaphandre/") + kUuid);
}

TEST(ShareFolders, AreNoneForWhatIsNotValid) {
    const ShareSettings settings;
    EXPECT_FALSE(exported_share_folder(settings, kUuid, ".."));
    EXPECT_FALSE(exported_share_folder(settings, "..", "vm1"));
    EXPECT_TRUE(writable_share_folder(settings, "..").empty());
}

// virtiofsd takes the share's path among its options, which commas separate.
TEST(SharePaths, NamesThatVirtiofsdCannotTakeHaveAFolderByUuid) {
    const ShareSettings settings;
    for (const char* name : {"web1", "with space", "Zähler ⚡", "<&'\">"}) {
        EXPECT_EQ(naming_for(settings, name), ShareFolderNaming::name) << name;
    }
    for (const char* name : {"a,b", "a=b", "a\\b"}) {
        EXPECT_EQ(naming_for(settings, name), ShareFolderNaming::uuid) << name;
    }
}

TEST(SharePaths, OnlyTheTwoFoldersOfAVmAreItsOwn) {
    const ShareSettings settings;
    const std::string uuid = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10";
    const std::string root = settings.root.string();
    EXPECT_EQ(naming_of(settings, uuid, "web1", root + "/web1"), ShareFolderNaming::name);
    EXPECT_EQ(naming_of(settings, uuid, "web1", root + "/" + uuid), ShareFolderNaming::uuid);
    for (const std::string& other : {root, root + "/web2", root + "/web1/", std::string("/etc"),
                                     root + "/../web1", std::string()}) {
        EXPECT_EQ(naming_of(settings, uuid, "web1", other), std::nullopt) << other;
    }
}

} // namespace
} // namespace wattvisor
