# SPDX-License-Identifier: Apache-2.0
"""Shares of all kinds: enrolled by our command, attached to a running VM, mounted by hand, by another virtiofsd."""

from __future__ import annotations

import subprocess
import unittest
from pathlib import Path

from tests.e2e.support import OTHER_VIRTIOFSD, TestbedCase
from tests.lab.domain_xml import Share
from tests.lab.guest import Guest, virsh
from tests.lab.process import check_output, wait_until
from tests.lab.testbed import SHARE_ROOT, Testbed
from tests.lab.views import Recorder

SHARE = "/var/scaphandre"


def compare_ticks(case: unittest.TestCase, bed: Testbed, guest: Guest, count: int = 5) -> None:
    """At so many ticks, the guest's counters are what the host's ledger says."""
    with Recorder(bed.host.url, {guest.uuid: bed.agents[guest.uuid].url}) as recorder:
        wait_until(lambda: len(recorder.recording.common()) >= count, 60, "ticks that both have seen")
    for at in recorder.recording.common():
        case.assertEqual(recorder.recording.host[at].vms[guest.uuid], recorder.recording.guests[guest.uuid][at].counters)


class Enrolled(TestbedCase):
    """wattvisor-host enroll and unenroll, on the definition and on the running VM."""

    def enroll(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.bed.host.command(command, *arguments), capture_output=True, text=True, timeout=60)

    def test_a_vm_is_enrolled_and_finds_its_share_at_its_next_start(self) -> None:
        guest = self.bed.guest("wattlab enrolled=a,b", persistent=True, share=None)
        with guest:
            guest.define()
            self.assertNotIn("virtiofs", virsh("dumpxml", guest.uuid))
            first = self.enroll("enroll", guest.name)
            self.assertEqual(0, first.returncode, first.stdout + first.stderr)
            self.assertIn("virtiofs", virsh("dumpxml", guest.uuid))
            enrolled = virsh("dumpxml", guest.uuid)
            # No virtiofsd takes a path with a comma in it.
            self.assertIn(f"{SHARE_ROOT}/{guest.uuid}", enrolled)
            again = self.enroll("enroll", guest.uuid)
            self.assertEqual(0, again.returncode, again.stdout + again.stderr)
            self.assertEqual(enrolled, virsh("dumpxml", guest.uuid), "enrolling twice changes nothing")

            self.bed.boot(guest)
            self.bed.agents[guest.uuid].wait_for_power()
            compare_ticks(self, self.bed, guest)

            guest.destroy()
            off = self.enroll("unenroll", guest.name)
            self.assertEqual(0, off.returncode, off.stdout + off.stderr)
            self.assertNotIn("virtiofs", virsh("dumpxml", guest.uuid))
        wait_until(lambda: not self.bed.leftovers(guest.name, guest.uuid), 10, "no mount and no folder")

    def test_a_running_vm_gets_its_share_at_once(self) -> None:
        # mount=False gives it the shared memory that virtiofs needs.
        guest = self.bed.guest("wattlab-live", persistent=True, share=None, mount=False)
        with guest:
            guest.start()
            guest.wait_ready()
            done = self.enroll("enroll", "--live", guest.name)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            wait_until(lambda: guest.run(f"mount -t virtiofs scaphandre {SHARE}").status == 0, 30, "the mount")
            self.bed.agents[guest.uuid].start()
            self.bed.agents[guest.uuid].wait_for_power()
            compare_ticks(self, self.bed, guest)

            self.bed.agents[guest.uuid].stop()
            wait_until(lambda: guest.run(f"umount {SHARE}").status == 0, 20, "the share to be free")
            off = self.enroll("unenroll", "--live", guest.name)
            self.assertEqual(0, off.returncode, off.stdout + off.stderr)
            wait_until(lambda: not self.bed.leftovers(guest.name, guest.uuid), 10, "no mount and no folder")
            self.assertTrue(guest.running())

    def test_a_vm_that_does_not_exist_is_said_so(self) -> None:
        missing = self.enroll("enroll", "wattlab-nobody")
        self.assertEqual(1, missing.returncode)
        self.assertIn("wattlab-nobody", missing.stdout + missing.stderr)


