# SPDX-License-Identifier: Apache-2.0
"""What a user would otherwise run, measured by the same means on the same machine at the same time.

Debian's exporters are taken where they are installed. Other meters are never built here: their binary is given,
`--peer NAME=PATH`, and this says how it is started.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.process import Process, free_tcp_port, http_get

from . import cost
from .isolation import mount, unmount
from .machine import Hypervisor, settle


@dataclass(frozen=True)
class Place:
    """Where a peer runs."""

    work: Path
    hypervisor: Hypervisor

    @property
    def powercap(self) -> Path:
        return self.work / "powercap"


@dataclass(frozen=True)
class Peer:
    name: str  # in the tables
    # The command line for a port, and what it does by itself: every so many seconds, or only when it is scraped.
    arguments: Callable[[Place, int], list[str | Path]]
    page: str | None = "metrics"
    interval: float | None = None  # of its own loop
    scrape_pause: float = 1.0      # a shorter one would be answered from a cache
    covers_powercap: bool = False  # knows no option for the tree: it is mounted over /sys/class/powercap


def _scaphandre(*arguments: str) -> Callable[[Place, int], list[str | Path]]:
    return lambda _place, port: [argument.format(port=port) for argument in arguments]


DEBIAN = {
    "prometheus-node-exporter": Peer(
        "node_exporter, RAPL collector alone",
        lambda place, port: ["--collector.disable-defaults", "--collector.rapl", f"--path.sysfs={_sysfs(place)}",
                             f"--web.listen-address=127.0.0.1:{port}"]),
    "prometheus-libvirt-exporter": Peer(
        "prometheus-libvirt-exporter",
        lambda place, port: [f"--libvirt.uri={place.hypervisor.uri}", f"--web.listen-address=127.0.0.1:{port}"]),
}

# By the NAME of --peer NAME=PATH: a program may be several peers.
GIVEN = {
    "scaphandre": (
        # Its loop's 5 s are built in: src/exporters/qemu.rs.
        Peer("Scaphandre, qemu", _scaphandre("qemu"), page=None, interval=5.0, covers_powercap=True),
        # Scraped faster than every 2 s, it answers without looking.
        Peer("Scaphandre, prometheus", _scaphandre("prometheus", "--qemu", "--address", "127.0.0.1", "--port", "{port}"),
             scrape_pause=3.0, covers_powercap=True),
    ),
}


def _sysfs(place: Place) -> Path:
    """A /sys with nothing but the energy counters."""
    folder = place.work / "sys/class"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "powercap").exists():
        (folder / "powercap").symlink_to(place.powercap)
    return place.work / "sys"


@contextlib.contextmanager
def covered_powercap(tree: Path) -> Iterator[None]:
    """The tree at /sys/class/powercap, for this run's programs only."""
    # Where the kernel has no such folder, none can be made in sysfs: the classes are hidden, all of them.
    covered = Path("/sys/class/powercap")
    hidden = None if covered.exists() else Path("/sys/class")
    if hidden:
        mount("bench", hidden, "tmpfs")
        covered.mkdir()
    mount(str(tree), covered, flags=4096 | 16384)
    try:
        yield
    finally:
        unmount(covered)
        if hidden:
            unmount(hidden)


def measure(peer: Peer, program: Path, place: Place, intervals: int) -> dict[str, object]:
    port = free_tcp_port()
    with contextlib.ExitStack() as stack:
        if peer.covers_powercap:
            stack.enter_context(covered_powercap(place.powercap))
        process = stack.enter_context(Process([program, *peer.arguments(place, port)], place.work / "peer.log",
                                              cwd=place.work))
        url = f"http://127.0.0.1:{port}/{peer.page}"
        if peer.page:
            process.wait_ready(lambda: _page(url), 60, f"the page of {peer.name}")
        settle(peer.interval or 2)
        result: dict[str, object] = {"name": peer.name, "interval": peer.interval}
        if peer.interval:
            result["tick"] = _loop_cost(process.pid, peer.interval, intervals)
        if peer.page:
            result["scrape"] = asdict(cost.scrape_cost_without_ticks(process.pid, url, peer.scrape_pause))
        if not process.running():
            raise RuntimeError(f"it ended:\n{process.output()[-2000:]}")
        result["memory_mib"] = cost.memory_mib(process.pid)
        calls = cost.system_calls(process.pid, peer.interval, 3) if peer.interval else {}
        result["system_calls"] = calls.get("total")
        return result


def _loop_cost(pid: int, interval: float, intervals: int) -> dict[str, object]:
    """Whole loops: they take a while themselves, so their number is that of the intervals only on average."""
    before, began = cost.cpu_ns(pid), time.monotonic()
    cost.sleep_until(began + interval * intervals)
    used, took = cost.cpu_ns(pid) - before, time.monotonic() - began
    return {"intervals": intervals, "mean_ms": used / 1e6 * interval / took}


def _page(url: str) -> str:
    try:
        return http_get(url, 30)
    except OSError:
        return ""


def find(given: dict[str, Path]) -> list[tuple[Peer, Path]]:
    """The peers that can be measured here."""
    found = [(peer, Path(path)) for program, peer in DEBIAN.items() if (path := shutil.which(program))]
    for name, path in given.items():
        found += [(peer, path) for peer in GIVEN[name]]
    return found
