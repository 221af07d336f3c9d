// SPDX-License-Identifier: Apache-2.0
// Reads and edits the text of a libvirt domain's XML: what the agents need to know of a VM, and the
// share that `enroll` adds and `unenroll` removes. The text is hostile (owners of VMs choose names,
// titles and metadata): its size and depth are bounded, a DOCTYPE and with it every entity of its
// own is refused. Pure functions, any thread; knows no libvirt and opens nothing.
// Format: https://libvirt.org/formatdomain.html#filesystems
#pragma once

#include "common/base/error.hpp"
#include "virtiofs/carried_xml.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// Longer XML is refused: 4 MiB is what libvirt itself sends as one string at most
// (REMOTE_STRING_MAX of its remote protocol).
inline constexpr std::size_t kLargestDomainXml = std::size_t{4} << 20U;

// What a guest mounts: `mount -t virtiofs scaphandre /var/scaphandre`.
inline constexpr const char* kShareTag = "scaphandre";

struct DomainXml {
    std::string uuid; // lower case with dashes
    std::string name;
    std::string title;           // empty if it has none
    unsigned vcpus = 0;          // those plugged in
    std::string share_source;    // the folder that the share exports; empty if there is no share
    bool shares_over_9p = false; // a device with our tag that is not virtiofs
    bool shared_memory = false;  // without it, QEMU cannot offer virtiofs
    CarriedReading carried;      // the energy that came with the VM
};

[[nodiscard]] Result<DomainXml> parse_domain(std::string_view xml);

struct XmlEdit {
    std::string xml;
    std::vector<std::string> changes; // one phrase each, for a person; empty: nothing to do

    [[nodiscard]] bool changed() const { return !changes.empty(); }
};

// Adds what is missing for the share: shared memory and the device. A share that is there already
// keeps its settings; only its folder is made `source_dir`. Without changes the text is returned
// byte for byte. Meant for the inactive XML; memory backing needs a restart of the VM.
[[nodiscard]] Result<XmlEdit>
add_share(std::string_view xml, const std::filesystem::path& source_dir,
          const std::optional<std::filesystem::path>& virtiofsd = std::nullopt);

// Removes the device and nothing else: the memory backing may serve other devices too.
[[nodiscard]] Result<XmlEdit> remove_share(std::string_view xml);

// The device alone, as libvirt wants it for attaching to a running VM.
[[nodiscard]] std::string
share_device_xml(const std::filesystem::path& source_dir,
                 const std::optional<std::filesystem::path>& virtiofsd = std::nullopt);

} // namespace wattvisor
