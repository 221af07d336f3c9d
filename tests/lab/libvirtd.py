# SPDX-License-Identifier: Apache-2.0
"""A libvirtd to work with: the machine's own if it runs, else one that is started here and stopped at the end."""

from __future__ import annotations

import fcntl
import grp
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from .guest import remove_leftovers, virsh
from .leftovers import note_hook, sweep
from .process import Process, at_cleanup, forget_cleanup, wait_until

HOOKS = Path("/etc/libvirt/hooks/qemu.d")
LIBVIRTD_SOCKET = Path("/run/libvirt/libvirt-sock")
VIRTLOGD_SOCKET = Path("/run/libvirt/virtlogd-sock")
LOCK = Path("/run/lock/wattvisor-lab.lock")


class Libvirtd:
    """Use as a context: start() on entering, close() on leaving.

    /etc/libvirt/qemu.conf is not touched: Debian's defaults work for root without systemd, cgroups or AppArmor. An own
    daemon gets an own libvirtd.conf, only because its default asks polkit, which such a machine does not run.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._daemons: list[Process] = []
        self._hooks: list[Path] = []
        self._lock: int | None = None
        self._network_was_there = True
        self._cleanup = at_cleanup(self.close)

    @property
    def own(self) -> bool:
        """Whether the daemon was started here."""
        return bool(self._daemons)

    @property
    def process(self) -> Process:
        """The own libvirtd."""
        if not self.own:
            raise RuntimeError("this libvirtd belongs to the machine")
        return self._daemons[-1]

    def start(self) -> None:
        """Uses the running libvirtd, or starts virtlogd and libvirtd."""
        self._acquire_lock()
        # With the lock in hand, every domain and folder of a laboratory is a killed one's.
        if libvirtd_answers():
            remove_leftovers()
        sweep()
        if libvirtd_answers():
            return
        if os.geteuid() != 0:
            raise RuntimeError("no libvirtd is running, and starting one needs root")
        self._network_was_there = Path("/sys/class/net/virbr0").exists()
        # libvirtd does not start it for the system instance, and QEMU's log goes through it.
        if not listens(VIRTLOGD_SOCKET):
            self._start_daemon("virtlogd", VIRTLOGD_SOCKET)
        self._start_libvirtd()
        # QEMU outlives libvirtd, and this one has just found it again.
        remove_leftovers()

    def restart(self) -> None:
        """Stops and starts the own libvirtd. Domains go on running, as on any host."""
        self.process.stop()
        self._daemons.pop()
        self._start_libvirtd()

    def stop(self) -> None:
        """Stops the own libvirtd alone, for tests of what happens without it. start_again() brings it back."""
        self.process.stop()

    def start_again(self) -> None:
        self._daemons.pop()
        self._start_libvirtd()

    def reload(self) -> None:
        """Makes the own libvirtd look for hooks again."""
        self.process.signal(signal.SIGHUP)

    def install_hook(self, program: Path, name: str) -> Path:
        """Installs a program as a QEMU hook until close(). libvirtd looks for hooks at its start: do this before."""
        target = HOOKS / name
        if target.exists():
            raise RuntimeError(f"{target} is already there; it is not ours to replace")
        if not HOOKS.exists():
            HOOKS.mkdir(parents=True)
            self._hooks.append(HOOKS)
        note_hook(self._work, target)
        shutil.copyfile(program, target)
        target.chmod(0o755)
        self._hooks.append(target)
        return target

    def log(self) -> str:
        """What the own libvirtd wrote."""
        return self.process.output()

    def close(self) -> None:
        """Stops what was started, removes what was installed. Close guests before: they outlive libvirtd."""
        forget_cleanup(self._cleanup)
        if self.own:
            self._remove_network()
        while self._daemons:
            self._daemons.pop().stop()
        while self._hooks:
            hook = self._hooks.pop()
            if hook.is_dir():
                # Somebody else may have put a hook there meanwhile.
                if not any(hook.iterdir()):
                    hook.rmdir()
            else:
                hook.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _acquire_lock(self) -> None:
        """One laboratory at a time: the second would lose its libvirtd when the first one ends."""
        LOCK.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

        def locked() -> bool:
            try:
                fcntl.flock(self._lock or 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not locked():
            print(f"lab: another one is running ({LOCK}); waiting for its end", flush=True)
            wait_until(locked, 600, f"the lock {LOCK}", interval=0.5)

    def _start_libvirtd(self) -> None:
        lines = ['auth_unix_ro = "none"', 'auth_unix_rw = "none"', 'unix_sock_ro_perms = "0777"']
        try:
            grp.getgrnam("libvirt")
            # Members of this group may control it, as Debian's polkit rule has it.
            lines += ['unix_sock_group = "libvirt"', 'unix_sock_rw_perms = "0770"']
        except KeyError:
            lines += ['unix_sock_rw_perms = "0700"']
        config = self._work / "libvirtd.conf"
        config.write_text("".join(f"{line}\n" for line in lines))
        self._start_daemon("libvirtd", LIBVIRTD_SOCKET, "--config", str(config))
        self.process.wait_ready(libvirtd_answers, 30, "libvirtd's first answer")

    def _start_daemon(self, name: str, path: Path, *arguments: str) -> None:
        program = shutil.which(name) or f"/usr/sbin/{name}"
        daemon = Process([program, *arguments, "--pid-file", str(self._work / f"{name}.pid")],
                         self._work / f"{name}.log")
        self._daemons.append(daemon)
        daemon.wait_ready(lambda: listens(path), 30, f"{name}'s socket")

    def _remove_network(self) -> None:
        """The own libvirtd may have started libvirt's default network: a bridge and dnsmasq that would outlive it."""
        if self._network_was_there or not Path("/sys/class/net/virbr0").exists():
            return
        try:
            virsh("net-destroy", "default")
        except (RuntimeError, subprocess.TimeoutExpired):
            # It is gone, or libvirtd is; the bridge alone does no harm.
            pass

    def __enter__(self) -> Libvirtd:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def libvirtd_answers() -> bool:
    """Whether a libvirtd serves its socket."""
    try:
        virsh("version", timeout=20)
    except (RuntimeError, subprocess.TimeoutExpired):
        return False
    return True


def listens(path: Path) -> bool:
    """Whether a daemon serves this socket. A dead one leaves the file behind, or a zombie of its name."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
