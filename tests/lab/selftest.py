# SPDX-License-Identifier: Apache-2.0
"""Shows that the laboratory works on this machine: python3 -m tests.lab.selftest, as root, from the project's root.

What must work is a check: one that fails makes the exit status 1. What depends on the virtiofsd (odd characters in
paths) is only reported.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

from .domain_xml import GuestConfig, Share
from .guest import PREFIX, Guest
from .image import Image, build_image
from .leftovers import work_folder
from .libvirtd import Libvirtd
from .metrics import parse_prometheus
from .process import exit_on_signals, free_tcp_port, http_get, wait_until
from .share import HandmadeShare

ODD_NAMES = ("with space", "a=b", "a,b", "Zähler ⚡", "<&'\">", "back\\slash", "100%")
FILE = "intel-rapl:0/energy_uj"
IN_GUEST = f"/var/scaphandre/{FILE}"


class Report:
    """Prints what was checked and remembers whether all of it held."""

    def __init__(self) -> None:
        self.failed = 0

    def check(self, what: str, action: Callable[[], str | None]) -> bool:
        """The action returns a remark, or raises. A failure does not keep the other checks from running."""
        try:
            remark = action()
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the finding
            self.failed += 1
            print(f"FAIL {what}: {error}", flush=True)
            return False
        print(f"ok   {what}{f': {remark}' if remark else ''}", flush=True)
        return True


def expect(found: object, wanted: object) -> None:
    """As assert, but also under python3 -O, and it says what was found."""
    if found != wanted:
        raise AssertionError(f"found {found!r}, expected {wanted!r}")


def check_parser() -> None:
    """The text format, at its corners: escapes, commas and braces in a label's value, sixteen and more digits."""
    text = '# HELP a b\na{x="1,\\"}\\\\",y="\\n"} 12345678901234567890.25 1700000000\nb 1e3\n\n'
    expect(parse_prometheus(text), {
        ("a", frozenset({("x", '1,"}\\'), ("y", "\n")})): Decimal("12345678901234567890.25"),
        ("b", frozenset()): Decimal(1000)})


def boot(guest: Guest) -> str:
    before = time.monotonic()
    guest.start()
    guest.wait_ready()
    return f"{time.monotonic() - before:.1f} s"


def check_share(report: Report, guest: Guest, share: HandmadeShare) -> None:
    """Reading, reading what was updated in place, and not writing."""

    def reads() -> None:
        expect(guest.run(f"cat {IN_GUEST}").checked(), "1000000\n")

    def updated() -> str:
        # Kept open on both sides, as a reader of counters may do.
        guest.run(f"exec 3<{IN_GUEST}; (sleep 2; cat <&3 >/tmp/kept-open) >/dev/null 2>&1 &").checked()
        share.write(FILE, b"2000000\n")
        before = time.monotonic()
        wait_until(lambda: guest.run(f"cat {IN_GUEST}").output == "2000000\n", 5, "the new value in the guest")
        took = time.monotonic() - before
        wait_until(lambda: guest.run("cat /tmp/kept-open").output == "2000000\n", 10, "the value in a file kept open")
        share.write(FILE, b"1000000\n")
        return f"seen after {took:.2f} s, most of it the console's"

    def refuses() -> None:
        for attempt in (f"echo 9 > {IN_GUEST}", "mkdir /var/scaphandre/new", f"rm {IN_GUEST}",
                        f"chmod 777 {IN_GUEST}", f"mv {IN_GUEST} /var/scaphandre/other"):
            result = guest.run(attempt)
            if result.status == 0 or "Read-only file system" not in result.output:
                raise AssertionError(f"{attempt}: exit {result.status}: {result.output}")
        expect((share.writable / FILE).read_bytes(), b"1000000\n")

    report.check("the guest reads the share", reads)
    report.check("it sees an update in place", updated)
    report.check("it cannot write: read-only file system", refuses)


def check_guest(report: Report, guest: Guest, port: int) -> None:
    """Console, network, processor time, reboots."""

    def console() -> None:
        result = guest.run("seq 1 20000; echo 'ü ⚡ \"$\"' >&2; exit 7")
        expect((result.status, result.output), (7, "".join(f"{n}\n" for n in range(1, 20001)) + 'ü ⚡ "$"\n'))
        # Longer than what a terminal takes in one line.
        expect(guest.run(f"printf %s {'x' * 9000} | wc -c").checked().strip(), "9000")

    def interrupted() -> None:
        try:
            guest.run("sleep 100", timeout=1)
            raise AssertionError("no timeout")
        except TimeoutError:
            expect(guest.run("echo on").checked(), "on\n")

    def network() -> None:
        guest.run("mkdir -p /tmp/www; echo hello >/tmp/www/index.html; httpd -p 8080 -h /tmp/www").checked()
        expect(http_get(f"http://127.0.0.1:{port}/"), "hello\n")

    def cpu_time() -> str:
        before, start = guest.cpu_time_ns(), time.monotonic()
        wait_until(lambda: guest.cpu_time_ns() > before, 10, "a step of the CPU time")
        # Most of a processor: the load is "busy".
        time.sleep(2)
        used = (guest.cpu_time_ns() - before) / (time.monotonic() - start) / 1e9
        if used < 0.3:
            raise AssertionError(f"only {used:.2f} CPUs under full load")
        return f"{used:.2f} CPUs, QEMU is {guest.qemu_pid()}"

    def reboots() -> str:
        before = guest.qemu_pid()
        times = []
        for hard in (False, True):
            start = time.monotonic()
            guest.reboot(hard=hard)
            times.append(f"{time.monotonic() - start:.1f} s")
            expect(guest.run(f"cat {IN_GUEST}").checked(), "1000000\n")
        expect(guest.qemu_pid(), before)
        return " and ".join(times)

    report.check("the console returns status and output, whatever is in it", console)
    report.check("a command that takes too long is interrupted", interrupted)
    report.check("a forwarded port reaches the guest", network)
    report.check("libvirt's CPU time of a busy guest", cpu_time)
    report.check("reboot from inside and reset, the share is there again", reboots)


