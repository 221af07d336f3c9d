# SPDX-License-Identifier: Apache-2.0
"""The results as tables, for the terminal and for docs/performance.md, and as plots. Text from data; measures nothing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .plot import Line, log_plot

BUDGETS = Path(__file__).parent / "budgets.json"
Row = Sequence[str]
Table = tuple[Row, list[Row]]  # headings, rows


def machine(root: Path) -> dict[str, object]:
    """Where and of what this was measured."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=root, capture_output=True,
                            text=True, check=False).stdout.strip()
    models = {line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")}
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit, "kernel": platform.release().split("-")[0],
            "cpus": os.cpu_count(), "processor": ", ".join(sorted(models)), "load_at_start": os.getloadavg()[0]}


def terminal(results: dict) -> str:
    """All tables, in columns."""
    return "\n".join(f"\n{title}\n{_columns(table)}" for title, table in _tables(results).items())


def update_docs(root: Path, results: dict) -> list[Path]:
    """Writes the plots, and the tables between their markers in docs/performance.md."""
    page = root / "docs/performance.md"
    text = page.read_text(encoding="utf-8")
    for name, content in _sections(results).items():
        begin, end = f"<!-- bench: {name} -->\n", "<!-- bench: end -->"
        at = text.index(begin) + len(begin)
        text = text[:at] + content + text[text.index(end, at):]
    page.write_text(text, encoding="utf-8")
    written = [page]
    for name, svg in plots(results).items():
        path = root / "docs/images" / f"bench-{name}.svg"
        path.write_text(svg, encoding="utf-8")
        written.append(path)
    return written


def _sections(results: dict) -> dict[str, str]:
    tables = _tables(results)
    return {**{name: _markdown(table) for name, table in tables.items()}, "where": _where(results["machine"])}


def _where(there: dict) -> str:
    return (f"Measured on {there['date']} at commit `{there['commit']}`: {there['cpus']} CPUs ({there['processor']}), Linux "
            f"{there['kernel']}, load average {there['load_at_start']:.1f} at the start.\n")


def _tables(results: dict) -> dict[str, Table]:
    tables = {"host agent": _agent_table(results["host"], _host_shape, "VMs × threads"),
              "guest agent": _agent_table(results["guest"], lambda run: f"{run['consumers']:,}", "processes"),
              "scrapes": _scrape_table(results), "peers": _peer_table(results), "budgets": _budget_table(results)}
    if results.get("instructions"):
        tables["instructions"] = (("", "instructions"), [(name, f"{count:,}")
                                                         for name, count in results["instructions"].items()])
    return tables


def _host_shape(run: dict) -> str:
    return f"{run['vms']:,} × {run['threads']}"


def _agent_table(runs: list[dict], shape: Callable[[dict], str], what: str) -> Table:
    head = (what, "CPU per tick, ms", "of it libvirt's thread", "bare calls, ms", "times as much", "system calls per tick", "RSS, MiB", "PSS, MiB",
            "CPU per scrape, ms", "latency, ms", "page, kB", "series")
    rows = []
    for run in runs:
        scrape, memory = run["scrape"], run["memory_scraped_mib"]
        libvirt = run["tick"]["threads_ms"].get("libvirt")
        rows.append((shape(run), _ms(run["tick"]["median_ms"]), "–" if libvirt is None else _ms(libvirt),
                     _ms(run["bare_calls"]["median_ms"]), f"{_over_bare_calls(run):.1f}",
                     "–" if run["system_calls"] is None else f"{run['system_calls']:,.0f}", f"{memory['rss']:.1f}",
                     f"{memory['pss']:.1f}", _ms(scrape["cpu_ms"]), _ms(scrape["latency_ms"]),
                     f"{scrape['page_bytes'] / 1000:,.0f}", f"{scrape['series']:,}"))
    if not any("libvirt" in run["tick"]["threads_ms"] for run in runs):
        return tuple(head[:2] + head[3:]), [row[:2] + row[3:] for row in rows]
    return head, rows


def _over_bare_calls(run: dict) -> float:
    return run["tick_beside"]["median_ms"] / run["bare_calls"]["median_ms"]


def _scrape_table(results: dict) -> Table:
    """Per 1,000 series: where a column stays the same from row to row, that cost is linear."""
    head = ("per 1,000 series", "series", "text: CPU, ms", "kB", "OpenMetrics: CPU, ms", "kB", "gzip: CPU, ms", "kB",
            "one more scraper of a tick: CPU, ms")
    rows: list[Row] = []
    for what, runs in (("VMs", results["host"]), ("processes", results["guest"])):
        for run in runs:
            number = run["vms"] if what == "VMs" else run["consumers"]
            cells = [f"{number:,} {what}", f"{run['scrape']['series']:,}"]
            for scrape in run["scrapes"].values():
                thousands = scrape["series"] / 1000
                cells += [_ms(scrape["cpu_ms"] / thousands), f"{scrape['page_bytes'] / 1000 / thousands:,.1f}"]
            rows.append((*cells, _ms(run["shared_scrape_cpu_ms"] / run["scrape"]["series"] * 1000)))
    return head, rows


def _find(runs: list[dict], **wanted: object) -> dict | None:
    return next((run for run in runs if all(run[key] == value for key, value in wanted.items())), None)


