# SPDX-License-Identifier: Apache-2.0
"""Removes what an earlier run left behind because it was killed: daemons, mounts, hooks and folders.

Everything of a run is found from its folder, which names its owner. Nothing else is touched. (Domains are found by their
names: see guest.remove_leftovers.)
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import at_cleanup, check_output, forget_cleanup, wait_until

# Not below $TMPDIR: that may be long, and a socket's path is at most 107 bytes long.
PARENT = Path("/tmp")
NAME = "wattlab-"
DAEMONS = ("second-libvirtd", "libvirtd", "virtlogd")


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for one run, removed at its end. Readable by all, since QEMU runs as a user of its own."""
    folder = Path(tempfile.mkdtemp(prefix=NAME, dir=PARENT))
    (folder / "owner").write_text(f"{os.getpid()} {_start_time(os.getpid())}")
    folder.chmod(0o755)
    remove = at_cleanup(lambda: _remove_folder(folder))
    try:
        yield folder
    finally:
        forget_cleanup(remove)
        remove()


def note_hook(folder: Path, hook: Path) -> None:
    """Remembers a file outside of the folder that goes with it."""
    with (folder / "hooks").open("a") as notes:
        notes.write(f"{hook}\n")


def sweep() -> None:
    """Removes what belongs to the folders of runs that are no longer there."""
    for folder in PARENT.glob(f"{NAME}*"):
        # Only our own: anybody may make a folder of such a name in /tmp.
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
            continue
        if _abandoned(folder):
            print(f"lab: removing what is left of an earlier run: {folder}", flush=True)
            for name in DAEMONS:
                _stop_daemon(name, folder / f"{name}.pid", f"{name}.pid")
            # No libvirtd answers for these any more. Their kernel is in the folder.
            for pid_file in folder.glob("second/run/qemu/*.pid"):
                _stop_daemon(pid_file.stem, pid_file, "image/")
            if (folder / "hooks").exists():
                for hook in (folder / "hooks").read_text().splitlines():
                    Path(hook).unlink(missing_ok=True)
            _remove_folder(folder)


def _abandoned(folder: Path) -> bool:
    try:
        pid, start = (folder / "owner").read_text().split()
        # The pid alone may be another process's by now.
        return _start_time(int(pid)) != start
    except (OSError, ValueError):
        # Being made just now, or not a run's folder.
        return False


def _start_time(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _stop_daemon(name: str, pid_file: Path, mark: str) -> None:
    # By its command line, which names a file of the run's folder: no other process does.
    marked = f"{PARENT}/{pid_file.relative_to(PARENT).parts[0]}/{mark}".encode()

    def alive(pid: int) -> bool:
        try:
            return any(argument.startswith(marked) for argument in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
        except OSError:
            return False

    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    if alive(pid):
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), 20, f"end of {name}, process {pid}")


def _remove_folder(folder: Path) -> None:
    """With what is mounted in it, which must not be deleted through the mount."""
    for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
        mount_point = _unescape(line.split(" ")[4])
        if mount_point.startswith(f"{folder}/"):
            check_output(["umount", "--lazy", mount_point])
    shutil.rmtree(folder, ignore_errors=True)


def _unescape(text: str) -> str:
    """The path that mountinfo means: it writes blank, tab, newline and backslash in octal."""
    for character in (" ", "\t", "\n", "#"):
        text = text.replace(f"\\{ord(character):03o}", character)
    return text.replace("\\134", "\\")
