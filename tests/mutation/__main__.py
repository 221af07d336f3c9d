# SPDX-License-Identifier: Apache-2.0
"""Changes the arithmetic of the accounting, one place at a time, and sees whether a test notices.

    python3 -m tests.mutation              builds and tests each mutation in a copy of the tree; takes long
    python3 -m tests.mutation --only N...  these alone
    python3 -m tests.mutation --check      only whether every text of the list is still in its file, once
    python3 -m tests.mutation --markdown   prints the table for docs/explanation/mutation-tests.md

Exits with 1 when a mutation survives. Not part of ./test.sh: its --check is.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutation.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
# Program and tests. The random histories come last: they notice much, but say less of what is wrong.
ACCOUNTING = (("accounting_test", "-*AccountingProperties*"), ("accounting_test", "*AccountingProperties*"))
RUNS = {
    "common/energy": (("energy_test", "Counter*:MostEnergy*"), *ACCOUNTING),
    "common/usage": (("usage_test", "Busy*:HiddenTime*:ClockedTime*"),),
    "common/accounting": ACCOUNTING,
}
LONGEST_RUN_S = 600


def check(root: Path) -> list[str]:
    """What is wrong with the list."""
    problems = []
    for number, mutation in enumerate(MUTATIONS, 1):
        count = (root / mutation.file).read_text(encoding="utf-8").count(mutation.original)
        if count != 1:
            problems.append(f"mutation {number}: '{mutation.original}' is {count} times in {mutation.file}, not once")
        if mutation.original == mutation.mutated:
            problems.append(f"mutation {number}: changes nothing")
    return problems


def copy_tree(target: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def configure(tree: Path) -> None:
    subprocess.run(["cmake", "-S", tree, "-B", tree / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=",
                    "-DCMAKE_CXX_FLAGS=-O0", "-DWATTVISOR_WERROR=OFF"], check=True, stdout=subprocess.DEVNULL)


def part_of(mutation: Mutation) -> str:
    return str(Path(mutation.file).parent)


def build(tree: Path, part: str) -> bool:
    programs = {program for program, _ in RUNS[part]}
    return subprocess.run(["cmake", "--build", tree / "build", "--target", *programs],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def caught_by(tree: Path, part: str) -> str | None:
    """The first test that fails."""
    for program, tests in RUNS[part]:
        try:
            run = subprocess.run([tree / "build/bin" / program, f"--gtest_filter={tests}", "--gtest_fail_fast"],
                                 capture_output=True, text=True, errors="replace", timeout=LONGEST_RUN_S)
        except subprocess.TimeoutExpired:
            return f"{program}: does not end"
        if run.returncode != 0:
            failed = re.search(r"\[  FAILED  \] (\S+)", run.stdout)
            began = re.findall(r"\[ RUN      \] (\S+)", run.stdout)
            return failed[1].rstrip(",") if failed else f"{began[-1] if began else program} (crashed)"
    return None


def try_one(tree: Path, mutation: Mutation) -> str | None:
    file = tree / mutation.file
    part = part_of(mutation)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutation.original, mutation.mutated), encoding="utf-8")
    try:
        if not build(tree, part):
            sys.exit(f"a mutation does not build, so it says nothing: {mutation.mutated}")
        return caught_by(tree, part)
    finally:
        file.write_text(text, encoding="utf-8")


def one_line(text: str) -> str:
    return " ".join(text.split()) or "(nothing)"


def table_row(number: int, mutation: Mutation, result: str | None) -> str:
    return (f"| {number} | {Path(mutation.file).name} | `{one_line(mutation.original)}` | `{one_line(mutation.mutated)}` "
            f"| {result or '**survived**'} |").replace("||", "\\|\\|").replace("`(nothing)`", "(nothing)")


def run_all(numbers: list[int], markdown: bool) -> int:
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="wattvisor-mutation-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        configure(tree)
        for part in sorted({part_of(MUTATIONS[number - 1]) for number in numbers}):
            if not build(tree, part):
                sys.exit("the tree does not build as it is")
            if broken := caught_by(tree, part):
                sys.exit(f"{broken} fails without any mutation")
        for number in numbers:
            mutation = MUTATIONS[number - 1]
            began = time.monotonic()
            result = try_one(tree, mutation)
            survivors += result is None
            if markdown:
                print(table_row(number, mutation, result), flush=True)
            else:
                print(f"{number:3} {'survived' if result is None else 'caught'} {Path(mutation.file).name}: "
                      f"{one_line(mutation.original)} -> {one_line(mutation.mutated)}"
                      f"{'' if result is None else ' by ' + result} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{len(numbers) - survivors} of {len(numbers)} caught", file=sys.stderr)
    return 1 if survivors else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only check the list against the sources")
    parser.add_argument("--only", type=int, nargs="+", metavar="N", help="numbers of the list")
    parser.add_argument("--markdown", action="store_true", help="print rows of a table")
    options = parser.parse_args()
    problems = check(ROOT)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems or options.check:
        return 1 if problems else 0
    everything = range(1, len(MUTATIONS) + 1)
    numbers = options.only or list(everything)
    if any(number not in everything for number in numbers):
        parser.error(f"there are mutations 1 to {len(MUTATIONS)}")
    return run_all(numbers, options.markdown)


if __name__ == "__main__":
    sys.exit(main())
