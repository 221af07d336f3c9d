# SPDX-License-Identifier: Apache-2.0
"""A second hypervisor on the same machine, for live migration: a libvirtd in a mount namespace of its own.

libvirt's folders are compiled in, so the second daemon sees folders of its own in their places. Everything else is the
machine's: kernel, processes, network. So QEMU's process ids are the same on both sides, and a migration goes over 127.0.0.1.
"""

from __future__ import annotations

import shlex
import shutil
import uuid as uuids
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from .libvirtd import listens
from .process import Process, at_cleanup, check_output, forget_cleanup

# Where libvirt's daemon and its QEMU driver keep things.
LIBVIRT_FOLDERS = {"run": "/run/libvirt", "etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt",
                   "cache": "/var/cache/libvirt"}


def serial_folder(work: Path) -> Path:
    """Where serial consoles of guests are that migrate. Each host has its own folder under this one path: the QEMU that
    ends removes the socket by its path, which must not be the other one's."""
    return work / "serial"


class SecondHost:
    """Use as a context, inside of that of the first Libvirtd, which holds the laboratory's lock."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "second"
        self._work = work
        self._daemon: Process | None = None
        self.uuid = str(uuids.uuid4())
        self.socket = self.folder / "run/libvirt-sock"
        # As seen from the first host.
        self.uri = f"qemu+unix:///system?socket={self.socket}"
        self.serial = self.folder / "serial"
        self._cleanup = at_cleanup(self.close)

    @property
    def process(self) -> Process:
        if self._daemon is None:
            raise RuntimeError("the second libvirtd does not run")
        return self._daemon

    def start(self) -> None:
        binds = {str(self.folder / name): target for name, target in LIBVIRT_FOLDERS.items()}
        binds[str(self.serial)] = str(serial_folder(self._work))
        for source, target in binds.items():
            Path(source).mkdir(parents=True, exist_ok=True)
            Path(target).mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.serial, serial_folder(self._work)):
            folder.chmod(0o755)
        for folder in (self.serial, serial_folder(self._work)):
            # QEMU runs as a user of its own and makes its socket here.
            folder.chmod(0o777)
        # Without virtlogd, which would be a third daemon.
        (self.folder / "etc/qemu.conf").write_text('stdio_handler = "file"\n')
        config = self.folder / "libvirtd.conf"
        config.write_text('auth_unix_ro = "none"\nauth_unix_rw = "none"\nunix_sock_rw_perms = "0700"\n'
                          f'host_uuid = "{self.uuid}"\n')
        program = shutil.which("libvirtd") or "/usr/sbin/libvirtd"
        script = "".join(f"mount --bind {shlex.quote(source)} {shlex.quote(target)} && "
                         for source, target in binds.items())
        script += shlex.join(["exec", program, "--config", str(config), "--pid-file",
                              str(self._work / "second-libvirtd.pid")])
        self._daemon = Process(["unshare", "--mount", "--propagation", "slave", "sh", "-c", script],
                               self._work / "second-libvirtd.log")
        self.process.wait_ready(lambda: listens(self.socket), 30, "the second libvirtd's socket")
        self.process.wait_ready(self.answers, 30, "the second libvirtd's first answer")

    def answers(self) -> bool:
        try:
            self.virsh("version")
        except RuntimeError:
            return False
        return True

    def virsh(self, *arguments: str | Path, timeout: float = 60) -> str:
        return check_output(["virsh", "--quiet", "--connect", self.uri, *arguments], timeout)

    def inside(self, command: Sequence[str | Path]) -> list[str]:
        """The command line of a program that sees what the second host sees."""
        return ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--", *map(str, command)]

    def close(self) -> None:
        """Ends its domains and the daemon."""
        forget_cleanup(self._cleanup)
        if self._daemon is None:
            return
        if self.answers():
            for domain in self.virsh("list", "--uuid").split():
                self.virsh("destroy", "--domain", domain)
        self._daemon.stop()
        self._daemon = None

    def __enter__(self) -> SecondHost:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
