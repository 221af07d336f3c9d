#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a trap of tests/traps.txt has no test, or its test has no comment that tells the story.

    tests/layering/check_traps.py [ROOT]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TEST = re.compile(r"((?:^//.*\n)*)^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)


def comments_of_tests(root: Path) -> dict[str, str]:
    return {f"{suite}.{name}": comment
            for source in sorted((root / "tests").rglob("*_test.cpp"))
            for comment, suite, name in TEST.findall(source.read_text(encoding="utf-8"))}


def check(root: Path) -> list[str]:
    tests = comments_of_tests(root)
    problems = []
    seen = set()
    for number, line in enumerate((root / "tests/traps.txt").read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        where = f"tests/traps.txt:{number}"
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 3 or not all(fields):
            problems.append(f"{where}: is not 'id | what went wrong | Suite.Test'")
            continue
        trap, _, test = fields
        if trap in seen:
            problems.append(f"{where}: {trap} is there twice")
        seen.add(trap)
        if test not in tests:
            problems.append(f"{where}: there is no test {test}")
        elif not tests[test]:
            problems.append(f"{where}: no comment above {test} tells the story")
    if not seen:
        problems.append("tests/traps.txt: names no trap")
    return problems


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    problems = check(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
