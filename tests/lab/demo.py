# SPDX-License-Identifier: Apache-2.0
"""The demonstration: two real VMs, the host's view of their energy and their own, side by side and live.

Run by ./demo.sh. Ends by itself with a summary, and exit status 1 if the two views differ by a single microjoule.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .guest import Guest
from .leftovers import work_folder
from .process import exit_on_signals
from .testbed import Testbed
from .views import HostView, Measured, Recorder, Recording, top_process

BUSY, NEARLY_IDLE = "wattlab-busy", "wattlab-idle"
TICKS = 20
LONGEST_SECONDS = 120.0

BOLD, DIM, GREEN, RED, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"


class Screen:
    """Prints; on a terminal in colour, and a table that is drawn again stays in its place."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._drawn = 0

    def colour(self, code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if self._live else text

    def say(self, text: str = "") -> None:
        self._drawn = 0
        print(text, flush=True)

    def draw(self, head: list[str], lines: list[str]) -> None:
        """Over the table before; where that cannot be, the head stands once and the lines go on below it."""
        if not self._live:
            lines = (lines if self._drawn else head + lines)
        elif self._drawn:
            print(f"\033[{self._drawn}A", end="")
        for line in head + lines if self._live else lines:
            print(line + ("\033[K" if self._live else ""))
        sys.stdout.flush()
        self._drawn = len(head + lines)


@dataclass(frozen=True)
class Summary:
    """What the demonstration found; all sums are over the zones that lie side by side (package and dram)."""

    vms: list[dict[str, object]]
    zones_uj: int
    vms_uj: int
    other_uj: int
    idle_uj: int
    conserved: bool
    agreeing: int
    compared: int

    @property
    def agrees(self) -> bool:
        return self.compared > 0 and self.agreeing == self.compared

    def to_json(self) -> str:
        return json.dumps({"vms": self.vms, "zones_uj": self.zones_uj, "vms_uj": self.vms_uj,
                           "other_uj": self.other_uj, "idle_uj": self.idle_uj, "conserved": self.conserved},
                          ensure_ascii=False)


def summarise(recording: Recording, names: dict[str, str]) -> Summary:
    """Compares every tick that all have seen, and adds up at the last of them."""
    common = recording.common()
    if not common:
        raise RuntimeError("the host and the guests were never seen at the same tick")
    agreeing = sum(recording.guests[uuid][at].counters == recording.host[at].vms[uuid]
                   for at in common for uuid in names)
    at = common[-1]
    host = recording.host[at]
    vms: list[dict[str, object]] = []
    for uuid, name in names.items():
        guest = recording.guests[uuid][at]
        vms.append({"name": name, "host_uj": host.vm_total(uuid), "guest_uj": guest.total(guest.counters),
                    "seq": at.sequence})
    sums = [host.total(host.zones), sum(map(host.total, host.vms.values())) + host.total(host.ended),
            host.total(host.other), host.total(host.idle)]
    exact = all(not any(view.missing().values()) for view in recording.host.values())
    return Summary(vms, *sums, exact and sums[0] == sum(sums[1:]), agreeing, len(common) * len(names))


def head(screen: Screen) -> list[str]:
    return [screen.colour(BOLD, f"{'':15}{'the hypervisor says':>24}{'the VM says of itself':>28}"),
            screen.colour(DIM, f"{'VM':15}{'watts':>8}{'joules':>16}    {'watts':>8}{'joules':>16}  busiest process")]


def table(screen: Screen, recording: Recording, names: dict[str, str], at: Measured) -> list[str]:
    """Both views at one tick."""
    host = recording.host[at]
    lines = [row(screen, name, host, uuid, recording, at) for uuid, name in names.items()]
    missing = sum(host.missing().values())
    lines.append(screen.colour(DIM, f"tick {at.sequence}: zones {host.total(host.zones) / 1e6:.6f} J = VMs + other "
                                    f"{host.total(host.other) / 1e6:.6f} J + idle "
                                    f"{host.total(host.idle) / 1e6:.6f} J, off by {missing} µJ"))
    return lines


def row(screen: Screen, name: str, host: HostView, uuid: str, recording: Recording, at: Measured) -> str:
    guest = recording.guests[uuid][at]
    watts = host.powers.get(uuid)
    own = guest.total(guest.counters)
    same = own == host.vm_total(uuid)
    sign = screen.colour(GREEN if same else RED, " = " if same else " ≠ ")
    said = "-" if watts is None else f"{watts:.3f}"
    sees = "-" if guest.power_uw is None else f"{guest.power_uw / 1e6:.3f}"
    return (f"{name:15}{said:>8}{host.vm_total(uuid) / 1e6:>16.6f} {sign}{sees:>8}{own / 1e6:>16.6f}  "
            f"{top_process(guest)}")


def watch(screen: Screen, bed: Testbed, guests: list[Guest]) -> Recording:
    names = {guest.uuid: guest.name for guest in guests}
    urls = {uuid: bed.agents[uuid].url for uuid in names}
    ends = time.monotonic() + LONGEST_SECONDS
    with Recorder(bed.host.url, urls) as recorder:
        shown: Measured | None = None
        while len(common := recorder.recording.common()) < TICKS and time.monotonic() < ends:
            if common and common[-1] != shown:
                shown = common[-1]
                screen.draw(head(screen), table(screen, recorder.recording, names, shown))
            time.sleep(0.2)
    return recorder.recording


def tell(screen: Screen, summary: Summary) -> None:
    def verdict(good: bool, text: str) -> None:
        screen.say(screen.colour(GREEN if good else RED, "  ✔ " if good else "  ✘ ") + text)

    screen.say()
    verdict(summary.agrees, f"The two views agree to the microjoule in {summary.agreeing} of {summary.compared} "
                            "comparisons at the same tick.")
    verdict(summary.conserved, f"The sums are {'exact' if summary.conserved else 'off'}: zones {summary.zones_uj} µJ = "
                               f"VMs {summary.vms_uj} + other {summary.other_uj} + idle {summary.idle_uj} µJ.")


def explain(screen: Screen, bed: Testbed) -> None:
    daemon = "a libvirtd of its own" if bed.libvirtd.own else "the libvirtd that runs here"
    screen.say(screen.colour(BOLD, "Wattvisor: a power meter for every virtual machine"))
    screen.say(f"Real: {daemon}, QEMU, virtiofs, the guests' kernels and processes, this machine's load.")
    screen.say("Simulated: the RAPL counters (10 W idle and 15 W per busy CPU), so that this runs on any machine.")
    screen.say()


def run(programs: Path) -> Summary:
    screen = Screen()
    with work_folder() as work, Testbed(programs, work) as bed:
        explain(screen, bed)
        guests = [bed.guest(BUSY, load="busy"), bed.guest(NEARLY_IDLE, load="light")]
        screen.say("Starting two VMs, each with the guest agent inside; an emulated VM boots in 10 to 30 s …")
        bed.boot(*guests)
        for guest in guests:
            bed.agents[guest.uuid].wait_for_power(60)
        screen.say()
        recording = watch(screen, bed, guests)
        summary = summarise(recording, {guest.uuid: guest.name for guest in guests})
        tell(screen, summary)
        screen.say()
        screen.say("Removing the VMs, their shares and all else that was made here …")
    screen.say("Done.")
    return summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="./demo.sh", description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object on the last line")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    exit_on_signals()
    summary = run(arguments.programs)
    if arguments.json:
        print(summary.to_json(), flush=True)
    return 0 if summary.agrees and summary.conserved else 1


if __name__ == "__main__":
    sys.exit(main())
