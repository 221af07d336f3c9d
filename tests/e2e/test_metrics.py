# SPDX-License-Identifier: Apache-2.0
"""The pages of both agents against the reference of metrics, on this machine's processes. No VM is needed."""

from __future__ import annotations

import re
import unittest

from tests.e2e.support import PROGRAMS, ROOT, CountersCase
from tests.lab.process import Process, free_tcp_port, http_get

PATIENCE = 60.0
# What depends on the machine: parts of a processor, a disk, cpufreq, units, containers, libvirt's VMs. What exporters
# push is told where one does: tests.e2e.test_push.
DEPENDS = re.compile(r"_domain_|_mmio_|_disk_|cpu_frequency|_unit_|_container_|wattvisor_(vm_|share_up|zone_floor|push_)")


def reference() -> dict[str, tuple[str, str]]:
    """Type and agents by name, as docs/reference/metrics.md has them."""
    text = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([cg]) \| [^|]+ \| [^|]+ \| ([HG ]+) \|", text, re.MULTILINE)
    return {name: ({"c": "counter", "g": "gauge"}[kind], agents.strip()) for name, kind, agents in rows}


class Pages(CountersCase):
    def page(self, program: str, *arguments: str, until: str) -> str:
        """The first page that holds the text."""
        port = free_tcp_port()
        agent = Process([PROGRAMS / program, "--powercap", self.counters, *arguments, "prometheus", "-a", "127.0.0.1",
                         "-p", str(port), "--qemu"], self.path("log"))
        self.addCleanup(agent.stop)
        pages: list[str] = []

        def has_it() -> bool:
            try:
                pages.append(http_get(f"http://127.0.0.1:{port}/metrics", 10))
            except OSError:
                return False
            return until in pages[-1]

        agent.wait_ready(has_it, PATIENCE, f"a page with {until}")
        agent.stop()
        return pages[-1]

    def check(self, text: str, agent: str) -> None:
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        known = reference()
        self.assertGreater(len(known), 80)
        for name, kind in types.items():
            self.assertIn(name, known, "it is not in the reference")
            self.assertEqual(kind, known[name][0], name)
            self.assertIn(agent, known[name][1], name)
        for name, (_, agents) in known.items():
            if agent in agents and not DEPENDS.search(name):
                self.assertIn(name, types, "the agent does not tell it")
        series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if line and not line.startswith("#")]
        self.assertEqual(len(series), len(set(series)), "a series is there twice")

    def test_guest(self) -> None:
        text = self.page("wattvisor-guest", until="scaph_process_disk_read_bytes{")
        self.check(text, "G")
        self.assertRegex(text, r'scaph_process_memory_bytes\{pid="1",exe="[^"]+",cmdline="[^"]*"\} [1-9]')

    def test_host(self) -> None:
        """As Scaphandre, the host's exporters show processes too, without being told to."""
        text = self.page("wattvisor-host", "--libvirt-uri", "test:///default", until="scaph_process_disk_read_bytes{")
        self.check(text, "H")
        self.assertRegex(text, r'wattvisor_process_energy_joules_total\{pid="1",')

    def test_switches(self) -> None:
        text = self.page("wattvisor-host", "--libvirt-uri", "test:///default", "--no-processes", "--no-resources",
                         until="scaph_host_power_microwatts ")
        self.assertNotIn("wattvisor_process_energy_joules_total{", text)
        self.assertNotIn("scaph_process_memory_bytes{", text)


if __name__ == "__main__":
    unittest.main()
