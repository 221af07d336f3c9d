# SPDX-License-Identifier: Apache-2.0
"""Makes the table of docs/accuracy.md.

    ./test.sh accuracy [--seconds 60] [--without live|guests]... [--json FILE] [--update-docs]

Simulated loads take seconds; live ones three runs of --seconds each, and one more for real guests: half an hour. Live
processes and guests need root. Exit status 1 where a row does not keep within its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from . import report

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    options = _options()
    results: dict[str, object] = {"machine": report.machine(ROOT), "simulated": _rows(options, [])}
    if "live" not in options.without:
        results["live"] = _rows(options, ["--live", "--seconds", str(options.seconds)])
    if "guests" not in options.without:
        results["guests"] = _guests(options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    print(report.terminal(results))
    print(f"All figures: {options.json}")
    if options.update_docs:
        report.update_docs(ROOT / "docs/accuracy.md", results)
        print("written: docs/accuracy.md")
    return 0 if all(report.holds(kind, row) for kind in report.KINDS for row in results.get(kind, [])) else 1  # type: ignore[attr-defined]


def _rows(options: argparse.Namespace, arguments: list[str]) -> list[dict]:
    return _json([str(options.bin / "wattvisor-accuracy"), "--json", *arguments])


def _guests(options: argparse.Namespace) -> list[dict]:
    return _json([sys.executable, "-m", "tests.accuracy.guests", "--json", "--bin", str(options.bin), "--seconds",
                  str(options.seconds)])


def _json(command: list[str]) -> list[dict]:
    """Status 1 is a row that is out of bounds, which is for the table to tell."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout.strip():
        raise SystemExit(f"{command[0]} printed nothing: status {done.returncode}")
    return json.loads(done.stdout)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./test.sh accuracy", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", help="where the programs are")
    parser.add_argument("--seconds", type=float, default=60, help="how long live rows are [60]")
    parser.add_argument("--without", action="append", default=[], choices=("live", "guests"), help="leave these rows out")
    parser.add_argument("--json", type=Path, default=ROOT / "build/accuracy/results.json",
                        help="[build/accuracy/results.json]")
    parser.add_argument("--update-docs", action="store_true", help="write the tables of docs/accuracy.md")
    options = parser.parse_args()
    if os.geteuid() != 0 and set(options.without) != {"live", "guests"}:
        parser.error("live processes and guests need root; or leave them out: --without live --without guests")
    return options


if __name__ == "__main__":
    sys.exit(main())
