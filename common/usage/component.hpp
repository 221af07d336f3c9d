// SPDX-License-Identifier: Apache-2.0
// The kinds of things that run for a VM, by which its CPU time is split in metrics. A thread of
// QEMU is told by its name, which libvirt has QEMU set (`-name debug-threads=on`): without names
// all is `emulator`. Names are hints for the split inside one VM; they never decide who is charged.
// Pure, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace wattvisor {

enum class Component {
    vcpu,     // threads that run the guest's CPUs
    emulator, // QEMU's main loop and its workers, and whatever has no name
    iothread, // QEMU's I/O threads
    vhost,    // the kernel's share of virtio: kernel threads before Linux 6.4, QEMU's threads since
    virtiofsd, // file system shares
    swtpm,     // the TPM
    network,   // passt, slirp
    helper,    // any other process of the VM
};

inline constexpr std::array kAllComponents{
    Component::vcpu,      Component::emulator, Component::iothread, Component::vhost,
    Component::virtiofsd, Component::swtpm,    Component::network,  Component::helper};

[[nodiscard]] constexpr std::size_t index_of(Component component) {
    return static_cast<std::size_t>(component);
}

// What metrics call it.
[[nodiscard]] std::string_view component_name(Component component);

// A thread of QEMU, by its name: "CPU 3/KVM", "CPU 0/TCG", "IO iothread1", "vhost-1234". Anything
// else is emulator.
[[nodiscard]] Component component_of_thread(std::string_view name);

// A process that runs for a VM, by its name: "virtiofsd", "passt.avx2". Anything else is helper.
[[nodiscard]] Component component_of_process(std::string_view name);

} // namespace wattvisor
