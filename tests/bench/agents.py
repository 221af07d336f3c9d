# SPDX-License-Identifier: Apache-2.0
"""Wattvisor's two agents, measured on a machine that is there already."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.lab.metrics import parse_prometheus, select
from tests.lab.process import Process, free_tcp_port, http_get

from . import cost
from .machine import Hypervisor, settle, user_process_count

INTERVAL = 1.0


@contextlib.contextmanager
def host_agent(bin_folder: Path, work: Path, hypervisor: Hypervisor, pid_files: Path) -> Iterator[tuple[Process, str]]:
    """wattvisor-host run, with shares and the Prometheus exporter."""
    port = free_tcp_port()
    config = work / "host.yaml"
    config.write_text(f"""interval: {INTERVAL:g}s
libvirt: {{uri: "{hypervisor.uri}", run_dir: {pid_files}}}
roots: {{powercap: {work}/powercap}}
shares: {{root: {hypervisor.root}, run_dir: {hypervisor.run_dir}}}
ledger: {{file: {work}/ledger.json, saved_file: {work}/ledger-saved.json}}
exporters: [{{type: prometheus, address: 127.0.0.1, port: {port}}}]
""")
    for ledger in work.glob("ledger*.json"):
        ledger.unlink()
    with Process([bin_folder / "wattvisor-host", "run", "--config", config], work / "host.log") as agent:
        yield agent, f"http://127.0.0.1:{port}/metrics"


@contextlib.contextmanager
def guest_agent(bin_folder: Path, work: Path) -> Iterator[tuple[Process, str]]:
    """wattvisor-guest prometheus on a powercap tree, charging all processes of this machine."""
    port = free_tcp_port()
    with Process([bin_folder / "wattvisor-guest", "--powercap", work / "powercap", "prometheus", "--address",
                  "127.0.0.1", "--port", str(port)], work / "guest.log") as agent:
        yield agent, f"http://127.0.0.1:{port}/metrics"


def measure(agent: Process, url: str, intervals: int) -> dict[str, object]:
    """All figures of a running agent, in JSON's terms."""
    settle(3)
    ticks = cost.tick_cost(agent.pid, INTERVAL, intervals)
    memory = cost.memory_mib(agent.pid)
    scrapes = {name: cost.scrape_cost(agent.pid, url, INTERVAL, headers) for name, headers in cost.FORMATS.items()}
    scrape = scrapes["text"]
    shared = cost.shared_scrape_cost(agent.pid, url, INTERVAL)
    scraped_memory = cost.memory_mib(agent.pid)
    calls = cost.system_calls(agent.pid, INTERVAL, max(5, intervals // 2))
    series = parse_prometheus(http_get(url, 60))
    return {
        "tick": asdict(ticks),
        "memory_mib": memory,
        "memory_scraped_mib": scraped_memory,
        "scrape": {**asdict(scrape), "cpu_ms_per_1000_series": scrape.cpu_ms_per_1000_series},
        "scrapes": {name: asdict(each) for name, each in scrapes.items()},
        "shared_scrape_cpu_ms": shared,
        "system_calls": calls.get("total"),
        "system_calls_by_name": {name: calls[name] for name in list(calls)[:16]},
        "ticks_skipped": int(sum(select(series, "wattvisor_ticks_skipped_total").values())),
        "consumers": len(select(series, "wattvisor_vm_info") or select(series, "scaph_process_power_consumption_microwatts")),
        "processes": user_process_count(),
    }


def beside_bare_calls(agent: Process, bin_folder: Path, work: Path, arguments: list[str | Path],
                      intervals: int) -> dict[str, object]:
    """What the system calls of such a tick cost by themselves, and the agent in the same seconds. See bare_calls.cpp.

    Together, since what a call costs differs by half from one minute to the next on a machine that others use too.
    """
    with (Process([bin_folder / "wattvisor-bench-bare-calls", *arguments], work / "bare-calls.log") as program,
          ThreadPoolExecutor() as pool):
        settle(3)
        costs = [pool.submit(cost.tick_cost, pid, INTERVAL, intervals) for pid in (program.pid, agent.pid)]
        bare, ours = (asdict(each.result()) for each in costs)
    return {"bare_calls": bare, "tick_beside": ours}


def measure_host(bin_folder: Path, work: Path, hypervisor: Hypervisor, pid_files: Path, intervals: int) -> dict[str, object]:
    began = time.monotonic()
    with host_agent(bin_folder, work, hypervisor, pid_files) as (agent, url):
        snapshots = hypervisor.snapshots()
        agent.wait_ready(lambda: all(path.exists() for path in snapshots), 60, "all shares")
        to_first_tree = time.monotonic() - began
        arguments = ["host", work / "powercap", pid_files, hypervisor.run_dir / "shares"]
        return {"first_tree_ms": to_first_tree * 1e3, **measure(agent, url, intervals),
                **beside_bare_calls(agent, bin_folder, work, arguments, intervals)}


def measure_guest(bin_folder: Path, work: Path, intervals: int) -> dict[str, object]:
    with guest_agent(bin_folder, work) as (agent, url):
        agent.wait_ready(lambda: _answers(url), 60, "the first page")
        return {**measure(agent, url, intervals),
                **beside_bare_calls(agent, bin_folder, work, ["guest", work / "powercap"], intervals)}


def _answers(url: str) -> bool:
    try:
        return bool(http_get(url, 30))
    except OSError:
        return False
