# SPDX-License-Identifier: Apache-2.0
"""The queries of Scaphandre's documents find what they promise: in a real Prometheus, and in what Riemann gets.

Those by `vmname` need a VM: they are in test_prometheus.
"""

from __future__ import annotations

import shutil
import unittest

from tests.e2e.support import PROGRAMS, CountersCase
from tests.lab.process import Process, free_tcp_port, wait_until
from tests.lab.prometheus import Prometheus
from tests.lab.riemann import RiemannServer

SOME_LOAD = "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 0.2; done"
POWER = "scaph_process_power_consumption_microwatts"
# "Metrics exposed" of the Prometheus exporter's reference, and how many series the counters here make of each.
SINGLE = ("scaph_host_power_microwatts", "scaph_host_energy_microjoules", "scaph_host_energy_timestamp_seconds",
          "scaph_self_mem_total_program_size", "scaph_self_mem_resident_set_size", "scaph_self_mem_shared_resident_size",
          "scaph_self_topo_stats_nb", "scaph_self_topo_records_nb", "scaph_self_topo_procs_nb")
BY_SOCKET = ("scaph_socket_power_microwatts", "scaph_self_socket_stats_nb", "scaph_self_socket_records_nb")
BY_DOMAIN = "scaph_self_domain_records_nb"
DOMAINS = ("core", "dram")
# What the dashboards of later versions ask for.
DASHBOARDS = (
    "scaph_host_power_microwatts / 1000000",
    f"sum({POWER}) / 1000000",
    "sum(scaph_domain_power_microwatts) / 1000000",
    "sum(avg_over_time(scaph_host_power_microwatts[1h])) / 1000000",
    "scaph_socket_power_microwatts / 1000000",
    "scaph_domain_power_microwatts / 1000000",
    "scaph_host_load_avg_one", "scaph_host_load_avg_five", "scaph_host_load_avg_fifteen",
    "scaph_self_cpu_usage_percent", "scaph_self_memory_bytes", "scaph_self_memory_virtual_bytes",
    'scaph_process_cpu_usage_percentage{cmdline=~".*nginx.*"}',
    'scaph_process_memory_bytes{cmdline=~".*nginx.*"}',
    'scaph_process_memory_virtual_bytes{cmdline=~".*nginx.*"}',
)


