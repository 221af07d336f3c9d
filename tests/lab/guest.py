# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of the laboratory, from its start to its removal."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid as uuids
from pathlib import Path
from types import TracebackType
from xml.sax.saxutils import escape

from .console import Console, Result
from .domain_xml import GuestConfig, Share, domain_xml, filesystem_xml
from .process import at_cleanup, check_output, forget_cleanup, wait_until

URI = "qemu:///system"
# All domains of the laboratory are named so; it touches no others.
PREFIX = "wattlab"
LIBVIRT_LOGS = Path("/var/log/libvirt/qemu")


def virsh(*arguments: str | Path, timeout: float = 60) -> str:
    """The output of a virsh command; RuntimeError with what it said when it fails."""
    return check_output(["virsh", "--quiet", "--connect", URI, *arguments], timeout)


def lab_domains(prefix: str = PREFIX) -> list[str]:
    """The laboratory's domains that libvirt knows, running or not, by UUID."""
    found = []
    for uuid in virsh("list", "--all", "--uuid").split():
        # By its serial console too: somebody else's VM may have such a name.
        if virsh("domname", uuid).strip("\n").startswith(prefix) and "/tmp/wattlab-" in virsh("dumpxml", uuid):
            found.append(uuid)
    return found


def remove_leftovers(prefix: str = PREFIX) -> None:
    """Removes domains that an earlier run left behind because it was killed."""
    for uuid in lab_domains(prefix):
        name = virsh("domname", uuid).strip("\n")
        _remove(uuid)
        _remove_logs(name)


def _libvirt_logs(name: str) -> list[Path]:
    pattern = re.compile(re.escape(name) + r"(-fs\d+-virtiofsd)?\.log(\.\d+)?")
    return sorted(path for path in LIBVIRT_LOGS.glob("*.log*") if pattern.fullmatch(path.name))


def _remove_logs(name: str) -> None:
    for log in _libvirt_logs(name):
        log.unlink(missing_ok=True)


def _remove(uuid: str) -> None:
    """Ends and undefines a domain, whatever state it is in."""
    for command in ("destroy", "undefine"):
        try:
            virsh(command, "--domain", uuid)
        except RuntimeError as error:
            # Not running, or transient and gone with its end: both are what was wanted.
            if not re.search("domain is not running|failed to get domain|Domain not found|transient domain",
                             str(error)):
                raise


