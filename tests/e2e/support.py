# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: where the programs are, and one testbed per test class."""

from __future__ import annotations

import os
import unittest
from contextlib import ExitStack
from pathlib import Path

from tests.lab.leftovers import work_folder
from tests.lab.process import exit_on_signals
from tests.lab.testbed import Counters, Testbed

ROOT = Path(__file__).resolve().parents[2]
# Set by test.sh; the default is where the release preset builds.
PROGRAMS = Path(os.environ.get("WATTVISOR_PROGRAMS", ROOT / "build/release/bin"))
# Another virtiofsd than the one that libvirt finds by itself; see CONTRIBUTING.md.
OTHER_VIRTIOFSD = os.environ.get("WATTVISOR_VIRTIOFSD")

# What a guest may take to boot where other things run too.
BOOT = 120.0


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
