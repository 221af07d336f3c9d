# SPDX-License-Identifier: Apache-2.0
"""Real QEMU guests under the host agent, held against the CPU time that the kernel counts for each guest's control group.

    python3 -m tests.accuracy.guests [--seconds 60]

Needs root. Three guests of the laboratory: one busy, one with bursts, a TPM and I/O threads, one with little to do. The energy counters
are simulated. What is true of a tick: its energy by the CPU time that each group, and the whole machine, used in it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.lab.guest import Guest
from tests.lab.leftovers import work_folder
from tests.lab.metrics import parse_prometheus, select
from tests.lab.process import exit_on_signals, http_get
from tests.lab.testbed import Testbed
from tests.lab.views import HostView

ROOT = Path(__file__).resolve().parents[2]
BOUND = 0.01
# About 0.4 of a processor, out of step with the ticks.
BURSTS = "setsid sh -c 'while :; do i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; sleep 0.37; done' >/dev/null 2>&1 </dev/null &"


@dataclass(frozen=True)
class Look:
    """The page of one tick, and what the kernel had counted then."""

    view: HostView
    cpu_seconds: dict[str, Decimal]  # the agent's own count, by UUID
    groups_us: dict[str, int]
    machine_us: int


def machine_cpu_time_us() -> int:
    """Of all that ever ran, as the kernel counts it for the root group; /proc/stat steps by 10 ms."""
    for mounted in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct"):
        if (usage := Path(mounted, "cpuacct.usage")).exists():
            return int(usage.read_text()) // 1000
    return int(re.search(r"^usage_usec (\d+)", Path("/sys/fs/cgroup/cpu.stat").read_text())[1])  # type: ignore[index]


class Watch:
    """Looks at each tick as soon as it is on the page."""

    def __init__(self, bed: Testbed, guests: list[Guest]) -> None:
        self._bed = bed
        self._guests = guests

    def looks(self, seconds: float) -> list[Look]:
        """One per tick; the first is where the measurement begins."""
        looks = [self._next(None)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            looks.append(self._next(looks[-1]))
        return looks

    def _next(self, before: Look | None) -> Look:
        first = before.view.at if before else self._bed.host.view().at
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # Counted before the page is asked for: at most one turn of this loop from the tick.
            groups = {guest.uuid: self._group(guest) for guest in self._guests}
            machine = machine_cpu_time_us()
            text = http_get(self._bed.host.url)
            view = HostView.parse(text)
            if view.at != first:
                series = parse_prometheus(text)
                seconds = {dict(labels)["uuid"]: value
                           for labels, value in select(series, "wattvisor_vm_cpu_seconds_total").items()}
                return Look(view, seconds, groups, machine)
            time.sleep(0.005)
        raise TimeoutError("the host agent does not tick")

    def _group(self, guest: Guest) -> int:
        counted = guest.group_cpu_time_us()
        if counted is None:
            raise RuntimeError(f"{guest.name} has no control group of its own")
        return counted


def row(looks: list[Look], guests: list[Guest], source: str) -> dict[str, object]:
    """As wattvisor-accuracy --json has them."""
    vms = [_vm(looks, guest) for guest in guests]
    worst = max(vms, key=lambda vm: vm["error"])
    sums = max(abs(missing) for look in looks for missing in look.view.missing().values())
    return {"load": "QEMU guests", "source": source, "interval_ms": 1000, "length_ms": 1000 * (len(looks) - 1),
            "worst_vm": worst["name"], "error": worst["error"], "zone_error": worst["error"], "sum_error_uj": sums,
            "interval_error": 0, "vms": vms}


def _vm(looks: list[Look], guest: Guest) -> dict[str, object]:
    uuid = guest.uuid
    truth = 0.0
    for before, after in zip(looks, looks[1:]):
        energy = after.view.total(after.view.zones) - before.view.total(before.view.zones)
        used = after.groups_us[uuid] - before.groups_us[uuid]
        truth += energy * used / (after.machine_us - before.machine_us)
    first, last = looks[0], looks[-1]
    charged = last.view.vm_total(uuid) - first.view.vm_total(uuid)
    counted = float(last.cpu_seconds[uuid] - first.cpu_seconds[uuid]) * 1e6
    group = last.groups_us[uuid] - first.groups_us[uuid]
    return {"name": guest.name, "charged": charged / 1e6, "truth": truth / 1e6, "error": abs(charged - truth) / truth,
            "cpu_error": abs(counted - group) / group}


def start_guests(bed: Testbed) -> list[Guest]:
    guests = [bed.guest("wattlab-busy", load="busy"), bed.guest("wattlab-bursts", tpm=True, iothreads=2),
              bed.guest("wattlab-light", load="light")]
    bed.boot(*guests)
    guests[1].run(BURSTS).checked()
    return guests


def measure(bed: Testbed, guests: list[Guest], seconds: float) -> dict[str, object]:
    watch = Watch(bed, guests)
    watch.looks(6)  # the agent looks for helpers in a VM's first ticks
    return row(watch.looks(seconds), guests, source_of(bed))


def source_of(bed: Testbed) -> str:
    """Where the agent takes CPU times from: clock or bpf."""
    (labels,) = select(parse_prometheus(http_get(bed.host.url)), "wattvisor_attribution_info")
    return dict(labels)["cpu_time"]


def components(bed: Testbed, guest: Guest) -> dict[str, float]:
    """Seconds of CPU time by what used it."""
    series = parse_prometheus(http_get(bed.host.url))
    return {dict(labels)["component"]: float(value)
            for labels, value in select(series, "wattvisor_vm_component_cpu_seconds_total", uuid=guest.uuid).items()}


def text_line(result: dict[str, object]) -> str:
    vms = "; ".join(f"{vm['name']} {100 * vm['error']:.3f} % of energy, {100 * vm['cpu_error']:.3f} % of CPU time"
                    for vm in result["vms"])  # type: ignore[attr-defined]
    return f"{result['load']}, {result['source']}, {result['length_ms'] // 1000} s: {vms}; sums off by {result['sum_error_uj']} µJ"  # type: ignore[operator]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.accuracy.guests", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", help="where the programs are")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("guests are started by root")
    exit_on_signals()
    with ExitStack() as stack:
        work = stack.enter_context(work_folder())
        bed = stack.enter_context(Testbed(options.bin, work))
        result = measure(bed, start_guests(bed), options.seconds)
    print(json.dumps([result], indent=2) if options.json else text_line(result))
    return 0 if result["error"] <= BOUND and result["sum_error_uj"] == 0 else 1  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
