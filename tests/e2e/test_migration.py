# SPDX-License-Identifier: Apache-2.0
"""A VM's energy goes with it: live migration between two libvirtds, managed save, save and restore, and back.

Each host runs the agent's own watcher with the smallest of ledgers (wattvisor-carry-driver: one microjoule per tick for each
VM), so that the truth is known to the microjoule.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import unittest
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.support import BOOT, PROGRAMS
from tests.lab.console import Console
from tests.lab.domain_xml import GuestConfig
from tests.lab.guest import URI, Guest, virsh
from tests.lab.image import build_image
from tests.lab.leftovers import work_folder
from tests.lab.libvirtd import Libvirtd
from tests.lab.process import Process, check_output, exit_on_signals, http_get, wait_until
from tests.lab.second_host import SecondHost, serial_folder
from tests.lab.testbed import SHARE_ROOT, Counters, HostAgent, SimulatedHost
from tests.lab.views import HostView

NAMESPACE = "https://wattvisor.dev/xmlns/energy/1"
LEDGERS = {"A": "a" * 32, "B": "b" * 32}


@dataclass(frozen=True)
class Row:
    """What a host's ledger knows of the VM."""

    charged: int
    before: int
    id: int
    pid: int
    running: bool
    silent_ms: int

    @property
    def total(self) -> int:
        return self.charged + self.before


def entries_in(virsh_command: Callable[..., str], uuid: str, *flags: str) -> dict[str, int]:
    """The package energy in the domain's metadata, by ledger."""
    try:
        text = virsh_command("metadata", "--domain", uuid, "--uri", NAMESPACE, *flags)
    except RuntimeError:
        return {}
    return {found[1]: int(found[2]) for found in re.finditer(r'ledger id="([0-9a-f]{32})" package="(\d+)"', text)}


class Host:
    """One libvirtd, its ledger, and where the guest's console is on it."""

    def __init__(self, name: str, virsh_command: Callable[..., str], uri: str, serial: Path, watcher: Process,
                 inside: Callable[[Sequence[str | Path]], list[str]]) -> None:
        self.name = name
        self.virsh = virsh_command
        self.uri = uri
        self.serial = serial
        self.watcher = watcher
        # The command line of a program that runs on this host.
        self.inside = inside

    def row(self, uuid: str) -> Row | None:
        lines = [line for line in self.watcher.output().split("\n")[:-1] if line.startswith("{")]
        found = json.loads(lines[-1]).get(uuid) if lines else None
        return Row(**found) if found else None

    def rows(self, uuid: str) -> list[Row]:
        """From the beginning on."""
        lines = [json.loads(line) for line in self.watcher.output().split("\n")[:-1] if line.startswith("{")]
        return [Row(**line[uuid]) for line in lines if uuid in line]

    def carried(self, uuid: str, *flags: str) -> dict[str, int]:
        return entries_in(self.virsh, uuid, *flags)

    def wait_running(self, uuid: str) -> Row:
        def running() -> Row | None:
            row = self.row(uuid)
            return row if row and row.running else None

        return wait_until(running, 30, f"the VM in the ledger of {self.name}")

    def wait_ended(self, uuid: str) -> Row:
        """The row that no longer changes."""
        wait_until(lambda: not (row := self.row(uuid)) or not row.running, 30, f"the VM's end on {self.name}")
        row = self.row(uuid)
        assert row is not None
        return row

    def wait_written(self, uuid: str) -> int:
        """Until what is charged by now is written; returns what is."""
        row = self.wait_running(uuid)
        wait_until(lambda: self.carried(uuid).get(LEDGERS[self.name], 0) >= row.charged, 30, f"metadata on {self.name}")
        return self.carried(uuid)[LEDGERS[self.name]]

    def console(self, uuid: str) -> Console:
        return Console(self.serial / uuid)

    def stayed_behind(self, uuid: str) -> list[int]:
        """What the log says that the VM did not take along."""
        return [int(found) for found in re.findall(uuid + r" (?:has migrated|was saved): (\d+) µJ",
                                                   self.watcher.output())]


