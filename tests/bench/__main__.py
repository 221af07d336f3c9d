# SPDX-License-Identifier: Apache-2.0
"""Measures the agents, and what a user would otherwise run, and prints a table. See README.md.

    ./test.sh bench [--quick] [--peer NAME=PATH]... [--json FILE] [--update-docs]

Needs root. About 20 minutes; --quick takes 8. Nothing is asserted but what `./test.sh instructions` does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.lab.process import at_cleanup, exit_on_signals, forget_cleanup

from . import agents, instructions, isolation, peers, report
from .machine import Fleet, Hypervisor, start_counters, start_libvirtd, user_process_count

ROOT = Path(__file__).resolve().parents[2]
OTHERS = 200  # processes that are no VM, as any host has
# (VMs, threads of each)
HOST_SHAPES = ((1, 16), (10, 16), (100, 16), (1000, 16), (1000, 8))
PEER_SHAPE = (100, 16)
GUEST_SHAPES = (100, 200, 1000, 10000)  # with those that run here anyway


def main() -> int:
    options = _options()
    exit_on_signals()
    isolation.own_mounts()
    began = time.monotonic()
    with _work_folder() as work, start_counters(options.bin, work), start_libvirtd(work):
        bench = Bench(options, work)
        results = {"machine": report.machine(ROOT), **bench.run()}
    results["machine"]["took_s"] = round(time.monotonic() - began)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    print(report.terminal(results))
    print(f"\nAll figures: {options.json}")
    if options.update_docs:
        for path in report.update_docs(ROOT, results):
            print(f"written: {path.relative_to(ROOT)}")
    return 0


class Bench:
    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self._options = options
        self._work = work

    def run(self) -> dict[str, object]:
        results: dict[str, object] = {"host": [], "guest": [], "peers": []}
        for vms, threads in self._options.vms:
            with self._say(f"host agent, {vms:,} VMs of {threads} threads"), self._host(vms, threads) as hypervisor:
                measured = agents.measure_host(self._options.bin, self._work, hypervisor, self._pid_files,
                                               self._options.ticks)
                results["host"].append({"vms": vms, "threads": threads, **measured})
            if (vms, threads) == PEER_SHAPE:
                results["peers"] = self._peers(vms, threads)
        for count in self._options.processes:
            more = max(1, count - user_process_count())
            with self._say(f"guest agent, {count:,} processes"), self._fleet(more, 1, "process-", "postgres"):
                results["guest"].append({"wanted": count, **agents.measure_guest(self._options.bin, self._work,
                                                                                  self._options.ticks)})
        with self._say("instructions"):
            results["instructions"] = instructions.measure(self._options.bin)
        return results

    @contextlib.contextmanager
    def _host(self, vms: int, threads: int) -> Iterator[Hypervisor]:
        with (self._fleet(OTHERS, 1, "other-", "postgres"), self._fleet(vms, threads, "bench-", "qemu-system-x86_64") as qemu,
              Hypervisor(self._work, vms) as hypervisor):
            self._pid_files = qemu.run_dir
            yield hypervisor

    def _peers(self, vms: int, threads: int) -> list[dict[str, object]]:
        results = []
        for peer, program in peers.find(self._options.peer):
            with self._say(peer.name), self._host(vms, threads) as hypervisor:
                try:
                    results.append(peers.measure(peer, program, peers.Place(self._work, hypervisor),
                                                 max(3, self._options.ticks // 4)))
                except (OSError, RuntimeError) as problem:
                    print(f" cannot be measured: {problem}", end="")
        return results

    def _fleet(self, count: int, threads: int, prefix: str, name: str) -> Fleet:
        return Fleet(self._options.bin, self._work, count, threads, prefix, name)

    @contextlib.contextmanager
    def _say(self, what: str) -> Iterator[None]:
        print(f"bench: {what} …", end="", flush=True)
        began = time.monotonic()
        yield
        print(f" {time.monotonic() - began:.0f} s", flush=True)


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """On a tmpfs of our own: it ends with us, and no disk is measured."""
    folder = Path(tempfile.mkdtemp(prefix="wattvisor-bench-"))
    remove = at_cleanup(folder.rmdir)
    isolation.mount("bench", folder, "tmpfs", options="mode=755")
    try:
        yield folder
    finally:
        isolation.unmount(folder)
        forget_cleanup(remove)
        folder.rmdir()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./test.sh bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", help="where the programs are")
    parser.add_argument("--quick", action="store_true", help="fewer ticks, no more than 100 VMs and 1,000 processes")
    parser.add_argument("--ticks", type=int, default=30, help="how many ticks are measured of each [30]")
    parser.add_argument("--vms", type=_shapes, help="numbers of VMs and their threads, as 100x16,1000x8")
    parser.add_argument("--processes", type=_numbers, help="numbers of processes, as 100,1000")
    parser.add_argument("--peer", action="append", type=_peer, default=[], metavar="NAME=PATH",
                        help=f"another meter's program; NAME is one of: {', '.join(peers.GIVEN)}")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench/results.json", help="[build/bench/results.json]")
    parser.add_argument("--update-docs", action="store_true", help="write the tables and plots of docs/performance.md")
    options = parser.parse_args()
    options.peer = dict(options.peer)
    if options.quick:
        options.ticks = min(options.ticks, 10)
    options.vms = options.vms if options.vms is not None else [s for s in HOST_SHAPES if s[0] <= 100 or not options.quick]
    options.processes = options.processes if options.processes is not None else [
        count for count in GUEST_SHAPES if count <= 1000 or not options.quick]
    if os.geteuid() != 0:
        parser.error("the benchmark mounts shares and starts a libvirtd: run it as root")
    return options


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _shapes(text: str) -> list[tuple[int, int]]:
    shapes = [tuple(map(int, shape.split("x"))) for shape in text.split(",") if shape]
    if any(len(shape) != 2 for shape in shapes):
        raise argparse.ArgumentTypeError("a shape is VMsxTHREADS, as 100x16")
    return shapes


def _peer(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in peers.GIVEN:
        raise argparse.ArgumentTypeError(f"{name!r} is not known; there are: {', '.join(peers.GIVEN)}")
    program = Path(path).expanduser().resolve()
    if not os.access(program, os.X_OK):
        raise argparse.ArgumentTypeError(f"{path!r} is no program")
    return name, program


if __name__ == "__main__":
    sys.exit(main())
