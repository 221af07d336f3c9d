# SPDX-License-Identifier: Apache-2.0
"""What happens when something dies, restarts or is late: counters never go back, nothing is charged twice, nothing is left."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path

from tests.e2e.support import TestbedCase
from tests.lab.guest import Guest
from tests.lab.process import Process, wait_until
from tests.lab.testbed import SHARE_ROOT, GuestAgent
from tests.lab.views import GuestView, Recorder, Recording

SHARE = "/var/scaphandre"


def check_never_back(case: unittest.TestCase, recording: Recording) -> None:
    """In the order in which they were met, no guest's counter and no host's total is smaller than before."""
    for views in recording.guests.values():
        last: dict[str, int] = {}
        for view in views.values():
            for zone, counter in view.counters.items():
                case.assertGreaterEqual(counter, last.get(zone, 0), view.at)
                last[zone] = counter
    last_zone: dict[str, int] = {}
    last_vm: dict[tuple[str, str], int] = {}
    for host in recording.host.values():
        case.assertEqual({0}, set(host.missing().values()), host.at)
        for zone, total in host.zones.items():
            case.assertGreaterEqual(total, last_zone.get(zone, 0), host.at)
            last_zone[zone] = total
        for uuid, zones in host.vms.items():
            for zone, total in zones.items():
                case.assertGreaterEqual(total, last_vm.get((uuid, zone), 0), host.at)
                last_vm[uuid, zone] = total


def check_not_more_than_counted(case: unittest.TestCase, bed_truth: Path, recording: Recording) -> None:
    """Over the whole recording, the ledger's zones grew by no more than the counters really counted."""
    views = list(recording.host.values())
    first, last = views[0], views[-1]
    truth: dict[str, dict[int, int]] = {}
    for line in bed_truth.read_text().splitlines():
        for zone in json.loads(line)["zones"]:
            truth.setdefault(zone["folder"], {})[zone["energy_uj"]] = zone["total_uj"]
    for zone in first.zones:
        real = truth[zone][last.counters[zone]] - truth[zone][first.counters[zone]]
        case.assertLessEqual(last.zones[zone] - first.zones[zone], real, zone)
        case.assertGreater(last.zones[zone] - first.zones[zone], 0, zone)


