# SPDX-License-Identifier: Apache-2.0
"""Instructions per tick and per scrape, counted by callgrind: the same on a busy machine as on an idle one.

    python3 -m tests.bench.instructions            compares them with budgets.json; exit 1 when one is exceeded
    python3 -m tests.bench.instructions --update   makes what is measured now, and some room, the new bounds
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUDGETS = Path(__file__).parent / "budgets.json"
# For compilers and libraries that differ a little; a change of the algorithm is more.
ROOM = 1.12


@dataclass(frozen=True)
class Case:
    agent: str  # host or guest
    consumers: int
    ticks: int = 10
    scrapes: int = 5

    @property
    def name(self) -> str:
        return f"{self.agent} agent, {self.consumers:,} {'VMs' if self.agent == 'host' else 'processes'}"


CASES = (Case("host", 100), Case("host", 1000, 4, 2), Case("guest", 200), Case("guest", 2000, 4, 2))
FIRST_TICKS = 3  # what only the first ticks do is not counted


def measure(bin_folder: Path) -> dict[str, int]:
    """Instructions by "CASE, tick" and "CASE, scrape"."""
    counts: dict[str, int] = {}
    with ThreadPoolExecutor() as pool:
        for measured in pool.map(lambda case: _measure_case(bin_folder, case), CASES):
            counts.update(measured)
    return counts


def _measure_case(bin_folder: Path, case: Case) -> dict[str, int]:
    """By difference, so that neither the start nor the end counts."""
    few = _count(bin_folder, case, FIRST_TICKS, 1)
    more_ticks = _count(bin_folder, case, FIRST_TICKS + case.ticks, 1)
    more_scrapes = _count(bin_folder, case, FIRST_TICKS, 1 + case.scrapes)
    return {f"{case.name}, tick": (more_ticks - few) // case.ticks,
            f"{case.name}, scrape": (more_scrapes - few) // case.scrapes}


def _count(bin_folder: Path, case: Case, ticks: int, scrapes: int) -> int:
    with tempfile.TemporaryDirectory(prefix="wattvisor-bench-") as folder:
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", bin_folder / "wattvisor_tick_bench",
             case.agent, str(case.consumers), str(ticks), str(scrapes), folder],
            capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode != 0 or not collected:
        raise RuntimeError(f"wattvisor_tick_bench under valgrind: exit {result.returncode}\n{result.stderr[-2000:]}")
    return int(collected[1])


def check(counts: dict[str, int], bounds: dict[str, int]) -> list[str]:
    """What is wrong, one sentence each."""
    problems = [f"{name}: {count:,} instructions, {100 * count / bounds[name] - 100:.1f} % above the bound of {bounds[name]:,}"
                for name, count in counts.items() if name in bounds and count > bounds[name]]
    problems += [f"{name}: there is no bound" for name in counts if name not in bounds]
    return problems + [f"{name}: is bounded but not measured" for name in bounds if name not in counts]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", help="where wattvisor_tick_bench is")
    parser.add_argument("--update", action="store_true", help="write new bounds")
    options = parser.parse_args()
    budgets = json.loads(BUDGETS.read_text())
    counts = measure(options.bin)
    if options.update:
        budgets["instructions"] = {name: _rounded(count * ROOM) for name, count in counts.items()}
        BUDGETS.write_text(json.dumps(budgets, indent=2) + "\n")
    bounds = budgets["instructions"]
    print(f"{'instructions':40} {'measured':>14} {'bound':>14}")
    for name, count in counts.items():
        print(f"{name:40} {count:14,} {bounds.get(name, 0):14,}")
    problems = check(counts, bounds)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("Look for what became dearer: valgrind --tool=callgrind build/release/bin/wattvisor_tick_bench, then "
              "callgrind_annotate. If it is worth it: python3 -m tests.bench.instructions --update, and say why in the "
              "commit.", file=sys.stderr)
    return 1 if problems else 0


def _rounded(count: float) -> int:
    """Three digits: a bound is no measurement."""
    step = 10 ** max(0, len(str(int(count))) - 3)
    return -int(-count // step) * step


if __name__ == "__main__":
    sys.exit(main())
