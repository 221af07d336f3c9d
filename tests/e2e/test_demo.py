# SPDX-License-Identifier: Apache-2.0
"""The demonstration ends by itself, its summary is right, and nothing of it is left."""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from pathlib import Path

from tests.e2e.support import PROGRAMS, ROOT


class Demo(unittest.TestCase):
    def test_the_summary_adds_up_and_everything_is_cleaned_up(self) -> None:
        before = self.mounts()
        result = subprocess.run([sys.executable, "-m", "tests.lab.demo", "--programs", str(PROGRAMS), "--json"], cwd=ROOT,
                                capture_output=True, text=True, timeout=400)
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)
        self.assertIn("Simulated:", result.stdout)
        summary = json.loads(result.stdout.splitlines()[-1])
        self.assertEqual({"vms", "zones_uj", "vms_uj", "other_uj", "idle_uj", "conserved"}, set(summary))
        self.assertIs(True, summary["conserved"])
        self.assertEqual(summary["zones_uj"], summary["vms_uj"] + summary["other_uj"] + summary["idle_uj"])
        self.assertEqual(summary["vms_uj"], sum(vm["host_uj"] for vm in summary["vms"]))
        self.assertEqual(2, len(summary["vms"]))
        for vm in summary["vms"]:
            self.assertEqual({"name", "host_uj", "guest_uj", "seq"}, set(vm))
            self.assertEqual(vm["host_uj"], vm["guest_uj"])
            self.assertGreater(vm["host_uj"], 0)
            self.assertGreater(vm["seq"], 0)
        self.assertEqual(before, self.mounts())
        self.assertEqual([], list(Path("/tmp").glob("wattlab-*")))

    @staticmethod
    def mounts() -> set[str]:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        return {line.split()[4] for line in lines if "wattlab" in line or "wattvisor" in line}


if __name__ == "__main__":
    unittest.main()
