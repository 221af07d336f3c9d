# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus server scrapes both agents, the guest's through a forwarded port, and has the right values."""

from __future__ import annotations

import re
import subprocess
import unittest
from decimal import Decimal

from tests.e2e.support import ROOT, TestbedCase
from tests.lab.guest import Guest
from tests.lab.process import http_get, wait_until
from tests.lab.prometheus import Prometheus
from tests.lab.views import Recorder, microjoules

# promtool also gives style advice. Names of Scaphandre's that its users have in their dashboards are kept to the letter;
# one of ours counts microjoules on purpose. Nothing else may be remarked on.
ACCEPTED_REMARKS = re.compile(
    r"scaph_\w+ (counter metrics should have \"_total\" suffix|use base unit \"joules\" instead of \"microjoules\")"
    r"|wattvisor_conservation_error_microjoules use base unit \"joules\" instead of \"microjoules\"")

HOW_TO = ROOT / "docs/how-to/prometheus.md"


class PrometheusReads(TestbedCase):
    guest: Guest
    server: Prometheus

    @classmethod
    def prepare(cls) -> None:
        cls.guest = cls.bed.guest("wattlab-scraped", load="busy")
        cls.bed.boot(cls.guest)
        cls.agent = cls.bed.agents[cls.guest.uuid]
        cls.agent.wait_for_power()
        target = cls.agent.url.removeprefix("http://").removesuffix("/metrics")
        cls.server = Prometheus(cls.bed.work / "prometheus", f"""\
  - {{ job_name: host, static_configs: [{{ targets: ["127.0.0.1:{cls.bed.host.port}"] }}] }}
  - {{ job_name: guest, static_configs: [{{ targets: ["{target}"] }}] }}
""")
        cls.addClassCleanup(cls.server.stop)

    def samples(self, expression: str) -> dict[str, Decimal]:
        """The raw samples of the one series, by the time of the scrape."""
        found = self.server.query(f"{expression}[1m]")
        self.assertEqual(1, len(found), expression)
        return {str(time): Decimal(value) for time, value in found[0]["values"]}

    def test_both_agents_are_up_and_their_values_are_right(self) -> None:
        urls = {self.guest.uuid: self.agent.url}
        with Recorder(self.bed.host.url, urls) as recorder:
            for job in ("host", "guest"):
                wait_until(lambda job=job: self.server.values(f'up{{job="{job}"}}') == [1],  # type: ignore[misc]
                           30, f"a scrape of the {job}")
            seen = len(recorder.recording.common())
            wait_until(lambda: len(recorder.recording.common()) >= seen + 8, 60, "ticks that all have seen")
        host = {at.sequence: view for at, view in recorder.recording.host.items()}
        sequences = self.samples("wattvisor_snapshot_sequence" + '{job="host"}')
        energies = self.samples(f'wattvisor_vm_energy_joules_total{{uuid="{self.guest.uuid}",zone="intel-rapl:0"}}')
        compared = 0
        for time, sequence in sequences.items():
            view = host.get(int(sequence))
            if view is not None and time in energies:
                # Prometheus keeps 64-bit floating point numbers, exact to far below a microjoule here.
                self.assertEqual(view.vms[self.guest.uuid]["intel-rapl:0"], microjoules(round(energies[time], 6)))
                compared += 1
        self.assertGreaterEqual(compared, 5)

        guest_sequences = self.samples('wattvisor_source_sequence{job="guest"}')
        counters = self.samples('wattvisor_zone_reading_joules{job="guest",zone="intel-rapl:0"}')
        compared = 0
        for time, sequence in guest_sequences.items():
            view = host.get(int(sequence))
            if view is not None and time in counters:
                self.assertEqual(view.vms[self.guest.uuid]["intel-rapl:0"], microjoules(round(counters[time], 6)))
                compared += 1
        self.assertGreaterEqual(compared, 3)

    def test_the_query_of_scaphandres_documents_finds_a_process(self) -> None:
        expression = 'scaph_process_power_consumption_microwatts{job="guest",cmdline=~".*load-busy.*"} / 1000000'
        found = wait_until(lambda: self.server.query(expression), 30, "the busy process in Prometheus")
        self.assertGreater(float(found[0]["value"][1]), 0)
        labels = found[0]["metric"]
        self.assertLessEqual({"exe", "cmdline", "pid", "instance", "job"}, set(labels))

    def test_a_vm_is_found_by_its_name_on_its_qemu_process(self) -> None:
        # "A label with the vm name will be added to all qemu-system* processes", and tells the top contributor.
        power = "scaph_process_power_consumption_microwatts"
        for expression in (f'{power}{{job="host",vmname="{self.guest.name}"}}', f'{power}{{vmname!=""}}',
                           f'{power}{{exe=~"qemu-system.*",vmname=~"wattlab-.*"}}',
                           f'sum by (vmname) ({power}{{vmname!=""}}) / 1000000',
                           f'topk(1, sum by (vmname) ({power}{{vmname!=""}}))'):
            with self.subTest(expression):
                found = wait_until(lambda expression=expression: self.server.query(expression), 30, expression)  # type: ignore[misc]
                self.assertEqual([self.guest.name], [one["metric"]["vmname"] for one in found])
                self.assertGreater(float(found[0]["value"][1]), 0)

    def test_the_queries_of_our_own_documents_find_something(self) -> None:
        sections = dict(section.split("\n", 1) for section in HOW_TO.read_text().split("\n## ")[1:])
        found = re.findall(r"^\| [^`]+ \| `(.+)` \|$", sections["Queries"], re.MULTILINE)
        self.assertGreater(len(found), 4)
        for written in found:
            query = written.replace(r"\|", "|").replace("nginx", "load-busy")
            with self.subTest(query):
                wait_until(lambda query=query: self.server.query(query), 30, query)  # type: ignore[misc]
        found = re.findall(r"^\| `(.+)` \| ", sections["Alerts worth having"], re.MULTILINE)
        self.assertGreater(len(found), 3)
        for alert in found:
            with self.subTest(alert):
                self.server.query(alert)  # it is one
                for name in re.findall(r"wattvisor_\w+", alert):
                    wait_until(lambda name=name: self.server.query(name), 30, name)  # type: ignore[misc]

    def test_promtool_accepts_both(self) -> None:
        for url in (self.bed.host.url, self.agent.url):
            page = http_get(url)
            result = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True,
                                    timeout=30)
            self.assertIn(result.returncode, (0, 3), result.stderr)  # 3: it only has remarks
            remarks = (result.stdout + result.stderr).splitlines()
            self.assertEqual([], [line for line in remarks if not ACCEPTED_REMARKS.fullmatch(line)], url)


if __name__ == "__main__":
    unittest.main()