class Migration(unittest.TestCase):
    """One guest for each test, on two hosts for the class."""

    a: Host
    b: Host

    @classmethod
    def setUpClass(cls) -> None:
        exit_on_signals()
        with ExitStack() as stack:
            cls.work = stack.enter_context(work_folder())
            stack.enter_context(Libvirtd(cls.work))
            second = stack.enter_context(SecondHost(cls.work))
            cls.image = build_image(cls.work / "image", programs=[])

            def watch(name: str, inside: Callable[[Sequence[str | Path]], list[str]]) -> Process:
                command = [PROGRAMS / "wattvisor-carry-driver", URI, "/run/libvirt/qemu", LEDGERS[name], "200", "2000"]
                return stack.enter_context(Process(inside(command), cls.work / f"watcher-{name}.log"))

            cls.a = Host("A", virsh, URI, serial_folder(cls.work), watch("A", list), list)
            # In the second host's namespace all is where it is on any host.
            cls.b = Host("B", second.virsh, second.uri, second.serial, watch("B", second.inside), second.inside)
            cls.addClassCleanup(stack.pop_all().close)

    def start(self, name: str, **options: object) -> Guest:
        guest = Guest(GuestConfig(name, self.image, None, persistent=True, **options), self.work,
                      serial_folder(self.work))
        self.addCleanup(guest.close)
        self.addCleanup(self.forget_on_b, guest.uuid)
        guest.start()
        guest.wait_ready(BOOT)
        self.boot_id = guest._boot_id
        guest.console.close()
        return guest

    def forget_on_b(self, uuid: str) -> None:
        for command in ("destroy", "undefine"):
            try:
                self.b.virsh(command, "--domain", uuid)
            except RuntimeError:
                pass  # it is not there

    def migrate(self, source: Host, target: Host, uuid: str, *options: str) -> None:
        source.virsh("migrate", "--live", "--persistent", *options, "--domain", uuid, target.uri, "--migrateuri",
                     "tcp://127.0.0.1", timeout=120)

    def check_same_boot(self, host: Host, uuid: str) -> None:
        console = host.console(uuid)
        try:
            self.assertEqual(self.boot_id, console.boot_id(30), "it is the same VM, and it went on")
        finally:
            console.close()

    def test_live_migration_there_and_back(self) -> None:
        uuid = self.start("wattlab-moves").uuid
        on_a = self.a.wait_running(uuid)
        self.assertEqual(0, on_a.before)
        taken = self.a.wait_written(uuid)
        self.migrate(self.a, self.b, uuid)
        left_a = self.a.wait_ended(uuid)
        on_b = self.b.wait_running(uuid)
        self.check_same_boot(self.b, uuid)

        # Another process, perhaps the same libvirt id, the same UUID.
        self.assertNotEqual(on_a.pid, on_b.pid)
        self.assertGreaterEqual(on_b.before, taken, "what was written before the migration is there")
        self.assertLessEqual(on_b.before, left_a.charged, "and nothing that was not charged")
        # What could not be written while it migrated is not lost silently.
        wait_until(lambda: self.a.stayed_behind(uuid), 30, "what the VM did not take along, in the log of A")
        self.assertEqual([left_a.charged - on_b.before], self.a.stayed_behind(uuid))

        taken_from_b = self.b.wait_written(uuid)
        self.assertEqual({LEDGERS["A"]: on_b.before, LEDGERS["B"]: taken_from_b}, self.b.carried(uuid))
        self.assertEqual(self.b.carried(uuid), self.b.carried(uuid, "--config"))
        self.migrate(self.b, self.a, uuid, "--undefinesource")
        left_b = self.b.wait_ended(uuid)
        back = self.a.wait_running(uuid)
        self.check_same_boot(self.a, uuid)

        self.assertGreaterEqual(back.before, taken_from_b)
        self.assertLessEqual(back.before, left_b.charged)
        self.assertGreater(back.charged, left_a.charged, "A's own part goes on, and comes from its own ledger")
        wait_until(lambda: self.b.stayed_behind(uuid), 30, "what the VM did not take along, in the log of B")
        self.assertEqual([left_b.charged - back.before], self.b.stayed_behind(uuid))
        for host in (self.a, self.b):
            totals = [row.total for row in host.rows(uuid)]
            self.assertEqual(sorted(totals), totals, f"the total on {host.name} never goes back")

    def test_an_enrolled_vm_moves_once_its_share_is_detached(self) -> None:
        guest = self.start("wattlab-enrolled", mount=False)  # with the shared memory that virtiofs needs
        uuid = guest.uuid
        self.addCleanup(self.remove_root, SHARE_ROOT.exists())
        self.addCleanup(self.remove_shares, guest)
        self.assertIn("The share is attached", self.command(self.a, "enroll", "--live", guest.name))
        self.in_guest(self.a, uuid, "mount -t virtiofs scaphandre /var/scaphandre")
        with self.assertRaisesRegex(RuntimeError, "vhost-user-fs"):
            self.migrate(self.a, self.b, uuid)
        with self.assertRaisesRegex(RuntimeError, "vhost-user-fs"):
            virsh("managedsave", "--domain", uuid)

        self.in_guest(self.a, uuid, "umount /var/scaphandre")
        self.assertIn("The share is detached", self.command(self.a, "unenroll", "--live", guest.name))
        row = self.a.wait_running(uuid)
        # The detaching is an event: its copy is fresh, also where its turn is a minute away.
        wait_until(lambda: self.a.carried(uuid).get(LEDGERS["A"], 0) >= row.charged, 30, "a fresh copy")
        self.migrate(self.a, self.b, uuid, "--undefinesource")
        self.b.wait_running(uuid)
        self.check_same_boot(self.b, uuid)
        self.assertIn("The share is attached", self.command(self.b, "enroll", "--live", guest.name))
        self.in_guest(self.b, uuid, "mount -t virtiofs scaphandre /var/scaphandre")
        self.in_guest(self.b, uuid, "umount /var/scaphandre")
        self.assertIn("The share is detached", self.command(self.b, "unenroll", "--live", guest.name))

    def command(self, host: Host, *arguments: str) -> str:
        """wattvisor-host on that host, with run folders of their own."""
        program = [PROGRAMS / "wattvisor-host", "--share-root", SHARE_ROOT, "--run-dir",
                   self.work / f"run-{host.name}", *arguments]
        done = subprocess.run(host.inside(program), capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def in_guest(self, host: Host, uuid: str, command: str) -> None:
        console = host.console(uuid)
        try:
            console.boot_id(30)
            wait_until(lambda: console.run(command).status == 0, 30, f"{command} in the guest", interval=0.3)
        finally:
            console.close()

    def remove_shares(self, guest: Guest) -> None:
        """Those of the first host; the second one's go with its namespace."""
        for folder in (SHARE_ROOT / guest.name, self.work / "run-A/shares" / guest.uuid):
            if folder.is_mount():
                check_output(["umount", "--lazy", folder])
            if folder.is_dir():
                folder.rmdir()

    def remove_root(self, was_there: bool) -> None:
        if not was_there and SHARE_ROOT.is_dir() and not any(SHARE_ROOT.iterdir()):
            SHARE_ROOT.rmdir()

    def test_a_long_migration_does_not_hold_up_the_watcher(self) -> None:
        """A write into the metadata would wait for the migration's end, and with it the list of all VMs."""
        uuid = self.start("wattlab-slow").uuid
        self.a.wait_written(uuid)
        virsh("migrate-setspeed", "--domain", uuid, "8")
        before, began = len(self.a.rows(uuid)), time.monotonic()
        self.migrate(self.a, self.b, uuid, "--undefinesource")
        took_ms = (time.monotonic() - began) * 1000
        self.a.wait_ended(uuid)
        silences = [row.silent_ms for row in self.a.rows(uuid)[before:]]
        self.assertGreater(len(silences), 10)
        self.assertLess(max(silences), took_ms / 2)

    def test_managed_save(self) -> None:
        guest = self.start("wattlab-sleeps")
        self.addCleanup(lambda: virsh("managedsave-remove", "--domain", guest.uuid))
        self.a.wait_written(guest.uuid)
        virsh("managedsave", "--domain", guest.uuid)
        saved = self.a.wait_ended(guest.uuid)
        # The stored configuration gets what the image does not have.
        wait_until(lambda: self.a.carried(guest.uuid, "--config").get(LEDGERS["A"]) == saved.charged, 30,
                   "the last word in the stored configuration")
        virsh("start", "--domain", guest.uuid)
        again = self.a.wait_running(guest.uuid)
        self.check_same_boot(self.a, guest.uuid)
        self.assertEqual(0, again.before, "the image is older than the ledger: nothing of it counts again")
        self.assertGreater(again.charged, saved.charged)

    def test_saved_here_and_restored_there(self) -> None:
        uuid = self.start("wattlab-restored").uuid
        taken = self.a.wait_written(uuid)
        image = self.work / "vm.save"
        virsh("save", "--domain", uuid, "--file", image)
        saved = self.a.wait_ended(uuid)
        self.b.virsh("restore", image)
        on_b = self.b.wait_running(uuid)
        self.check_same_boot(self.b, uuid)
        self.assertGreaterEqual(on_b.before, taken)
        self.assertLessEqual(on_b.before, saved.charged)
        # A restored domain is transient: there is no stored configuration to write.
        self.b.wait_written(uuid)
        # The same image once more, on the host that made it.
        self.b.virsh("destroy", "--domain", uuid)
        virsh("restore", image)
        again = self.a.wait_running(uuid)
        self.assertEqual(0, again.before)
        self.assertGreaterEqual(again.charged, saved.charged)

    def test_a_clone_does_not_begin_with_its_originals_energy(self) -> None:
        guest = self.start("wattlab-original")
        self.a.wait_written(guest.uuid)
        clone = Guest(GuestConfig("wattlab-clone", self.image, None, metadata=re.search(
            "<metadata>(.*)</metadata>", virsh("dumpxml", guest.uuid), re.DOTALL)[1]), self.work,
            serial_folder(self.work))  # type: ignore[index]
        self.addCleanup(clone.close)
        clone.start()
        row = self.a.wait_running(clone.uuid)
        self.assertEqual(0, row.before)
        self.assertIn(f"VM {clone.uuid}: the energy in its metadata is ignored", self.a.watcher.output())
        # Its own takes that place.
        self.a.wait_written(clone.uuid)


class MigrationOfAgents(unittest.TestCase):
    """The same with the host agent on both sides, each with counters of its own."""

    def setUp(self) -> None:
        exit_on_signals()
        with ExitStack() as stack:
            self.work = stack.enter_context(work_folder())
            stack.enter_context(Libvirtd(self.work))
            self.second = stack.enter_context(SecondHost(self.work))
            self.image = build_image(self.work / "image", programs=[])
            self.page_a = self.start_agent(stack, "A", list)
            self.page_b = self.start_agent(stack, "B", self.second.inside)
            self.addCleanup(stack.pop_all().close)

    def start_agent(self, stack: ExitStack, name: str, inside: Callable[[Sequence[str | Path]], list[str]]) -> str:
        """Returns the address of its metrics."""
        folder = self.work / f"agent-{name}"
        folder.mkdir()
        simulated = SimulatedHost(PROGRAMS, folder, Counters())
        stack.callback(simulated.stop)
        agent = HostAgent(PROGRAMS, folder, simulated.powercap)
        agent.config.write_text(agent.config.read_text().replace("ledger: {", "ledger: { carry: true,"))
        command = inside([PROGRAMS / "wattvisor-host", "run", "--config", agent.config])
        stack.enter_context(Process(command, agent.log))
        wait_until(lambda: self.answers(agent.url), 15, f"the metrics of agent {name}")
        return agent.url

    def answers(self, url: str) -> bool:
        try:
            return bool(http_get(url, timeout=2))
        except OSError:
            return False

    def own(self, url: str, uuid: str) -> int:
        """What the agent's own ledger charged the VM: package energy in microjoules."""
        view = HostView.parse(http_get(url))
        return sum(uj for zone, uj in view.vms.get(uuid, {}).items() if view.zone_names[zone].startswith("package"))

    def wait_carried(self, virsh_command: Callable[..., str], uuid: str, ledger: str | None, least: int) -> dict[str, int]:
        """Until this ledger's entry (the only one that is there, if none is named) is so large."""
        def written() -> dict[str, int] | None:
            entries = entries_in(virsh_command, uuid)
            return entries if entries.get(ledger or next(iter(entries), ""), -1) >= least else None

        return wait_until(written, 150, "the VM's turn", interval=0.5)  # type: ignore[return-value]

    def test_the_total_goes_there_and_back(self) -> None:
        guest = Guest(GuestConfig("wattlab-agents", self.image, None, persistent=True, load="light"), self.work,
                      serial_folder(self.work))
        self.addCleanup(guest.close)
        guest.start()
        guest.wait_ready(BOOT)
        guest.console.close()
        uuid = guest.uuid
        wait_until(lambda: self.own(self.page_a, uuid) > 0, 30, "energy on A")
        ((ledger_a, taken),) = self.wait_carried(virsh, uuid, None, 1).items()
        self.assertLessEqual(taken, self.own(self.page_a, uuid))
        virsh("migrate", "--live", "--persistent", "--undefinesource", "--domain", uuid, self.second.uri, "--migrateuri",
              "tcp://127.0.0.1", timeout=120)
        wait_until(lambda: self.own(self.page_b, uuid) > 0, 30, "energy on B")
        on_b = wait_until(lambda: found if len(found := entries_in(self.second.virsh, uuid)) == 2 else None, 150,
                          "the VM's turn on B", interval=0.5)
        (ledger_b,) = set(on_b) - {ledger_a}
        self.assertGreaterEqual(on_b[ledger_a], taken)
        self.assertLessEqual(on_b[ledger_b], self.own(self.page_b, uuid), "B's part is what B charged, and no more")
        self.second.virsh("migrate", "--live", "--persistent", "--undefinesource", "--domain", uuid, URI, "--migrateuri",
                          "tcp://127.0.0.1", timeout=120)
        wait_until(lambda: uuid in HostView.parse(http_get(self.page_a)).vms, 30, "the VM back on A")
        own = wait_until(lambda: self.own(self.page_a, uuid), 30, "energy on A")
        self.assertGreaterEqual(own, on_b[ledger_a])
        back = self.wait_carried(virsh, uuid, ledger_a, own)
        self.assertEqual({ledger_a, ledger_b}, set(back))
        # A's part is A's ledger alone: what it charged before is in it once.
        self.assertLessEqual(back[ledger_a], self.own(self.page_a, uuid))
        self.assertGreaterEqual(back[ledger_b], on_b[ledger_b])


if __name__ == "__main__":
    unittest.main()
