# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus server scrapes both agents, the guest's through a forwarded port, and has the right values."""

from __future__ import annotations

import json
import re
import subprocess
import unittest
import urllib.parse
from decimal import Decimal

from tests.e2e.support import TestbedCase
from tests.lab.guest import Guest
from tests.lab.process import Process, free_tcp_port, http_get, wait_until
from tests.lab.views import Recorder, microjoules

# promtool also gives style advice. Names of Scaphandre's that its users have in their dashboards are kept to the letter;
# one of ours counts microjoules on purpose. Nothing else may be remarked on.
ACCEPTED_REMARKS = re.compile(
    r"scaph_\w+ (counter metrics should have \"_total\" suffix|use base unit \"joules\" instead of \"microjoules\")"
    r"|wattvisor_conservation_error_microjoules use base unit \"joules\" instead of \"microjoules\"")


class Prometheus(TestbedCase):
    guest: Guest
    server: Process
    url: str

    @classmethod
    def prepare(cls) -> None:
        cls.guest = cls.bed.guest("wattlab-scraped", load="busy")
        cls.bed.boot(cls.guest)
        cls.agent = cls.bed.agents[cls.guest.uuid]
        cls.agent.wait_for_power()
        port = free_tcp_port()
        cls.url = f"http://127.0.0.1:{port}"
        config = cls.bed.work / "prometheus.yml"
        target = cls.agent.url.removeprefix("http://").removesuffix("/metrics")
        config.write_text(f"""\
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - {{ job_name: host, static_configs: [{{ targets: ["127.0.0.1:{cls.bed.host.port}"] }}] }}
  - {{ job_name: guest, static_configs: [{{ targets: ["{target}"] }}] }}
""")
        cls.server = Process(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={cls.bed.work}/tsdb",
                              f"--web.listen-address=127.0.0.1:{port}"], cls.bed.work / "prometheus.log")
        cls.addClassCleanup(cls.server.stop)
        cls.server.wait_ready(cls.is_ready, 30, "Prometheus")

    @classmethod
    def is_ready(cls) -> bool:
        try:
            return bool(http_get(f"{cls.url}/-/ready", timeout=2))
        except OSError:
            return False

    def query(self, expression: str) -> list[dict[str, object]]:
        answer = json.loads(http_get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        self.assertEqual("success", answer["status"])
        return list(answer["data"]["result"])

    def samples(self, expression: str) -> dict[str, Decimal]:
        """The raw samples of the one series, by the time of the scrape."""
        found = self.query(f"{expression}[1m]")
        self.assertEqual(1, len(found), expression)
        return {str(time): Decimal(value) for time, value in found[0]["values"]}  # type: ignore[attr-defined]

    def test_both_agents_are_up_and_their_values_are_right(self) -> None:
        urls = {self.guest.uuid: self.agent.url}
        with Recorder(self.bed.host.url, urls) as recorder:
            for job in ("host", "guest"):
                wait_until(lambda job=job: [r["value"][1] for r in self.query(f'up{{job="{job}"}}')] == ["1"],  # type: ignore[index,misc]
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
        found = wait_until(lambda: self.query(expression), 30, "the busy process in Prometheus")
        self.assertGreater(float(found[0]["value"][1]), 0)  # type: ignore[index]
        labels = found[0]["metric"]
        self.assertLessEqual({"exe", "cmdline", "pid", "instance", "job"}, set(labels))  # type: ignore[call-overload]

    def test_the_host_has_the_name_of_the_vm_on_its_qemu_process(self) -> None:
        found = wait_until(lambda: self.query('scaph_process_power_consumption_microwatts{job="host",vmname!=""}'), 30,
                           "the QEMU process in Prometheus")
        self.assertEqual(self.guest.name, found[0]["metric"]["vmname"])  # type: ignore[index]

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