class Queries(CountersCase):
    options = ("--sockets", "2", "--subzones", "core=0.6,dram=0.15")
    pids: dict[str, set[str]]
    instance: str
    prometheus: Prometheus
    riemann: RiemannServer

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.pids = {"nginx": {cls.program("nginx"), cls.program("nginx")}, "firefox": {cls.program("firefox")},
                    "scaphandre": {cls.program("scaphandre")}, "sshd": {cls.program("sshd")}}
        port, riemann_port = free_tcp_port(), free_tcp_port()
        cls.instance = f"127.0.0.1:{port}"
        cls.riemann = RiemannServer(riemann_port, cls.folder / "events")
        cls.addClassCleanup(cls.riemann.stop)
        config = cls.folder / "guest.yaml"
        config.write_text(f"""\
roots: {{ powercap: "{cls.counters}" }}
cpu_time: clock
exporters:
  - {{ type: prometheus, address: 127.0.0.1, port: {port} }}
  - {{ type: riemann, address: 127.0.0.1, port: {riemann_port}, step: 1s }}
""")
        agent = Process([PROGRAMS / "wattvisor-guest", "run", "--config", config], cls.folder / "agent.log")
        cls.addClassCleanup(agent.stop)
        cls.prometheus = Prometheus(cls.folder / "prometheus", f"""\
  - {{ job_name: scaphandre, static_configs: [{{ targets: ["{cls.instance}"] }}] }}
""")
        cls.addClassCleanup(cls.prometheus.stop)
        agent.wait_ready(lambda: len(cls.prometheus.query(f'{POWER}{{exe="nginx"}} > 0')) == 2, 60, "power in Prometheus")
        agent.wait_ready(lambda: cls.riemann.query(f'service =~ "{POWER}_%_firefox"'), 60, "power at Riemann")

    @classmethod
    def program(cls, name: str) -> str:
        """The pid of a program of this name that makes some load. "a b" is an argument with a blank."""
        file = cls.folder / "bin" / name
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            shutil.copy("/bin/dash", file)
        process = Process([file, "-c", SOME_LOAD, "a b"], cls.folder / f"{name}.log")
        cls.addClassCleanup(process.stop)
        return str(process.pid)

    def series(self, expression: str) -> list[tuple[dict[str, str], float]]:
        found = [(dict(one["metric"]), float(one["value"][1])) for one in self.prometheus.query(expression)]
        self.assertTrue(found, f"nothing is found by {expression}")
        return found

    def the_value(self, expression: str) -> float:
        found = self.series(expression)
        self.assertEqual(1, len(found), expression)
        return found[0][1]

    # Prometheus

    def test_the_power_of_an_application_is_found_by_its_command_line(self) -> None:
        # "all processes related to nginx running on a host"
        found = self.series(f'{POWER}{{cmdline=~".*nginx.*", instance="{self.instance}"}} / 1000000')
        self.assertEqual(self.pids["nginx"], {labels["pid"] for labels, _ in found})
        for labels, watts in found:
            self.assertLessEqual({"instance": self.instance, "exe": "nginx", "job": "scaphandre"}.items(), labels.items())
            self.assertGreater(watts, 0)
            self.assertLess(watts, 1000)

    def test_a_process_is_found_by_each_of_its_labels(self) -> None:
        (pid,) = self.pids["firefox"]
        for labels in (f'pid="{pid}"', 'exe="firefox"', f'exe="firefox",pid="{pid}",cmdline=~".*/firefox-c.*"',
                       'exe=~".*fox.*"'):
            with self.subTest(labels):
                self.assertEqual([pid], [found["pid"] for found, _ in self.series(f"{POWER}{{{labels}}}")])
        found = self.series(f'{POWER}{{exe=~".*ssh.*"}}')
        self.assertLessEqual(self.pids["sshd"], {labels["pid"] for labels, _ in found})
        # "The whole command line with the executable path and its parameters (concatenated)"
        path = self.folder / "bin/firefox"
        command = self.series(f'{POWER}{{pid="{pid}"}}')[0][0]["cmdline"]
        self.assertEqual(f"{path}-c{SOME_LOAD}a b", command)

    def test_processes_of_a_service_add_up_and_are_no_more_than_the_host(self) -> None:
        for label in ("exe", "instance"):
            ((labels, watts),) = self.series(f'sum by ({label}) ({POWER}{{exe="nginx"}}) / 1000000')
            self.assertEqual({"exe": "nginx", "instance": self.instance}[label], labels[label])
            self.assertGreater(watts, 0)
        host = self.the_value("sum(scaph_host_power_microwatts) / 1000000")
        # All of a page is of one measurement.
        share = self.the_value(f"sum({POWER}) / sum(scaph_host_power_microwatts)")
        self.assertGreater(host, 0)
        self.assertGreater(share, 0)
        self.assertLessEqual(share, 1 + 1e-6)

    def test_every_metric_of_the_documents_is_there_with_its_help(self) -> None:
        for name in SINGLE:
            with self.subTest(name):
                self.assertGreater(self.the_value(name), 0)
        for name in BY_SOCKET:
            for socket in ("0", "1"):
                with self.subTest(name, socket=socket):
                    self.assertGreater(self.the_value(f'{name}{{socket_id="{socket}"}}'), 0)
        for domain in DOMAINS:
            with self.subTest(BY_DOMAIN, domain=domain):
                self.assertGreater(self.the_value(f'{BY_DOMAIN}{{socket_id="1",rapl_domain_name="{domain}"}}'), 0)
        for name in (*SINGLE, *BY_SOCKET, BY_DOMAIN, POWER):
            with self.subTest(name):
                self.assertTrue(self.prometheus.api("metadata", metric=name)[name][0]["help"])

    def test_the_energy_grows_as_the_power_says(self) -> None:
        # The time that belongs to the energy; of this moment, give or take a scrape and an interval.
        self.assertLess(abs(self.the_value("time() - scaph_host_energy_timestamp_seconds")), 30)
        # rate() divides by the whole window, so that there must be samples in all of it.
        wait_until(lambda: self.prometheus.values("count_over_time(scaph_host_power_microwatts[20s])")[0] > 12, 60, "samples")
        grown = self.the_value("rate(scaph_host_energy_microjoules[10s]) / 1000000")
        mean = self.the_value("avg_over_time(scaph_host_power_microwatts[10s]) / 1000000")
        self.assertAlmostEqual(1, grown / mean, delta=0.3)

    def test_what_dashboards_of_later_versions_ask_for_is_there(self) -> None:
        for expression in DASHBOARDS:
            with self.subTest(expression):
                self.series(expression)

    # Riemann

    def test_the_documented_riemann_query_finds_the_programs(self) -> None:
        found = self.riemann.query('(service =~ "process_power_consumption_microwatts_%_firefox") or '
                                   '(service =~ "process_power_consumption_microwatts_%_scaphandre")')
        self.assertEqual(self.pids["firefox"] | self.pids["scaphandre"], {event["attributes"]["pid"] for event in found})
        self.assertTrue(all(event["metric"] > 0 for event in found), found)
        # The name that Scaphandre really sends.
        sent = self.riemann.query(f'service =~ "{POWER}_%_firefox"')
        self.assertEqual(self.pids["firefox"], {event["attributes"]["pid"] for event in sent})

    def test_riemann_has_all_that_the_page_has_under_the_same_names(self) -> None:
        for name in (*SINGLE, *BY_SOCKET, BY_DOMAIN):
            with self.subTest(name):
                self.assertEqual(1, len(self.riemann.query(f'service = "{name}" and tagged "scaphandre"')))
        for name in BY_SOCKET:
            found = self.riemann.query(f'service =~ "{name}_%"')
            self.assertEqual({"0", "1"}, {event["attributes"]["socket_id"] for event in found})
        self.assertEqual([], self.riemann.query('not tagged "scaphandre" or state != "ok"'))
        # Of each series there is an event that no other one has overwritten.
        series = self.prometheus.query('{job="scaphandre",__name__=~"scaph_(host|socket|domain|self)_.*"}')
        self.assertGreater(len(series), 30)
        sent = [(event["service"], event["attributes"].items()) for event in self.riemann.index().values()]
        for one in series:
            labels = {name: value for name, value in one["metric"].items() if name not in ("instance", "job", "__name__")}
            name = one["metric"]["__name__"]
            with self.subTest(name, **labels):
                self.assertTrue(any(service.startswith(name) and labels.items() <= own for service, own in sent))


if __name__ == "__main__":
    unittest.main()
