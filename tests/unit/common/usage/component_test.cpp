// SPDX-License-Identifier: Apache-2.0
#include "common/usage/component.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace wattvisor {
namespace {

TEST(Component, OfAThreadIsToldByTheNameThatQemuGivesIt) {
    EXPECT_EQ(component_of_thread("CPU 0/KVM"), Component::vcpu);
    EXPECT_EQ(component_of_thread("CPU 127/TCG"), Component::vcpu);
    EXPECT_EQ(component_of_thread("ALL CPUs/TCG"), Component::vcpu);
    EXPECT_EQ(component_of_thread("IO iothread1"), Component::iothread);
    EXPECT_EQ(component_of_thread("vhost-12345"), Component::vhost);
}

TEST(Component, OfAnyOtherThreadIsTheEmulator) {
    for (const char* name : {"qemu-system-x86", "worker", "IO mon_iothread", "call_rcu",
                             "SPICE Worker", "vhost-", "vhost-user-gpu", "vhost-1a", "CPU 3",
                             "CPU /KVM", "CPU x/KVM", "", "mig/src/main", "a) R (CPU 0/KVM"}) {
        EXPECT_EQ(component_of_thread(name), Component::emulator) << name;
    }
}

TEST(Component, OfAHelperIsToldByItsProgram) {
    EXPECT_EQ(component_of_process("virtiofsd"), Component::virtiofsd);
    EXPECT_EQ(component_of_process("swtpm"), Component::swtpm);
    EXPECT_EQ(component_of_process("passt.avx2"), Component::network);
    EXPECT_EQ(component_of_process("slirp4netns"), Component::network);
    EXPECT_EQ(component_of_process("dbus-daemon"), Component::helper);
}

TEST(Component, HasANameOfItsOwn) {
    std::set<std::string> names;
    for (const Component component : kAllComponents) {
        names.insert(std::string(component_name(component)));
        EXPECT_EQ(kAllComponents.at(index_of(component)), component);
    }
    EXPECT_EQ(names.size(), kAllComponents.size());
}

} // namespace
} // namespace wattvisor