class Failures(TestbedCase):
    """One guest that goes on running while things around it fail."""

    guest: Guest
    agent: GuestAgent

    @classmethod
    def prepare(cls) -> None:
        cls.guest = cls.bed.guest("wattlab-stays", load="busy", persistent=True)
        cls.bed.boot(cls.guest)
        cls.agent = cls.bed.agents[cls.guest.uuid]
        cls.agent.wait_for_power()

    def recorder(self) -> Recorder:
        return Recorder(self.bed.host.url, {self.guest.uuid: self.agent.url})

    def wait_for_new_tick(self, recorder: Recorder, count: int = 3) -> None:
        """Until host and guest have both been seen at so many further ticks."""
        seen = set(recorder.recording.common())
        wait_until(lambda: len(set(recorder.recording.common()) - seen) >= count, 60, "further ticks")

    def file_of_share(self) -> os.stat_result:
        return (SHARE_ROOT / self.guest.name / "intel-rapl:0/energy_uj").stat()

    def test_the_host_agent_is_killed_and_started_again(self) -> None:
        reader = self.guest.run(f"exec 3<{SHARE}/intel-rapl:0/energy_uj; (while :; do "
                                "dd bs=21 count=1 skip=0 <&3 2>/dev/null; sleep 1; done) >/dev/null 2>&1 & echo $!")
        inode = self.file_of_share().st_ino
        with self.recorder() as recorder:
            self.wait_for_new_tick(recorder)
            before = self.agent.view()
            self.bed.host.kill()
            self.bed.host.start()
            self.wait_for_new_tick(recorder, 5)
        after = self.agent.view()
        self.guest.run(f"kill {reader.output.strip()}")
        self.assertNotEqual(before.at.epoch, after.at.epoch)
        self.assertEqual(inode, self.file_of_share().st_ino, "a reader that keeps the file open must not be stranded")
        check_never_back(self, recorder.recording)
        check_not_more_than_counted(self, self.bed.simulated.truth, recorder.recording)
        # Both views agree in the new run too.
        for at in recorder.recording.common():
            self.assertEqual(recorder.recording.host[at].vms[self.guest.uuid],
                             recorder.recording.guests[self.guest.uuid][at].counters)

    def test_libvirtd_is_restarted(self) -> None:
        if not self.bed.libvirtd.own:
            self.skipTest("the libvirtd that runs here is the machine's; stop it to let the tests start their own")
        pid = self.bed.host.process.pid
        with self.recorder() as recorder:
            self.wait_for_new_tick(recorder)
            self.bed.libvirtd.stop()
            self.wait_for_new_tick(recorder)
            self.assertIn("wattvisor_libvirt_up 0", self.metrics())
            self.bed.libvirtd.start_again()
            wait_until(lambda: "wattvisor_libvirt_up 1" in self.metrics(), 60, "the connection to libvirt")
            self.wait_for_new_tick(recorder)
        self.assertTrue(self.bed.host.process.running())
        self.assertEqual(pid, self.bed.host.process.pid)
        check_never_back(self, recorder.recording)
        check_not_more_than_counted(self, self.bed.simulated.truth, recorder.recording)

    def metrics(self) -> str:
        from tests.lab.process import http_get

        return http_get(self.bed.host.url)

    def test_a_vm_is_rebooted(self) -> None:
        with self.recorder() as recorder:
            self.wait_for_new_tick(recorder)
            self.guest.reboot()
            self.agent.start()
            self.agent.wait_for_power()
            self.wait_for_new_tick(recorder)
        check_never_back(self, recorder.recording)
        check_not_more_than_counted(self, self.bed.simulated.truth, recorder.recording)

    def test_a_vm_is_destroyed_while_it_publishes_and_comes_back(self) -> None:
        with self.recorder() as recorder:
            self.wait_for_new_tick(recorder)
            self.guest.destroy()
            wait_until(lambda: not self.bed.leftovers(self.guest.name, self.guest.uuid), 10, "no mount and no folder")
            wait_until(lambda: self.guest.uuid not in self.bed.host.view().vms, 10, "the VM's end in the metrics")
            gone = self.bed.host.view()
            self.assertGreater(gone.total(gone.ended), 0)
            self.guest.start()
            self.guest.wait_ready()
            self.bed.host.wait_for_vm(self.guest.uuid)
            self.agent.start()
            self.agent.wait_for_power()
            self.wait_for_new_tick(recorder)
        self.assertTrue(self.bed.host.process.running())
        check_never_back(self, recorder.recording)
        check_not_more_than_counted(self, self.bed.simulated.truth, recorder.recording)

    def test_a_start_that_fails_leaves_nothing(self) -> None:
        broken = self.bed.guest("wattlab-broken", qemu_arguments=("-device", "no-such-device"))
        with self.assertRaises(RuntimeError):
            broken.start()
        wait_until(lambda: not self.bed.leftovers(broken.name, broken.uuid), 10, "no mount and no folder")

    def test_when_the_host_agent_stops_the_guest_shows_no_power(self) -> None:
        powered = self.agent.wait_for_power()
        self.bed.host.stop()
        try:
            down: GuestView = wait_until(self.down_view, 40, "the guest's view without power")
            self.assertIsNone(down.power_uw)
            self.assertNotIn("scaph_process_power_consumption_microwatts", down.metric_names)
            self.assertNotIn("scaph_socket_power_microwatts", down.metric_names)
            self.assertIn("scaph_host_energy_microjoules", down.metric_names)
            self.assertGreaterEqual(down.total(down.zones), powered.total(powered.zones))
        finally:
            self.bed.host.start()
        self.assertTrue(self.agent.wait_for_power().up)

    def down_view(self) -> GuestView | None:
        view = self.agent.view()
        return None if view.up else view

    def test_a_guest_agent_that_is_first_waits_for_the_share_to_move(self) -> None:
        self.agent.stop()
        wait_until(lambda: not self.agent.answers(), 10, "the guest agent's end")
        self.bed.host.stop()
        try:
            self.guest.run(f"umount {SHARE}").checked()
            self.agent.start()
            waiting = self.agent.view()
            self.assertFalse(waiting.up)
            self.assertIsNone(waiting.power_uw)
            self.assertIn("mount -t virtiofs scaphandre", self.agent.log())
            self.guest.run(f"mount -t virtiofs scaphandre {SHARE}").checked()
        finally:
            self.bed.host.start()
        self.assertTrue(self.agent.wait_for_power().up)

    def test_the_seeds_command_publishes_the_same_totals_on(self) -> None:
        """wattvisor-host qemu, without a configuration: what Scaphandre's users type."""
        before = self.agent.wait_for_power()
        self.bed.host.stop()
        try:
            with Process(self.bed.host.command("--powercap", str(self.bed.simulated.powercap), "qemu"),
                         self.bed.work / "qemu-command.log") as qemu:
                def goes_on() -> GuestView | None:
                    view = self.agent.view()
                    return view if view.up and view.at.epoch != before.at.epoch and view.power_uw is not None else None

                after: GuestView = qemu.wait_ready(goes_on, 40, "the guest's view of the new run")
            for zone, counter in before.counters.items():
                self.assertGreaterEqual(after.counters[zone], counter)
        finally:
            self.bed.host.start()
        self.assertTrue(self.agent.wait_for_power().up)

    def test_a_second_agent_does_not_publish_beside_the_first(self) -> None:
        import subprocess

        second = subprocess.run([str(self.bed.host.program), "run", "--config", str(self.bed.host.config)],
                                capture_output=True, text=True, timeout=20)
        self.assertEqual(1, second.returncode)
        self.assertIn("publishes shares already", second.stderr)


