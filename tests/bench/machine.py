# SPDX-License-Identifier: Apache-2.0
"""The machine that is measured on: processes, energy counters, libvirt and shares. See isolation.py for the mounts."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.lab.process import Process, wait_until

from .isolation import mount_share, unmount

# All processes of a fleet together, in microseconds of CPU time per second: a fifth of a CPU.
FLEET_LOAD_US = 200_000


class Fleet:
    """Processes that look like QEMU's, or like a program called `name`."""

    def __init__(self, bin_folder: Path, work: Path, count: int, threads: int, prefix: str,
                 name: str = "qemu-system-x86_64", load_us: int = FLEET_LOAD_US) -> None:
        self.run_dir = work / f"{prefix}run"
        self.run_dir.mkdir()
        # Found by its name (comm), by what it runs (exe) and by its arguments, as QEMU is.
        program = self.run_dir / name
        shutil.copy(bin_folder / "wattvisor-bench-fleet", program)
        self._child = subprocess.Popen(
            [bin_folder / "wattvisor-bench-fleet", str(count), str(threads), str(load_us // count), prefix,
             self.run_dir, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._child.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{count} processes of {threads} threads could not be started")

    def close(self) -> None:
        pids = [int(path.read_text()) for path in self.run_dir.glob("*.pid")]
        self._child.stdin.close()
        self._child.wait()
        # Whoever adopted them may take a while to collect them: until then they are listed, and would be measured.
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 60, "the end of the fleet")
        shutil.rmtree(self.run_dir)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


class Hypervisor:
    """VMs as libvirt knows them: libvirt's test driver, inside a real libvirtd, lists them; each has a mounted share.

    https://libvirt.org/drvtest.html
    """

    def __init__(self, work: Path, vms: int, prefix: str = "bench-") -> None:
        self.root = work / "shares"
        self.run_dir = work / "run"
        self.prefix = prefix
        self.vms = vms
        self._node = work / "node.xml"

    @property
    def uri(self) -> str:
        return f"test+unix://{self._node}?socket=/run/libvirt/libvirt-sock"

    def snapshots(self) -> list[Path]:
        """What the agent publishes, one file per VM."""
        return [self.run_dir / "shares" / uuid_of(number) / "wattvisor/snapshot" for number in range(self.vms)]

    def __enter__(self) -> Hypervisor:
        domains = "".join(_domain(f"{self.prefix}{number}", uuid_of(number), self.root) for number in range(self.vms))
        self._node.write_text(f"<node>{domains}</node>\n")
        for number in range(self.vms):
            mount_share(self.run_dir / "shares" / uuid_of(number), self.root / f"{self.prefix}{number}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for number in range(self.vms):
            unmount(self.root / f"{self.prefix}{number}")
            unmount(self.run_dir / "shares" / uuid_of(number))
        shutil.rmtree(self.root)
        shutil.rmtree(self.run_dir)


def _domain(name: str, uuid: str, root: Path) -> str:
    return (f"<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><title>A virtual machine to measure</title>"
            "<memory unit='KiB'>4194304</memory>"
            "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking><vcpu>2</vcpu>"
            "<os><type arch='x86_64'>hvm</type></os><devices>"
            "<disk type='file' device='disk'><source file='/var/lib/libvirt/images/disk.qcow2'/>"
            "<target dev='vda' bus='virtio'/></disk>"
            "<filesystem type='mount'><driver type='virtiofs'/><binary><cache mode='none'/></binary>"
            f"<source dir='{root}/{name}'/><target dir='scaphandre'/></filesystem></devices></domain>")


def start_libvirtd(work: Path) -> Process:
    """One of our own, in our own mounts: the machine's own, or a laboratory's, runs on beside it."""
    config = work / "libvirtd.conf"
    config.write_text('auth_unix_ro = "none"\nauth_unix_rw = "none"\n')
    daemon = Process([shutil.which("libvirtd") or "/usr/sbin/libvirtd", "--config", config, "--pid-file",
                      work / "libvirtd.pid"], work / "libvirtd.log")
    daemon.wait_ready(lambda: subprocess.run(["virsh", "-c", "test+unix:///default?socket=/run/libvirt/libvirt-sock",
                                              "version"], capture_output=True, check=False).returncode == 0, 60,
                      "libvirtd's first answer")
    return daemon


def start_counters(bin_folder: Path, work: Path) -> Process:
    """Two sockets with dram: four zones, as on many a server."""
    counters = Process([bin_folder / "wattvisor-simulated-host", "--root", work / "powercap", "--sockets", "2", "--subzones",
                        "dram=0.15", "--step", "250ms"], work / "simulated-host.log")
    wait_until((work / "powercap/intel-rapl:1").exists, 10, "the energy counters")
    return counters


def user_process_count() -> int:
    """Without kernel threads, which have no arguments."""
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                count += bool((folder / "cmdline").read_bytes())
            except OSError:
                pass  # ended meanwhile
    return count


def settle(seconds: float = 2) -> None:
    """What was started has its first, costly moments behind it."""
    time.sleep(seconds)
