# SPDX-License-Identifier: Apache-2.0
"""The rows as tables, for the terminal and for docs/accuracy.md. Text from data; measures nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

BOUND = 0.01
KINDS = ("simulated", "live", "guests")
# What a row is not bound by, and why: see the page.
UNBOUND = {("short-lives", "clock", 1000), ("short-lives", "clock", 100), ("two-socket", "clock", 100)}
HEAD = {
    "simulated": ("load", "tick", "VMs", "worst VM", "by zone", "sum off by", "price of the tick"),
    "live": ("load", "source", "tick", "worst VM", "which", "by zone", "sum off by"),
    "guests": ("VM", "source", "tick", "energy", "CPU time", "sum off by"),
}


def machine(root: Path) -> dict[str, object]:
    """Where and of what this was measured."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=root, capture_output=True,
                            text=True, check=False).stdout.strip()
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit, "kernel": platform.release().split("-")[0],
            "cpus": os.cpu_count(), "load_at_start": os.getloadavg()[0]}


def holds(kind: str, row: dict) -> bool:
    is_bound = kind != "live" or (row["load"], row["source"], row["interval_ms"]) not in UNBOUND
    return row["sum_error_uj"] == 0 and (not is_bound or max(row["error"], row["zone_error"]) <= BOUND)


def terminal(results: dict) -> str:
    return "\n".join(f"{kind}\n{_columns((HEAD[kind], _cells(kind, results[kind])))}\n" for kind in KINDS if kind in results)


def update_docs(page: Path, results: dict) -> None:
    """Writes the tables between their markers; those of rows that were left out stay."""
    text = page.read_text(encoding="utf-8")
    sections = {kind: _markdown(HEAD[kind], _cells(kind, results[kind])) for kind in KINDS if kind in results}
    for name, content in {**sections, "where": _where(results["machine"])}.items():
        begin, end = f"<!-- accuracy: {name} -->\n", "<!-- accuracy: end -->"
        at = text.index(begin) + len(begin)
        text = text[:at] + content + text[text.index(end, at):]
    page.write_text(text, encoding="utf-8")


def _cells(kind: str, rows: list[dict]) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = []
    for row in rows:
        tick, off = f"{row['interval_ms']} ms", f"{row['sum_error_uj']} µJ"
        if kind == "simulated":
            cells.append((row["load"], tick, str(len(row["vms"])), _percent(row["error"]), _percent(row["zone_error"]), off,
                          _percent(row["interval_error"])))
        elif kind == "live":
            cells.append((row["load"], row["source"], tick, _percent(row["error"]), row["worst_vm"],
                          _percent(row["zone_error"]), off))
        else:
            cells += [(vm["name"], row["source"], tick, _percent(vm["error"]), _percent(vm["cpu_error"]), off)
                      for vm in row["vms"]]
    return cells


def _percent(part: float) -> str:
    return f"{100 * part:.3f} %"


def _where(there: dict) -> str:
    return (f"Measured on {there['date']} at commit `{there['commit']}`: {there['cpus']} CPUs, Linux {there['kernel']}, load "
            f"average {there['load_at_start']:.1f} at the start.\n")


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _columns(table: tuple[tuple[str, ...], list[tuple[str, ...]]]) -> str:
    head, rows = table
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) for row in (head, *rows))