class ByHand(TestbedCase):
    """The tmpfs that Scaphandre's documents tell to mount: the guest can write into it, and means harm."""

    def test_a_guest_that_can_write_into_its_share_harms_only_itself(self) -> None:
        name = "wattlab-byhand"
        folder = SHARE_ROOT / name
        folder.mkdir(parents=True)
        # As the document has it, but for the name.
        check_output(["mount", "-t", "tmpfs", f"tmpfs_{name}", folder, "-o", "size=5m"])
        victim = self.bed.work / "victim"
        victim.write_text("untouched")
        try:
            guest = self.bed.guest(name, load="busy")
            with guest:
                self.bed.boot(guest)
                self.bed.agents[guest.uuid].wait_for_power()
                for harm in (f"echo 999999999999 > {SHARE}/intel-rapl:0/energy_uj",
                             f"rm -rf {SHARE}/wattvisor && ln -s {self.bed.work} {SHARE}/wattvisor",
                             f"rm -rf {SHARE}/intel-rapl:0 && ln -s {self.bed.work} {SHARE}/intel-rapl:0",
                             f"rm -f {SHARE}/intel-rapl:0/energy_uj; mkfifo {SHARE}/intel-rapl:0/energy_uj",
                             f"rm -f {SHARE}/intel-rapl:0/name; mknod {SHARE}/intel-rapl:0/name c 1 3"):
                    guest.run(harm)
                    self.assert_agent_goes_on()
                self.bed.host.stop()
                self.bed.host.start()
                self.assert_agent_goes_on()
            self.assertEqual("untouched", victim.read_text())
            self.assertEqual([], [path.name for path in self.bed.work.iterdir()
                                  if path.name in ("snapshot", "energy_uj", "enabled", "max_energy_range_uj")])
        finally:
            check_output(["umount", "--lazy", folder])
            folder.rmdir()

    def assert_agent_goes_on(self) -> None:
        before = self.bed.host.view()
        after = wait_until(lambda: self.later_than(before.at.sequence), 10, "a further tick")
        self.assertEqual({0}, set(after.missing().values()))

    def later_than(self, sequence: int):  # type: ignore[no-untyped-def]
        view = self.bed.host.view()
        return view if view.at.sequence > sequence else None


@unittest.skipUnless(OTHER_VIRTIOFSD, "no other virtiofsd: name one in WATTVISOR_VIRTIOFSD, see CONTRIBUTING.md")
class OtherVirtiofsd(TestbedCase):
    """Today's virtiofsd, which replaced the one that came with QEMU."""

    def test_both_views_agree_and_the_share_cannot_be_written(self) -> None:
        path = Path(OTHER_VIRTIOFSD or "")
        name = "wattlab-rust"
        guest = self.bed.guest(name, load="busy", share=Share(SHARE_ROOT / name, virtiofsd=path))
        with guest:
            self.bed.boot(guest)
            self.bed.agents[guest.uuid].wait_for_power()
            compare_ticks(self, self.bed, guest)
            refused = guest.run(f"echo 1 > {SHARE}/intel-rapl:0/energy_uj")
            self.assertIn("Read-only file system", refused.output)
        wait_until(lambda: not self.bed.leftovers(name, guest.uuid), 10, "no mount and no folder")


class PerSocket(TestbedCase):
    """Two sockets: one package for the guest by default, or as many as the host has."""

    from tests.lab.testbed import Counters

    counters = Counters(sockets=2, subzones="core=0.5,uncore=0.1,dram=0.2")

    @classmethod
    def prepare(cls) -> None:
        cls.guest = cls.bed.guest("wattlab-sockets", load="busy")
        cls.bed.boot(cls.guest)
        cls.bed.agents[cls.guest.uuid].wait_for_power()

    def names(self) -> list[str]:
        listing = self.guest.run(f"cd {SHARE} && for z in intel-rapl:*; do echo $z $(cat $z/name); done").checked()
        return listing.split("\n")[:-1]

    def test_sockets_are_merged_unless_asked_for(self) -> None:
        self.assertEqual(["intel-rapl:0 package-0", "intel-rapl:0:0 core", "intel-rapl:0:1 uncore",
                          "intel-rapl:0:2 dram"], self.names())
        total = int(self.guest.run(f"cat {SHARE}/intel-rapl:0/energy_uj").checked())
        self.assertGreater(total, 0)
        # A new layout, on the same share: what is no zone any more goes, the others keep their totals.
        self.bed.host.stop()
        self.bed.host.config.write_text(self.bed.host.config.read_text().replace(
            "run_dir:", "layout: per-socket, run_dir:", 1))
        self.bed.host.start()
        wait_until(lambda: len(self.names()) == 8, 20, "eight zones")
        self.assertIn("intel-rapl:1 package-1", self.names())
        self.bed.agents[self.guest.uuid].wait_for_power(60)


if __name__ == "__main__":
    unittest.main()
