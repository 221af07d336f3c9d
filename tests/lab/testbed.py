# SPDX-License-Identifier: Apache-2.0
"""A hypervisor in small: simulated counters, libvirtd with the hook, the host agent, and guests with the guest agent.

The counters are simulated, since most machines that run tests have no RAPL; libvirtd, QEMU, virtiofs, the guests' kernels and
their processes are real.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from .domain_xml import GuestConfig, Share
from .guest import Guest, virsh
from .image import Image, build_image
from .libvirtd import Libvirtd, libvirtd_answers
from .process import Process, free_tcp_port, http_get, wait_until
from .views import GuestView, HostView

# Where Scaphandre's documents say that shares are.
SHARE_ROOT = Path("/var/lib/libvirt/scaphandre")
HOOK_NAME = "wattvisor-lab"


@dataclass(frozen=True)
class Counters:
    """How the simulated RAPL behaves; see wattvisor-simulated-host --help."""

    idle_watts: float = 10
    watts_per_cpu: float = 15
    sockets: int = 1
    subzones: str = "core=0.7,dram=0.12"
    max_range_uj: int = 262143328850
    start_uj: int = 1_000_000_000


class SimulatedHost:
    """Keeps a powercap tree moving from this machine's real load, and writes down the truth."""

    def __init__(self, programs: Path, work: Path, counters: Counters) -> None:
        self.powercap = work / "powercap"
        self.truth = work / "truth.jsonl"
        self._process = Process(
            [programs / "wattvisor-simulated-host", "--root", self.powercap, "--truth", self.truth,
             "--idle-watts", str(counters.idle_watts), "--watts-per-cpu", str(counters.watts_per_cpu),
             "--sockets", str(counters.sockets), "--subzones", counters.subzones,
             "--range", str(counters.max_range_uj), "--start", str(counters.start_uj)],
            work / "simulated-host.log")
        self._process.wait_ready(lambda: (self.powercap / "intel-rapl:0/energy_uj").exists() and self.truth.exists(),
                                 10, "the simulated counters")

    def stop(self) -> None:
        self._process.stop()


class HostAgent:
    """wattvisor-host run, with a page of metrics."""

    def __init__(self, programs: Path, work: Path, powercap: Path, interval: str = "1s") -> None:
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}/metrics"
        self.run_dir = work / "run"
        self.config = work / "host.yaml"
        self.config.write_text(f"""\
interval: {interval}
roots: {{ powercap: {powercap} }}
shares: {{ root: {SHARE_ROOT}, run_dir: {self.run_dir} }}
ledger: {{ file: {self.run_dir}/ledger.json, saved_file: {self.run_dir}/ledger.saved.json }}
exporters:
  - {{ type: prometheus, address: 127.0.0.1, port: {self.port}, qemu: true }}
""")
        self.program = programs / "wattvisor-host"
        self.log = work / "host-agent.log"
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RuntimeError("the host agent does not run")
        return self._process

    def start(self) -> None:
        self._process = Process([self.program, "run", "--config", self.config], self.log)
        self.process.wait_ready(self._answers, 15, "the host agent's metrics")

    def _answers(self) -> bool:
        try:
            return bool(http_get(self.url, timeout=2))
        except OSError:
            return False

    def view(self) -> HostView:
        return HostView.parse(http_get(self.url))

    def stop(self) -> int:
        return self.process.stop()

    def kill(self) -> None:
        self.process.signal(signal.SIGKILL)
        self.process.wait(10)

    def command(self, *arguments: str) -> list[str]:
        """A command line of the same program with the same folders."""
        return [str(self.program), "--share-root", str(SHARE_ROOT), "--run-dir", str(self.run_dir), *arguments]

    def wait_for_vm(self, uuid: str, timeout: float = 20) -> None:
        wait_until(lambda: uuid in self.view().vms, timeout, f"VM {uuid} in the host agent's metrics")


class GuestAgent:
    """wattvisor-guest --vm prometheus inside a guest, reached through a forwarded port."""

    def __init__(self, guest: Guest, port: int) -> None:
        self.guest = guest
        self.url = f"http://127.0.0.1:{port}/metrics"

    def start(self, *options: str) -> None:
        command = shlex.join(["wattvisor-guest", "--vm", *options, "prometheus"])
        self.guest.run(f"setsid {command} </dev/null >/tmp/agent.log 2>&1 & echo $! >/tmp/agent.pid").checked()
        wait_until(self.answers, 30, f"the metrics of the guest agent in {self.guest.name}", interval=0.3)

    def answers(self) -> bool:
        try:
            return bool(http_get(self.url, timeout=3))
        except OSError:
            return False

    def view(self) -> GuestView:
        return GuestView.parse(http_get(self.url))

    def stop(self) -> None:
        self.guest.run("kill $(cat /tmp/agent.pid)")

    def log(self) -> str:
        return self.guest.run("cat /tmp/agent.log").output

    def wait_for_power(self, timeout: float = 30) -> GuestView:
        def powered() -> GuestView | None:
            try:
                view = self.view()
            except OSError:
                return None
            return view if view.power_uw is not None else None

        return wait_until(powered, timeout, f"power in {self.guest.name}", interval=0.3)  # type: ignore[return-value]