class OddNames(TestbedCase):
    """A domain may be called nearly anything."""

    NAMES = ("wattlab with space", "wattlab-Zähler ⚡", "wattlab<&'\">")

    def test_odd_names_are_published_and_measured_like_others(self) -> None:
        for name in self.NAMES:
            with self.subTest(name=name):
                self.check(name, SHARE_ROOT / name)

    def test_names_that_virtiofsd_cannot_take_have_a_folder_by_uuid(self) -> None:
        from tests.lab.domain_xml import Share

        for name in ("wattlab a=b,c",):
            uuid = "6c1d9d7e-8f5a-4f0e-9d2b-0123456789ab"
            self.check(name, SHARE_ROOT / uuid, uuid=uuid, share=Share(SHARE_ROOT / uuid))

    def check(self, name: str, folder: Path, **options: object) -> None:
        guest = self.bed.guest(name, **options)
        with guest:
            self.bed.boot(guest)
            self.bed.agents[guest.uuid].wait_for_power()
            # Measured, and not only listed: its process was found.
            wait_until(lambda: self.bed.host.view().vm_total(guest.uuid) > 0, 20, f"energy of {name}")
            self.assertTrue((folder / "wattvisor/snapshot").exists())
            self.assertIn(guest.uuid, self.bed.host.view().vms)
            self.assertEqual([name], [row["name"] for row in json.loads(self.vms()) if row["uuid"] == guest.uuid])
        wait_until(lambda: not self.bed.leftovers(name, guest.uuid) and not folder.exists(), 10,
                   "no mount and no folder")

    def vms(self) -> str:
        from tests.lab.process import check_output

        return check_output(self.bed.host.command("vms", "--json"))


if __name__ == "__main__":
    unittest.main()
