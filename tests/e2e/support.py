# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: where the programs are, and one testbed per test class."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from contextlib import ExitStack
from pathlib import Path

from tests.lab.leftovers import work_folder
from tests.lab.process import Process, exit_on_signals
from tests.lab.testbed import Counters, Testbed

ROOT = Path(__file__).resolve().parents[2]
# Set by test.sh; the default is where the release preset builds.
PROGRAMS = Path(os.environ.get("WATTVISOR_PROGRAMS", ROOT / "build/release/bin"))
# Another virtiofsd than the one that libvirt finds by itself; see CONTRIBUTING.md.
OTHER_VIRTIOFSD = os.environ.get("WATTVISOR_VIRTIOFSD")

# Arguments of a process that try the grammar of each format; they become a label. More of their kind, one by one:
# tests/unit/common/export/hostile_names_test.cpp.
HOSTILE = "a'b\"c\\d\ne,f=g{h}é\x01\t\x1b[2J\r"
HOSTILE_ARGUMENTS: tuple[str | bytes, ...] = (HOSTILE, "x" * 100_000, b"\xff\xfe")

# What a guest may take to boot where other things run too.
BOOT = 120.0


class FolderCase(unittest.TestCase):
    """A class of tests without a VM, in a folder of its own, where the counters are."""

    folder: Path
    counters: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.counters = cls.folder / "powercap"

    def path(self, name: str) -> Path:
        """A file of this test alone."""
        return self.folder / f"{self._testMethodName}-{name}"

    def guest_command(self, *arguments: str | Path) -> list[str]:
        return [str(PROGRAMS / "wattvisor-guest"), "--cpu-time", "clock", "--powercap", str(self.counters),
                *map(str, arguments)]


class CountersCase(FolderCase):
    """On simulated counters of two sockets."""

    options: tuple[str, ...] = ("--sockets", "2")  # of wattvisor-simulated-host
    host: Process

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.host = Process([PROGRAMS / "wattvisor-simulated-host", "--root", cls.counters, *cls.options],
                           cls.folder / "host.log")
        cls.addClassCleanup(cls.host.stop)
        cls.host.wait_ready((cls.counters / "intel-rapl:1/energy_uj").exists, 30, "the simulated counters")

    def start_hostile(self) -> int:
        """The pid of a process with hostile arguments, which lives as long as the test."""
        process = subprocess.Popen(["python3", "-c", "import time; time.sleep(1e6)", *HOSTILE_ARGUMENTS])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process.pid


class TestbedCase(unittest.TestCase):
    """A class of tests on one testbed, whose guests go on running from test to test."""

    counters = Counters()
    interval = "1s"
    bed: Testbed

    @classmethod
    def setUpClass(cls) -> None:
        exit_on_signals()
        with ExitStack() as stack:
            work = stack.enter_context(work_folder())
            cls.bed = stack.enter_context(Testbed(PROGRAMS, work, cls.counters, cls.interval))
            cls.prepare()
            cls.addClassCleanup(stack.pop_all().close)

    @classmethod
    def prepare(cls) -> None:
        """Boots the guests of the class."""
