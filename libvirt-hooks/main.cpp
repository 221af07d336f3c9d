// SPDX-License-Identifier: Apache-2.0
// wattvisor-hook: libvirt runs it at each step of a VM's life. It exits with 0 whatever happens,
// within two seconds, and says nothing on standard output: a hook that fails or hangs keeps the VM
// from starting, and libvirt takes what a hook prints for the VM's new XML when a migration comes
// in.
#include "common/base/text_file.hpp"
#include "libvirt-hooks/hook.hpp"
#include "libvirt-hooks/hook_input.hpp"
#include "virtiofs/domain_xml.hpp"
#include "virtiofs/share_settings_yaml.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace wattvisor;

constexpr const char* kConfiguration = "/etc/wattvisor/host.yaml"; // the agent's, by default
constexpr time_t kDeadlineSeconds = 2;
constexpr std::chrono::milliseconds kInputDeadline{1500};

constexpr const char* kHelp =
    R"(wattvisor-hook makes the share of a VM before it starts and removes it afterwards.

libvirt runs it; nobody has to. To install it:
  ln -s )" WATTVISOR_LIBEXECDIR R"(/wattvisor-hook /etc/libvirt/hooks/qemu.d/wattvisor
  systemctl reload libvirtd      # libvirt looks for new hooks only then

Usage: wattvisor-hook [OPTIONS] NAME OPERATION SUB-OPERATION EXTRA  < domain.xml
  --root DIR      the folders that VMs mount (/var/lib/libvirt/scaphandre)
  --run-dir DIR   the private side of them (/run/wattvisor)
                  Both come from the part "shares" of /etc/wattvisor/host.yaml if it is there.
  --help, --version

To try it by hand, as root:
  virsh dumpxml NAME | wattvisor-hook NAME prepare begin -
  findmnt /var/lib/libvirt/scaphandre/NAME
  virsh dumpxml NAME | wattvisor-hook NAME release end -
It always exits with 0; what went wrong is in the journal: journalctl -t wattvisor-hook
)";

extern "C" void give_up(int /*signal*/) {
    constexpr std::string_view kText = "wattvisor-hook: gave up after 2 s, so that the VM starts\n";
    // Nothing else is safe in a signal handler; the result would change nothing.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
    ::_exit(0);
}

void limit_time() {
    struct sigaction action {};
    action.sa_handler = give_up;
    ::sigaction(SIGALRM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    // Masks and dispositions are inherited from whoever started us.
    sigset_t alarm;
    ::sigemptyset(&alarm);
    ::sigaddset(&alarm, SIGALRM);
    ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
    const itimerval timer{{0, 0}, {kDeadlineSeconds, 0}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

void tell_problem(const std::string& text) {
    ::syslog(LOG_WARNING, "%s", text.c_str());
    const std::string line = "wattvisor-hook: " + text + "\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

void act(const hook::Invocation& invocation) {
    if (!hook::needs_xml(invocation)) {
        return;
    }
    const auto xml = hook::read_input(STDIN_FILENO, kLargestDomainXml, kInputDeadline);
    if (!xml) {
        tell_problem(xml.error().message());
        return;
    }
    const hook::Report report = hook::run_hook(invocation, *xml);
    for (const std::string& note : report.notes) {
        ::syslog(LOG_INFO, "%s", note.c_str());
    }
    for (const std::string& problem : report.problems) {
        tell_problem(problem);
    }
}

// What the agent's configuration says of shares, so that both agree. Mistakes in it are the agent's
// to refuse: a VM starts all the same, with the defaults for what cannot be read.
ShareSettings configured_settings() {
    const auto text = read_text(kConfiguration);
    return text ? read_share_settings(*text, kConfiguration).settings : ShareSettings();
}

void run(const std::vector<std::string>& arguments) {
    const auto invocation = hook::parse_arguments(arguments, configured_settings());
    if (!invocation) {
        tell_problem(invocation.error().message());
    } else if (invocation->wish == hook::Wish::help) {
        std::fputs(kHelp, stdout);
    } else if (invocation->wish == hook::Wish::version) {
        std::puts("wattvisor-hook " WATTVISOR_VERSION);
    } else {
        act(*invocation);
    }
}

} // namespace

int main(int argc, char** argv) {
    limit_time();
    ::umask(022); // libvirt's own must not decide who can enter the folders
    ::openlog("wattvisor-hook", LOG_PID, LOG_DAEMON);
    try {
        run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
    } catch (const std::exception& error) {
        ::syslog(LOG_WARNING, "%s", error.what());
    }
    return 0;
}