class HookedGuest(Guest):
    """A guest of a libvirtd that does not know our hook: what libvirt would do with it is done here."""

    def __init__(self, config: GuestConfig, work: Path, hook: Path) -> None:
        super().__init__(config, work)
        self._hook = hook

    def _run_hook(self, operation: str, part: str) -> None:
        try:
            xml = virsh("dumpxml", "--domain", self.uuid)
        except RuntimeError:
            xml = self.xml  # not defined: what it is made from
        subprocess.run([self._hook, self.name, operation, part, "-"], input=xml.encode(), timeout=10, check=True)

    def start(self) -> None:
        self._run_hook("prepare", "begin")
        try:
            super().start()
        except BaseException:
            self._run_hook("release", "end")
            raise

    def destroy(self) -> None:
        super().destroy()
        self._run_hook("release", "end")

    def close(self) -> None:
        super().close()
        self._run_hook("release", "end")


class Testbed:
    """Use as a context. Guests are made with guest(); everything goes away in the end."""

    def __init__(self, programs: Path, work: Path, counters: Counters | None = None, interval: str = "1s") -> None:
        self.programs = programs
        self.work = work
        self._counters = counters or Counters()
        self._interval = interval
        self._stack = ExitStack()
        self.agents: dict[str, GuestAgent] = {}

    def __enter__(self) -> Testbed:
        with ExitStack() as stack:
            self._made_root = not SHARE_ROOT.exists()
            stack.callback(self._remove_root)
            self.simulated = SimulatedHost(self.programs, self.work, self._counters)
            stack.callback(self.simulated.stop)
            self.host = HostAgent(self.programs, self.work, self.simulated.powercap, self._interval)
            self.libvirtd = Libvirtd(self.work)
            stack.callback(self.libvirtd.close)
            self.hook = self._write_hook()
            # A libvirtd that runs already notices no new hook, and is not ours to reload: see HookedGuest.
            if not libvirtd_answers():
                self.libvirtd.install_hook(self.hook, HOOK_NAME)
            self.libvirtd.start()
            self.image: Image = build_image(self.work / "image", [self.programs / "wattvisor-guest"])
            self.host.start()
            stack.callback(self._stop_host)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop_host(self) -> None:
        if self.host.process.running():
            self.host.stop()

    def _remove_root(self) -> None:
        if self._made_root and SHARE_ROOT.is_dir() and not any(SHARE_ROOT.iterdir()):
            SHARE_ROOT.rmdir()

    def _write_hook(self) -> Path:
        """The real hook, told where this testbed keeps its side of the shares. It leaves other VMs alone."""
        script = self.work / "hook.sh"
        hook = self.programs / "wattvisor-hook"
        script.write_text("#!/bin/sh\n"
                          f"# Made by the tests of Wattvisor, and removed by them.\n"
                          f'case "$1" in wattlab*) ;; *) exit 0 ;; esac\n'
                          f'exec {shlex.quote(str(hook))} --root {shlex.quote(str(SHARE_ROOT))} '
                          f'--run-dir {shlex.quote(str(self.host.run_dir))} "$@"\n')
        script.chmod(0o755)
        return script

    def guest(self, name: str, load: str = "none", virtiofsd: Path | None = None, **options: object) -> Guest:
        """A guest whose XML carries the share; not started. Its agent is in agents[guest.uuid]."""
        port = free_tcp_port()
        config = GuestConfig(name, self.image, Share(SHARE_ROOT / name, virtiofsd=virtiofsd), {port: 8080}, load=load)
        config = replace(config, **options)  # type: ignore[arg-type]
        guest = Guest(config, self.work) if self.libvirtd.own else HookedGuest(config, self.work, self.hook)
        self._stack.callback(guest.close)
        self.agents[guest.uuid] = GuestAgent(guest, port)
        return guest

    def boot(self, *guests: Guest) -> None:
        """Starts guests side by side, waits until they take commands and the host measures them, and starts their agents."""
        for guest in guests:
            guest.start()
        for guest in guests:
            guest.wait_ready()
            self.host.wait_for_vm(guest.uuid)
            self.agents[guest.uuid].start()

    def leftovers(self, name: str, uuid: str) -> list[str]:
        """Mounts and folders of a VM's share that are still there."""
        found = [line for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
                 if uuid in line or str(SHARE_ROOT / name).replace(" ", "\\040") in line]
        folders = [SHARE_ROOT / name, self.host.run_dir / "shares" / uuid]
        return found + [str(folder) for folder in folders if folder.exists()]
