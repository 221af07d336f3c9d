// SPDX-License-Identifier: Apache-2.0
#include "libvirt-hooks/hook.hpp"

#include "common/cli/safe_text.hpp"
#include "virtiofs/domain_xml.hpp"
#include "virtiofs/share_mounts.hpp"

#include <utility>

namespace wattvisor::hook {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLibvirtArguments = 4; // NAME OPERATION SUB-OPERATION EXTRA
constexpr std::size_t kShownName = 60;

Error usage(std::string what, std::string where) {
    return Error{Severity::fatal, std::move(what), std::move(where),
                 "Type 'wattvisor-hook --help'"};
}

Result<bool> read_option(std::span<const std::string> options, std::size_t& place,
                         Invocation& invocation) {
    const std::string& option = options[place];
    if (option == "--help" || option == "-h") {
        invocation.wish = Wish::help;
        return true;
    }
    if (option == "--version") {
        invocation.wish = Wish::version;
        return true;
    }
    const std::size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    if (key != "--root" && key != "--run-dir") {
        return usage("unknown option", printable(option, kShownName));
    }
    if (equals == std::string::npos && place + 1 == options.size()) {
        return usage("a folder is missing behind it", key);
    }
    fs::path folder = equals == std::string::npos ? options[++place] : option.substr(equals + 1);
    if (!folder.is_absolute()) {
        return usage("needs a folder that begins with a slash", key);
    }
    (key == "--root" ? invocation.settings.root : invocation.settings.run_dir) = std::move(folder);
    return true;
}

std::string shown(const DomainXml& domain) {
    return "VM " + printable(domain.name, kShownName);
}

void fall_back(const ShareSettings& settings, const DomainXml& domain, Report& report) {
    const auto folder = make_plain_folder(settings, domain.uuid, domain.name);
    if (folder) {
        report.notes.push_back(shown(domain) + " starts with the plain folder " +
                               printable(folder->native()) + ", which its guest can write");
    } else {
        report.problems.push_back(
            shown(domain) + " has no folder to share: " + printable(folder.error().message()));
    }
}

void prepare(const ShareSettings& settings, const DomainXml& domain, Report& report) {
    const auto made = make_share(settings, domain.uuid, domain.name);
    if (!made) {
        report.problems.push_back("cannot make the share of " + shown(domain) + ": " +
                                  printable(made.error().message()));
        fall_back(settings, domain, report);
        return;
    }
    constexpr std::string_view kTexts[] = {"made the share of ", "kept the share of ",
                                           "left the folder that was mounted by hand to "};
    report.notes.push_back(std::string(kTexts[static_cast<std::size_t>(made->state)]) +
                           shown(domain) + ": " + printable(made->exported.native()));
}

void release(const ShareSettings& settings, const DomainXml& domain, Report& report) {
    const auto removed = remove_share(settings, domain.uuid, domain.name);
    if (!removed) {
        report.problems.push_back("cannot remove the share of " + shown(domain) + ": " +
                                  printable(removed.error().message()));
    } else if (!removed->unmounted.empty()) {
        report.notes.push_back("removed the share of " + shown(domain));
    }
}

} // namespace

Result<Invocation> parse_arguments(std::span<const std::string> arguments,
                                   const ShareSettings& configured) {
    Invocation invocation;
    invocation.settings = configured;
    const std::size_t options = arguments.size() < kLibvirtArguments
                                    ? arguments.size()
                                    : arguments.size() - kLibvirtArguments;
    for (std::size_t place = 0; place < options && invocation.wish == Wish::act; ++place) {
        const auto read = read_option(arguments.first(options), place, invocation);
        if (!read) {
            return read.error();
        }
    }
    if (invocation.wish != Wish::act) {
        return invocation;
    }
    if (arguments.size() < kLibvirtArguments) {
        return usage("needs four arguments: NAME OPERATION SUB-OPERATION EXTRA", "wattvisor-hook");
    }
    invocation.domain = arguments[options];
    invocation.operation = arguments[options + 1];
    invocation.sub_operation = arguments[options + 2];
    return invocation;
}

bool needs_xml(const Invocation& invocation) {
    return (invocation.operation == "prepare" && invocation.sub_operation == "begin") ||
           (invocation.operation == "release" && invocation.sub_operation == "end");
}

Report run_hook(const Invocation& invocation, std::string_view xml) {
    Report report;
    if (!needs_xml(invocation)) {
        return report;
    }
    const auto domain = parse_domain(xml);
    if (!domain) {
        report.problems.push_back("cannot read the XML of VM " +
                                  printable(invocation.domain, kShownName) + ": " +
                                  printable(domain.error().message()));
        return report;
    }
    if (domain->share_source.empty()) {
        return report;
    }
    ShareSettings settings = invocation.settings;
    const auto naming = naming_of(settings, domain->uuid, domain->name, domain->share_source);
    if (!naming || domain->name != invocation.domain) {
        report.notes.push_back(shown(*domain) + ": its share " + printable(domain->share_source) +
                               " is not one of those below " + settings.root.string() +
                               ", so it is left alone");
        return report;
    }
    settings.folder = *naming;
    if (invocation.operation == "prepare") {
        prepare(settings, *domain, report);
    } else {
        release(settings, *domain, report);
    }
    return report;
}

} // namespace wattvisor::hook