def _peer_table(results: dict) -> Table:
    """Ratios are to Wattvisor's host agent: how many times as much the other one takes."""
    head = ("100 VMs × 16 threads, 200 others", "its loop", "CPU per loop, ms", "CPU per scrape, ms", "series",
            "RSS, MiB", "CPU per loop", "CPU per scrape", "RSS")
    ours = _find(results["host"], vms=100, threads=16)
    if ours is None:
        return head, []
    tick, scrape, rss = ours["tick"]["median_ms"], ours["scrape"]["cpu_ms"], ours["memory_scraped_mib"]["rss"]
    rows: list[Row] = [("**wattvisor-host**, shares and Prometheus", "1 s", _ms(tick), _ms(scrape),
                        f"{ours['scrape']['series']:,}", f"{rss:.1f}", "1", "1", "1")]
    for peer in results["peers"]:
        loop, page = peer.get("tick"), peer.get("scrape")
        rows.append((peer["name"], f"{peer['interval']:g} s" if loop else "–", _ms(loop["mean_ms"]) if loop else "–",
                     _ms(page["cpu_ms"]) if page else "–", f"{page['series']:,}" if page else "–",
                     f"{peer['memory_mib']['rss']:.1f}", f"{loop['mean_ms'] / tick:.1f} ×" if loop else "–",
                     f"{page['cpu_ms'] / scrape:.1f} ×" if page else "–", f"{peer['memory_mib']['rss'] / rss:.1f} ×"))
    return head, rows


def _budget_table(results: dict) -> Table:
    budgets = json.loads(BUDGETS.read_text())
    host, many = _find(results["host"], vms=100, threads=16), _find(results["host"], vms=1000, threads=8)
    guest = _find(results["guest"], wanted=200)
    rows: list[Row] = []

    def add(what: str, unit: str, budget: float, measured: float) -> None:
        used = measured / budget
        rows.append((what, f"≤ {budget:g} {unit}", f"{_ms(measured)} {unit}", f"{100 * used:.0f} %",
                     "holds" if used <= 1 else "**exceeded**"))

    def add_tick(what: str, bound: dict, run: dict) -> None:
        add(f"{what}: CPU per tick", "ms", bound["cpu_ms_per_tick"], run["tick"]["median_ms"])
        add(f"{what}: a tick over its bare system calls", "×", bound["over_bare_calls"], _over_bare_calls(run))

    if host:
        bound = budgets["host agent"]
        add_tick("host agent, 100 VMs × 16 threads", bound, host)
        add("host agent, 100 VMs: RSS", "MiB", bound["rss_mib"], host["memory_scraped_mib"]["rss"])
        add("host agent, 100 VMs: start to first published tree", "ms", bound["first_tree_ms"], host["first_tree_ms"])
        add("host agent, 100 VMs: CPU per 1,000 series of a scrape", "ms", budgets["scrape"]["cpu_ms_per_1000_series"],
            host["scrape"]["cpu_ms_per_1000_series"])
    if many:
        add_tick("host agent, 1,000 VMs × 8 threads", budgets["host agent, 1,000 VMs x 8 threads"], many)
    if guest:
        bound = budgets["guest agent"]
        count = f"guest agent, {guest['consumers']:,} processes"
        add_tick(count, bound, guest)
        add(f"{count}: RSS", "MiB", bound["rss_mib"], guest["memory_scraped_mib"]["rss"])
    return ("what", "budget", "measured", "used", ""), rows


def plots(results: dict) -> dict[str, str]:
    """Growth, by the names of the files in docs/images. None where there is nothing to be seen."""
    host = sorted((run for run in results["host"] if run["threads"] == 16), key=lambda run: run["vms"])
    guest = sorted(results["guest"], key=lambda run: run["consumers"])
    drawn = {}
    if len(host) > 1:
        ends = (host[0]["vms"], host[-1]["vms"])
        drawn["host"] = log_plot("Host agent: CPU time as VMs of 16 threads grow in number", "virtual machines",
                                 "milliseconds of CPU time", [
            Line("tick", [(run["vms"], run["tick"]["median_ms"]) for run in host], 0),
            Line("of it libvirt's thread", [(run["vms"], run["tick"]["threads_ms"]["libvirt"]) for run in host], 1),
            Line("scrape", [(run["vms"], run["scrape"]["cpu_ms"]) for run in host], 2),
            Line("bare system calls", [(run["vms"], run["bare_calls"]["median_ms"]) for run in host], 3),
            Line("5 µs per VM (budget)", [(vms, vms * 0.005) for vms in ends], 4)])
    if len(guest) > 1:
        ends = (guest[0]["consumers"], guest[-1]["consumers"])
        drawn["guest"] = log_plot("Guest agent: CPU time as processes grow in number", "processes",
                                  "milliseconds of CPU time", [
            Line("tick", [(run["consumers"], run["tick"]["median_ms"]) for run in guest], 0),
            Line("scrape", [(run["consumers"], run["scrape"]["cpu_ms"]) for run in guest], 2),
            Line("scrape with gzip", [(run["consumers"], run["scrapes"]["gzip"]["cpu_ms"]) for run in guest], 3),
            Line("5 µs per process (budget)", [(count, count * 0.005) for count in ends], 4)])
    if drawn:
        drawn["memory"] = log_plot("Resident memory as consumers grow in number", "virtual machines, or processes", "MiB",
                                   [line for line in (
            Line("host agent", [(run["vms"], run["memory_scraped_mib"]["rss"]) for run in host], 0),
            Line("guest agent", [(run["consumers"], run["memory_scraped_mib"]["rss"]) for run in guest], 2))
            if line.points])
    return drawn


def _ms(value: float) -> str:
    """Three digits, whatever the size."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _markdown(table: Table) -> str:
    head, rows = table
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _columns(table: Table) -> str:
    head, rows = table
    plain = [[cell.replace("**", "") for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in plain) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) for row in plain)
