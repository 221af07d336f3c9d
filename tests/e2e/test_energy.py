# SPDX-License-Identifier: Apache-2.0
"""Energy crosses from the hypervisor into running VMs, and both views agree to the microjoule."""

from __future__ import annotations

import json
import unittest

from tests.e2e.support import TestbedCase
from tests.lab.guest import Guest
from tests.lab.metrics import parse_prometheus
from tests.lab.process import Process, free_tcp_port, http_get, wait_until
from tests.lab.testbed import SHARE_ROOT, Counters
from tests.lab.views import HostView, Measured, Recorder, Recording, microjoules

SHARE = "/var/scaphandre"


class TwoVms(TestbedCase):
    """A busy VM and one with little to do, on a host whose counter wraps every few hundred joules."""

    counters = Counters(max_range_uj=400_000_000, start_uj=399_000_000)
    busy: Guest
    light: Guest
    recording: Recording

    @classmethod
    def prepare(cls) -> None:
        cls.busy = cls.bed.guest("wattlab-busy", load="busy")
        cls.light = cls.bed.guest("wattlab-light", load="light")
        guests = (cls.busy, cls.light)
        cls.bed.boot(*guests)
        for guest in guests:
            cls.bed.agents[guest.uuid].wait_for_power()
        urls = {guest.uuid: cls.bed.agents[guest.uuid].url for guest in guests}
        with Recorder(cls.bed.host.url, urls) as recorder:
            cls.cpu_before = {guest.uuid: guest.cpu_time_ns() for guest in guests}
            cls.view_before = cls.bed.host.view()
            wait_until(lambda: len(recorder.recording.common()) >= 20, 90, "twenty ticks that all have seen")
            cls.cpu_after = {guest.uuid: guest.cpu_time_ns() for guest in guests}
            cls.view_after = cls.bed.host.view()
        cls.recording = recorder.recording

    def host_at(self, at: Measured) -> HostView:
        return self.recording.host[at]

    def test_at_the_same_tick_a_guest_has_the_energy_of_the_hosts_ledger(self) -> None:
        common = self.recording.common()
        self.assertGreaterEqual(len(common), 20)
        for at in common:
            for uuid, views in self.recording.guests.items():
                host = self.host_at(at)
                guest = views[at]
                self.assertEqual(host.vm_total(uuid), guest.total(guest.counters), at)
                self.assertEqual(host.vms[uuid], guest.counters, at)

    def test_energy_moves_and_follows_the_load(self) -> None:
        common = self.recording.common()
        first, last = self.host_at(common[0]), self.host_at(common[-1])
        busy = last.vm_total(self.busy.uuid) - first.vm_total(self.busy.uuid)
        light = last.vm_total(self.light.uuid) - first.vm_total(self.light.uuid)
        self.assertGreater(light, 0)
        self.assertGreater(busy, 3 * light)

    def test_the_sum_of_the_parts_is_the_whole_at_every_tick(self) -> None:
        for view in self.recording.host.values():
            self.assertEqual({0}, set(view.missing().values()), view.at)

    def test_the_zones_have_the_energy_that_the_counters_really_counted(self) -> None:
        truth: dict[str, dict[int, set[int]]] = {}
        for line in self.bed.simulated.truth.read_text().splitlines():
            for zone in json.loads(line)["zones"]:
                truth.setdefault(zone["folder"], {}).setdefault(zone["energy_uj"], set()).add(zone["total_uj"])
        views = sorted(self.recording.host.values(), key=lambda view: view.at.sequence)
        self.assertGreaterEqual(len(views), 20)
        first = views[0]
        for view in views[1:]:
            for zone in view.zones:
                counted = view.zones[zone] - first.zones[zone]
                # A counter that wraps shows the same value again: then one of the pairs must fit.
                real = {after - before for after in truth[zone][view.counters[zone]]
                        for before in truth[zone][first.counters[zone]]}
                self.assertIn(counted, real, (zone, view.at))

    def test_the_split_follows_the_cpu_time_that_libvirt_reports(self) -> None:
        energy = {guest.uuid: self.view_after.vm_total(guest.uuid) - self.view_before.vm_total(guest.uuid)
                  for guest in (self.busy, self.light)}
        cpu = {uuid: self.cpu_after[uuid] - self.cpu_before[uuid] for uuid in energy}
        for uuid in energy:
            of_energy = energy[uuid] / sum(energy.values())
            of_cpu = cpu[uuid] / sum(cpu.values())
            self.assertLess(abs(of_energy - of_cpu), 0.02, (of_energy, of_cpu))

    def test_the_processes_of_a_guest_and_the_rest_are_the_vms_energy(self) -> None:
        for uuid, views in self.recording.guests.items():
            ordered = sorted(views.values(), key=lambda view: view.at.sequence)
            self.assertGreater(len(ordered), 10)
            for view in ordered:
                for zone, total in view.zones.items():
                    parts = view.processes.get(zone, 0) + view.other[zone] + view.ended[zone]
                    if view.zone_names[zone].startswith(("package", "dram")):
                        self.assertEqual(total, parts, (uuid, zone, view.at))
            first, last = ordered[0], ordered[-1]
            for zone in first.zones:
                self.assertEqual(last.zones[zone] - first.zones[zone], last.counters[zone] - first.counters[zone])
            self.assertGreater(last.total(last.processes), 0)

    def test_the_busy_guest_charges_its_busy_process(self) -> None:
        view = self.bed.agents[self.busy.uuid].view()
        self.assertGreater(view.total(view.processes), view.total(view.zones) // 2)

    def test_power_is_energy_over_the_measured_time(self) -> None:
        watts = []
        for view in self.recording.guests[self.busy.uuid].values():
            self.assertIsNotNone(view.power_uw)
            watts.append((view.power_uw or 0) / 1e6)
        # 10 W idle and 15 W per busy CPU, times 1.12 with dram: a torn or aliased reading would be far outside.
        self.assertLess(max(watts), 10 * 1.12 + 15 * 1.12 * (self.cpus() + 1))

    def cpus(self) -> int:
        import os

        return os.cpu_count() or 1

    def test_every_write_from_the_guest_is_refused_and_the_values_go_on(self) -> None:
        energy = f"{SHARE}/intel-rapl:0/energy_uj"
        before = self.read_energy()
        for command in (f"echo 1 > {energy}", f"echo 1 >> {energy}", f": > {SHARE}/new", f"mkdir {SHARE}/folder",
                        f"rm -f {energy}", f"mv {energy} {SHARE}/moved", f"ln -s /etc/passwd {SHARE}/link",
                        f"ln {energy} {SHARE}/hard", f"chmod 777 {energy}", f"touch {energy}", f"mkfifo {SHARE}/pipe",
                        f"echo x > {SHARE}/wattvisor/snapshot", f"rmdir {SHARE}/wattvisor",
                        f"rm -f {SHARE}/wattvisor/snapshot", f"truncate -s 0 {energy}"):
            result = self.busy.run(command)
            self.assertNotEqual(0, result.status, command)
            self.assertIn("Read-only file system", result.output, command)
        self.assertTrue(wait_until(lambda: self.read_energy() > before, 20, "a larger value"))

    def read_energy(self) -> int:
        return int(self.busy.run(f"cat {SHARE}/intel-rapl:0/energy_uj").checked())

    def test_the_share_looks_like_the_kernels_class_folder_in_both_views(self) -> None:
        listing = self.busy.run(f"cd {SHARE} && find . -type f | sort").checked().split()
        files = ("enabled", "energy_uj", "max_energy_range_uj", "name")
        zones = ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1")
        wanted = [f"./{zone}/{file}" for zone in zones for file in files]
        wanted += [f"./intel-rapl/intel-rapl:0/{file}" for file in files]
        wanted += [f"./intel-rapl/intel-rapl:0/{zone}/{file}" for zone in zones[1:] for file in files]
        wanted += ["./intel-rapl/enabled", "./wattvisor/snapshot"]
        self.assertEqual(sorted(wanted), listing)
        names = self.busy.run(f"cd {SHARE} && cat intel-rapl:0/name intel-rapl:0:0/name intel-rapl:0:1/name").checked()
        self.assertEqual(["package-0", "core", "dram"], names.split())
        size = self.busy.run(f"wc -c < {SHARE}/intel-rapl:0/energy_uj").checked()
        self.assertEqual("21", size.strip())

    def test_a_value_is_never_empty_or_torn(self) -> None:
        # cat reads the file in one piece, as readers of counters do; a shell's own "read" takes byte by byte.
        script = f"""
i=0; last=0
while [ $i -lt 300 ]; do
    value=$(cat {SHARE}/intel-rapl:0/energy_uj) || exit 3
    case $value in ''|*[!0-9]*) echo "read '$value'"; exit 4 ;; esac
    [ "$value" -ge "$last" ] || {{ echo "$last then $value"; exit 5; }}
    last=$value; i=$((i + 1))
done"""
        result = self.light.run(script, timeout=120)
        self.assertEqual((0, ""), (result.status, result.output))

    def test_the_hosts_table_shows_the_vms(self) -> None:
        from tests.lab.process import check_output

        rows = {row["name"]: row for row in json.loads(check_output(self.bed.host.command("vms", "--json")))}
        for guest in (self.busy, self.light):
            row = rows[guest.name]
            self.assertEqual((guest.uuid, "running"), (row["uuid"], row["state"]))
            self.assertGreater(row["joules"], 0)
        self.assertGreater(rows[self.busy.name]["watts"], rows[self.light.name]["watts"])
        self.assertIn(self.busy.name, check_output(self.bed.host.command("vms")))

    def test_stdout_in_the_guest_shows_watts_and_its_processes(self) -> None:
        text = self.busy.run("wattvisor-guest --vm stdout -t 4 -s 1 2>/dev/null", timeout=60).checked()
        self.assertRegex(text, r"Host:\t[\d.]+ W")
        self.assertRegex(text, r"Socket0\t[\d.]+ W")
        self.assertIn("load-busy", text)

    def test_stdout_on_the_host_names_the_vms(self) -> None:
        from tests.lab.process import check_output

        text = check_output([self.bed.host.program, "--powercap", self.bed.simulated.powercap, "stdout", "-q", "-t", "3",
                             "-s", "1", "-p", "10000"])  # whatever else runs on this machine
        self.assertRegex(text, r"Host:\t[\d.]+ W")
        for guest in (self.busy, self.light):
            self.assertIn(guest.name, text)

    def test_an_unmodified_reader_of_rapl_understands_the_share(self) -> None:
        """node_exporter takes every folder with a name for a zone, and fails on one empty read."""
        classes = self.bed.work / "sys/class"
        classes.mkdir(parents=True, exist_ok=True)
        (classes / "powercap").symlink_to(SHARE_ROOT / self.busy.name)
        port = free_tcp_port()
        url = f"http://127.0.0.1:{port}/metrics"
        with Process(["prometheus-node-exporter", f"--path.sysfs={self.bed.work}/sys", "--collector.disable-defaults",
                      "--collector.rapl", f"--web.listen-address=127.0.0.1:{port}"], self.bed.work / "node.log") as node:
            def read() -> dict[str, int] | None:
                try:
                    series = parse_prometheus(http_get(url))
                except OSError:
                    return None
                return {name: microjoules(round(value, 6)) for (name, _), value in series.items()
                        if name.startswith("node_rapl_")}

            first = node.wait_ready(read, 20, "node_exporter")
            self.assertEqual({"node_rapl_package_joules_total", "node_rapl_core_joules_total",
                              "node_rapl_dram_joules_total"}, set(first))
            for _ in range(50):
                again = read() or {}
                self.assertTrue(all(again[name] >= first[name] for name in first), (first, again))
            folder = SHARE_ROOT / self.busy.name
            before = int((folder / "intel-rapl:0/energy_uj").read_text())
            seen = (read() or {})["node_rapl_package_joules_total"]
            self.assertLessEqual(before, seen)
            self.assertLessEqual(seen, int((folder / "intel-rapl:0/energy_uj").read_text()))

    def test_the_share_is_where_scaphandres_documents_say(self) -> None:
        energy = SHARE_ROOT / self.busy.name / "intel-rapl:0/energy_uj"
        before = int(energy.read_text())
        self.assertTrue(wait_until(lambda: int(energy.read_text()) > before, 10, "a larger value"))


if __name__ == "__main__":
    unittest.main()