def check_virtiofsd(report: Report, work: Path, image: Image, libvirtd: Libvirtd, binary: Path | None) -> None:
    """All that must work with one virtiofsd: two guests beside each other, one of them transient."""
    with ExitStack() as stack:
        shares = [stack.enter_context(HandmadeShare(work / f"rw{n}", work / f"ro{n}")) for n in (1, 2)]
        for share in shares:
            share.write(FILE, b"1000000\n")
        port = free_tcp_port()
        first = stack.enter_context(Guest(GuestConfig(
            f"{PREFIX}-1", image, Share(shares[0].source, virtiofsd=binary), {port: 8080}, load="busy"), work))
        second = stack.enter_context(Guest(GuestConfig(
            f"{PREFIX} 2: Zähler ⚡, a=b <&'\">", image, mount=False, persistent=True), work))
        if not report.check("boot, busy guest", lambda: boot(first)):
            print(first.libvirt_log()[-1500:])
            return
        check_share(report, first, shares[0])
        check_guest(report, first, port)
        if not report.check("boot, persistent guest of an odd name", lambda: boot(second)):
            return

        def hotplug() -> None:
            share = Share(shares[1].source, virtiofsd=binary)
            second.attach_share(share)
            # The guest's kernel takes a moment to find the device.
            wait_until(lambda: second.run("mount -t virtiofs scaphandre /var/scaphandre").status == 0, 10, "mount")
            expect(second.run(f"cat {IN_GUEST}").checked(), "1000000\n")
            second.run("umount /var/scaphandre").checked()
            second.detach_share(share)

        def restart() -> None:
            libvirtd.restart()
            expect((first.running(), second.running()), (True, True))
            expect(first.run(f"cat {IN_GUEST}").checked(), "1000000\n")

        def again() -> str:
            second.destroy()
            return boot(second)

        report.check("a share is attached to a running guest and detached", hotplug)
        if libvirtd.own:
            report.check("guests survive a restart of libvirtd", restart)
        report.check("a persistent guest ends and starts again", again)


def report_names(work: Path, image: Image, binary: Path | None) -> None:
    """Which characters this virtiofsd takes: in the domain's name alone, and in the share's path too."""
    for name in ODD_NAMES:
        for folder in (f"{PREFIX} {name}", "plain"):
            with ExitStack() as stack:
                share = stack.enter_context(HandmadeShare(work / "rw", work / folder))
                share.write(FILE, b"1000000\n")
                guest = stack.enter_context(Guest(GuestConfig(
                    f"{PREFIX} {name}", image, Share(share.source, virtiofsd=binary)), work))
                outcome = try_share(guest)
            print(f"     name {name!r}, path {folder!r}: {outcome}", flush=True)
            # A path that works has shown the name to work, too.
            if outcome == "works":
                break


def try_share(guest: Guest) -> str:
    """"works", or why not: what virtiofsd said, which libvirt does not pass on."""
    try:
        boot(guest)
        expect(guest.run(f"cat {IN_GUEST}").checked(), "1000000\n")
        # It has a pid file, and that is where we look for it.
        expect(Path(f"/proc/{guest.qemu_pid()}/exe").readlink().name[:4], "qemu")
        return "works"
    except (RuntimeError, TimeoutError, AssertionError, OSError) as error:
        # The first line that is not libvirt's note of the command; libvirt itself only says that QEMU ended.
        said = [line for line in guest.virtiofsd_log().splitlines() if line and " --fd=" not in line
                and "Starting external device" not in line]
        return f"does not work: virtiofsd says: {said[0]}" if said else f"does not work: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.lab.selftest", description=__doc__)
    parser.add_argument("--virtiofsd", type=Path, action="append", default=[], metavar="PATH",
                        help="try this one too, beside the one that libvirt finds (may be repeated)")
    parser.add_argument("--no-names", action="store_true", help="leave out the odd names")
    options = parser.parse_args()
    exit_on_signals()
    report = Report()
    report.check("Prometheus parser", check_parser)
    with work_folder() as work, Libvirtd(work) as libvirtd:
        image = build_image(work / "image")
        print(f"     kernel {image.version}, libvirtd {'of our own' if libvirtd.own else 'of the machine'}")
        for binary in (None, *options.virtiofsd):
            print(f"--   virtiofsd: {binary or 'the one that libvirt finds'}", flush=True)
            check_virtiofsd(report, work, image, libvirtd, binary)
            if not options.no_names:
                report_names(work, image, binary)
    print(f"{report.failed} failed" if report.failed else "all works")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