class Guest:
    """One domain; start() it, wait_ready(), run() commands in it. Leaving the context removes it.

    With persistent in the configuration, destroy() and start() can be repeated on the same domain.
    """

    def __init__(self, config: GuestConfig, work: Path, serial_folder: Path | None = None) -> None:
        if not config.name.startswith(PREFIX):
            raise ValueError(f"the name of a domain of the laboratory begins with {PREFIX}: {config.name!r}")
        self.config = config
        self.name = config.name
        self.uuid = config.uuid or str(uuids.uuid4())
        # By a short name of its own: the domain's may hold anything, and a socket's path is at most 107 bytes long.
        self._folder = Path(tempfile.mkdtemp(prefix="guest-", dir=work))
        # QEMU runs as a user of its own.
        self._folder.chmod(0o755)
        # A guest that migrates has them in a folder that is each host's own; see second_host.py.
        serial = (serial_folder / self.uuid) if serial_folder else self._folder / "serial"
        self.serial_socket = serial
        self.serial_log = serial.with_suffix(".log")
        self.console = Console(self.serial_socket)
        self.xml = domain_xml(GuestConfig(**{**vars(config), "uuid": self.uuid}), self.serial_socket, self.serial_log)
        self._boot_id = ""
        self._cleanup = at_cleanup(self.close)

    def define(self) -> None:
        """Makes the domain known without starting it (persistent guests only; start() does it too)."""
        virsh("define", self._write("domain.xml", self.xml))

    def start(self) -> None:
        """Starts it; does not wait for the guest's kernel, wait_ready() does."""
        if not self.config.persistent:
            virsh("create", self._write("domain.xml", self.xml))
            return
        if self.uuid not in virsh("list", "--all", "--uuid").split():
            self.define()
        virsh("start", "--domain", self.uuid)

    def wait_ready(self, timeout: float = 90) -> None:
        """Waits until the guest has booted and takes commands."""
        try:
            self._boot_id = self.console.boot_id(timeout, other_than=self._boot_id)
        except TimeoutError as error:
            raise TimeoutError(f"{self.name}: {error}; its console says:\n{self.log()[-2000:]}") from None

    def run(self, command: str, timeout: float = 30) -> Result:
        """Runs a shell command (or a script of many lines) as root in the guest."""
        return self.console.run(command, timeout)

    def log(self) -> str:
        """All that was written to the serial console."""
        return self.serial_log.read_text(encoding="utf-8", errors="replace") if self.serial_log.exists() else ""

    def reset(self) -> None:
        """As the reset button does; wait_ready() afterwards waits for the new boot."""
        virsh("reset", "--domain", self.uuid)

    def reboot(self, timeout: float = 90, hard: bool = False) -> None:
        """Boots anew, from inside or by the reset button, and waits until it is ready. QEMU stays the same process."""
        if hard:
            self.reset()
        else:
            # The console gets no answer any more, so nothing waits for one.
            self.run("(sleep 0.3; reboot -f) </dev/null >/dev/null 2>&1 &")
        self.wait_ready(timeout)

    def attach_share(self, share: Share) -> None:
        """Plugs a share into the running guest, which must have been made with mount=False or a share."""
        virsh("attach-device", "--domain", self.uuid, "--file",
              self._write("share.xml", filesystem_xml(share)), "--live")

    def detach_share(self, share: Share) -> None:
        virsh("detach-device", "--domain", self.uuid, "--file",
              self._write("share.xml", filesystem_xml(share)), "--live")

    def running(self) -> bool:
        return self.uuid in virsh("list", "--uuid").split()

    def cpu_time_ns(self) -> int:
        """The CPU time that libvirt reports for the domain."""
        match = re.search(r"cpu\.time=(\d+)", virsh("domstats", "--cpu-total", "--domain", self.uuid))
        if match is None:
            raise RuntimeError(f"{self.name}: libvirt reports no CPU time")
        return int(match[1])

    def group_cpu_time_us(self) -> int | None:
        """The CPU time of all that runs for it, as the kernel counts it for the domain's control group (v2, which
        needs no controller for that): QEMU, virtiofsd, swtpm. None where libvirt made no such group."""
        groups = Path(f"/proc/{self.qemu_pid()}/cgroup").read_text().splitlines()
        path = next((line.removeprefix("0::") for line in groups if line.startswith("0::")), "/")
        match = re.search(r"^(.*/(?:machine-qemu[^/]*\.scope|[^/]*\.libvirt-qemu))(?:/|$)", path)
        for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            stat = Path(f"{mount}{match[1]}/cpu.stat") if match else None
            if stat and stat.exists() and (usage := re.search(r"^usage_usec (\d+)", stat.read_text())):
                return int(usage[1])
        return None

    def pid_file(self) -> Path:
        """Where libvirt keeps QEMU's process id: by the name as it stands in XML, &amp; for & and so on."""
        return Path("/run/libvirt/qemu", escape(self.name, {"'": "&apos;", '"': "&quot;"}) + ".pid")

    def qemu_pid(self) -> int:
        return int(self.pid_file().read_text())

    def libvirt_log(self) -> str:
        """What libvirt wrote down of QEMU and of virtiofsd: the command lines, and their errors."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in _libvirt_logs(self.name))

    def virtiofsd_log(self) -> str:
        """Of that, what is virtiofsd's."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in _libvirt_logs(self.name)
                       if path.name.removeprefix(self.name).startswith("-fs"))

    def destroy(self) -> None:
        """Ends it as by pulling the plug. A transient domain is then gone."""
        virsh("destroy", "--domain", self.uuid)
        self.console.close()
        wait_until(lambda: not self.running(), 10, f"end of {self.name}")
        self._boot_id = ""

    def undefine(self) -> None:
        virsh("undefine", "--domain", self.uuid)

    def close(self) -> None:
        """Ends and undefines it, if that is still to be done, and removes its files."""
        forget_cleanup(self._cleanup)
        self.console.close()
        try:
            _remove(self.uuid)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            _remove_logs(self.name)

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
