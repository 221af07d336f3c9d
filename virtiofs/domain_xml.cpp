// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/domain_xml.hpp"

#include "common/base/text_file.hpp"
#include "virtiofs/carried_document.hpp"
#include "virtiofs/domain_document.hpp"
#include "virtiofs/share_paths.hpp"

#include <limits>
#include <utility>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

std::string_view attribute(pugi::xml_node element, const char* name) {
    return element.attribute(name).value();
}

std::string child_text(pugi::xml_node element, const char* name) {
    return std::string(trim(element.child(name).text().get()));
}

unsigned read_vcpus(pugi::xml_node domain) {
    const pugi::xml_node vcpu = domain.child("vcpu");
    auto count = parse_number(attribute(vcpu, "current"));
    if (!count) {
        count = parse_number(vcpu.text().get());
    }
    return count && *count <= std::numeric_limits<unsigned>::max() ? static_cast<unsigned>(*count)
                                                                   : 0;
}

pugi::xml_node numa_of(pugi::xml_node domain) {
    return domain.child("cpu").child("numa");
}

// A NUMA cell's memAccess overrides the domain's memoryBacking for that cell.
bool has_shared_memory(pugi::xml_node domain) {
    const bool backing =
        attribute(domain.child("memoryBacking").child("access"), "mode") == "shared";
    const pugi::xml_node numa = numa_of(domain);
    if (!numa.child("cell")) {
        return backing;
    }
    for (const pugi::xml_node cell : numa.children("cell")) {
        const std::string_view access = attribute(cell, "memAccess");
        if (access.empty() ? !backing : access != "shared") {
            return false;
        }
    }
    return true;
}

void fill_device(pugi::xml_node device, const fs::path& source_dir,
                 const std::optional<fs::path>& virtiofsd) {
    set_attribute(device, "type", "mount");
    set_attribute(device, "accessmode", "passthrough");
    set_attribute(require_element(device, "driver"), "type", "virtiofs");
    const pugi::xml_node binary = require_element(device, "binary");
    if (virtiofsd) {
        set_attribute(binary, "path", virtiofsd->c_str());
    }
    // A guest that caches sees values up to 320 ms old; without, 50 ms.
    set_attribute(require_element(binary, "cache"), "mode", "none");
    set_attribute(require_element(device, "source"), "dir", source_dir.c_str());
    set_attribute(require_element(device, "target"), "dir", kShareTag);
}

void update_device(pugi::xml_node device, const fs::path& source_dir,
                   const std::optional<fs::path>& virtiofsd, std::vector<std::string>& changes) {
    const pugi::xml_node binary = require_element(device, "binary");
    if (virtiofsd && set_attribute(binary, "path", virtiofsd->c_str())) {
        changes.push_back("the share is served by " + virtiofsd->string());
    }
    if (!binary.child("cache")) { // a mode that somebody chose stays
        set_attribute(require_element(binary, "cache"), "mode", "none");
        changes.emplace_back("the guest does not cache the share, so its values are current");
    }
    if (set_attribute(require_element(device, "source"), "dir", source_dir.c_str())) {
        changes.push_back("the share exports " + source_dir.string());
    }
}

// With hugepages or a file as source the memory can be mapped by virtiofsd already; anonymous
// memory cannot. https://libvirt.org/kbase/virtiofs.html
void require_mappable_source(pugi::xml_node backing, std::vector<std::string>& changes) {
    const std::string_view source = attribute(backing.child("source"), "type");
    if (backing.child("hugepages") || source == "memfd" || source == "file") {
        return;
    }
    set_attribute(require_element(backing, "source"), "type", "memfd");
    changes.emplace_back("the VM's memory is a memfd, which virtiofsd can map");
}

