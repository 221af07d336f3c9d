#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an include or a link breaks the layering that docs/architecture.md shows.

    tests/layering/check_layering.py [--self-test] [ROOT]

--self-test breaks copies of the tree in every way that must be noticed, and fails if one is not.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

# What each folder may see, besides itself. Bottom to top; the two agents never see each other.
MAY_SEE = {
    "common": set(),
    "virtiofs": {"common"},
    "libvirt-hooks": {"common", "virtiofs"},
    "host-agent": {"common", "virtiofs"},
    "guest-agent": {"common"},
}
# Who may use libvirt at all: a hook that calls libvirt deadlocks, and a guest has none.
MAY_USE_LIBVIRT = {"host-agent"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)
TARGET = re.compile(r"add_(?:library|executable)\(\s*([\w-]+)")
ALIAS = re.compile(r"add_library\(\s*(wattvisor::\w+)\s+ALIAS\s+([\w-]+)")
LINK = re.compile(r"target_link_libraries\(\s*([\w-]+)([^)]*)\)", re.DOTALL)


def included_folder(path: str) -> str | None:
    folder = path.split("/", 1)[0]
    return folder if "/" in path and (folder in MAY_SEE or folder in ("tests", "deploy")) else None


def check_includes(root: Path) -> list[str]:
    problems = []
    for folder, may_see in MAY_SEE.items():
        for source in sorted((root / folder).rglob("*.[ch]pp")):
            text = source.read_text(encoding="utf-8")
            where = source.relative_to(root)
            for path in INCLUDE.findall(text):
                seen = included_folder(path)
                if seen and seen != folder and seen not in may_see:
                    problems.append(f"{where}: {folder} may not include {path}")
                if path.startswith("libvirt/") and folder not in MAY_USE_LIBVIRT:
                    problems.append(f"{where}: {folder} may not use libvirt ({path})")
    return problems


def check_links(root: Path) -> list[str]:
    lists = {folder: [path.read_text(encoding="utf-8") for path in sorted((root / folder).rglob("CMakeLists.txt"))]
             for folder in MAY_SEE}
    owner: dict[str, str] = {}
    for folder, texts in lists.items():
        for text in texts:
            owner.update((name, folder) for name in TARGET.findall(text))
            owner.update((alias, folder) for alias, _ in ALIAS.findall(text))
    problems = []
    for folder, texts in lists.items():
        for target, linked in (match for text in texts for match in LINK.findall(text)):
            for library in linked.split():
                seen = owner.get(library)
                if seen and seen != folder and seen not in MAY_SEE[folder]:
                    problems.append(f"{folder}/CMakeLists.txt: {target} may not link {library} of {seen}")
                if "LIBVIRT" in library.upper().replace("LIBVIRT-HOOKS", "") and folder not in MAY_USE_LIBVIRT:
                    problems.append(f"{folder}/CMakeLists.txt: {target} may not link libvirt ({library})")
    return problems


def check(root: Path) -> list[str]:
    missing = [f"{folder}: there is no such folder" for folder in MAY_SEE if not (root / folder).is_dir()]
    return missing + check_includes(root) + check_links(root)


def self_test() -> list[str]:
    """Each of these must be noticed, and a sound tree must not be complained of."""
    breaks = {
        "common/a.cpp": '#include "host-agent/vm.hpp"\n',
        "common/b.cpp": "#include <libvirt/libvirt.h>\n",
        "guest-agent/c.cpp": '#include "host-agent/vm.hpp"\n',
        "host-agent/d.cpp": '#include "guest-agent/agent.hpp"\n',
        "libvirt-hooks/e.cpp": "#include <libvirt/libvirt.h>\n",
        "virtiofs/f.cpp": '#include "tests/support/fake_tree.hpp"\n',
        "common/CMakeLists.txt": "target_link_libraries(common_lib PUBLIC wattvisor::host_agent)\n",
        "guest-agent/CMakeLists.txt": "target_link_libraries(guest PRIVATE wattvisor::virtiofs_lib wattvisor::host_agent)\n",
        "libvirt-hooks/CMakeLists.txt": "target_link_libraries(hook PRIVATE PkgConfig::LIBVIRT)\n",
    }
    failures = []
    for name, content in [("", "")] + list(breaks.items()):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for layer in MAY_SEE:
                (root / layer).mkdir()
            (root / "host-agent/CMakeLists.txt").write_text(
                "add_library(host STATIC)\nadd_library(wattvisor::host_agent ALIAS host)\n"
                "target_link_libraries(host PUBLIC PkgConfig::LIBVIRT)\n")
            if name:
                with (root / name).open("a") as out:
                    out.write(content)
            if bool(check(root)) != bool(name):
                failures.append(f"self-test: {name or 'a sound tree'}: {check(root) or 'not noticed'}")
    return failures


def main() -> int:
    arguments = sys.argv[1:]
    problems = self_test() if "--self-test" in arguments else []
    roots = [argument for argument in arguments if not argument.startswith("--")]
    problems += check(Path(roots[0]) if roots else Path(__file__).resolve().parents[2])
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