void require_shared_memory(pugi::xml_node domain, std::vector<std::string>& changes) {
    if (has_shared_memory(domain) && !domain.child("memoryBacking")) {
        return; // each NUMA cell says so itself
    }
    pugi::xml_node backing = domain.child("memoryBacking");
    if (!backing) {
        pugi::xml_node after = domain.child("currentMemory");
        after = after ? after : domain.child("memory");
        backing = insert_element(domain, "memoryBacking", after);
    }
    require_mappable_source(backing, changes);
    if (set_attribute(require_element(backing, "access"), "mode", "shared")) {
        changes.emplace_back("the VM's memory is shared, which virtiofs needs");
    }
    for (const pugi::xml_node cell : numa_of(domain).children("cell")) {
        if (cell.attribute("memAccess") && set_attribute(cell, "memAccess", "shared")) {
            changes.push_back("the memory of NUMA cell " + std::string(attribute(cell, "id")) +
                              " is shared");
        }
    }
}

Error conflict(const char* what) {
    return Error{Severity::fatal, what, std::string("filesystem device ") + kShareTag,
                 "Remove that device with 'virsh edit NAME' and enroll the VM again"};
}

Result<bool> require_device(const DomainDocument& document, const fs::path& source_dir,
                            const std::optional<fs::path>& virtiofsd,
                            std::vector<std::string>& changes) {
    const pugi::xml_node device = document.share_device();
    if (!device) {
        const pugi::xml_node devices = require_element(document.domain(), "devices");
        fill_device(insert_element(devices, "filesystem"), source_dir, virtiofsd);
        changes.push_back("the VM has a share of " + source_dir.string());
        return true;
    }
    if (!is_virtiofs(device)) {
        return conflict("it is there already, over 9p instead of virtiofs");
    }
    if (device.child("source").attribute("socket")) {
        return conflict("it is there already, served by a virtiofsd that was started by hand");
    }
    update_device(device, source_dir, virtiofsd, changes);
    return true;
}

} // namespace

Result<DomainXml> parse_domain(std::string_view xml) {
    const auto document = DomainDocument::parse(xml);
    if (!document) {
        return document.error();
    }
    const pugi::xml_node domain = document->domain();
    DomainXml result;
    auto uuid = normalise_uuid(child_text(domain, "uuid"));
    if (!uuid) {
        return uuid.error();
    }
    result.uuid = std::move(*uuid);
    result.name = domain.child("name").text().get();
    result.title = child_text(domain, "title");
    result.vcpus = read_vcpus(domain);
    result.shared_memory = has_shared_memory(domain);
    result.carried = read_carried(domain.child("metadata"), result.uuid);
    const pugi::xml_node device = document->share_device();
    if (device && is_virtiofs(device)) {
        result.share_source = attribute(device.child("source"), "dir");
    } else {
        result.shares_over_9p = static_cast<bool>(device);
    }
    return result;
}

Result<XmlEdit> add_share(std::string_view xml, const fs::path& source_dir,
                          const std::optional<fs::path>& virtiofsd) {
    const auto document = DomainDocument::parse(xml);
    if (!document) {
        return document.error();
    }
    XmlEdit edit;
    require_shared_memory(document->domain(), edit.changes);
    const auto done = require_device(*document, source_dir, virtiofsd, edit.changes);
    if (!done) {
        return done.error();
    }
    edit.xml = edit.changed() ? document->text() : std::string(xml);
    return edit;
}

Result<XmlEdit> remove_share(std::string_view xml) {
    const auto document = DomainDocument::parse(xml);
    if (!document) {
        return document.error();
    }
    XmlEdit edit;
    // More than one when somebody added a second by hand.
    for (pugi::xml_node device = document->share_device(); device && is_virtiofs(device);
         device = document->share_device()) {
        edit.changes.push_back("the share of " +
                               std::string(attribute(device.child("source"), "dir")) +
                               " is removed");
        remove_element(device);
    }
    edit.xml = edit.changed() ? document->text() : std::string(xml);
    return edit;
}

std::string share_device_xml(const fs::path& source_dir, const std::optional<fs::path>& virtiofsd) {
    pugi::xml_document document;
    const pugi::xml_node device = document.append_child("filesystem");
    fill_device(device, source_dir, virtiofsd);
    return print(device, pugi::format_indent);
}

} // namespace wattvisor
