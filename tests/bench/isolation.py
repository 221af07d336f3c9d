# SPDX-License-Identifier: Apache-2.0
"""Mounts that only this run sees: a thousand shares, a libvirtd of its own. All of them end with it, however it ends."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
# What a second libvirtd would get into the way of. Empty folders of our own lie over them.
LIBVIRT_FOLDERS = ("/etc/libvirt", "/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt")

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)


def mount(source: str, target: Path | str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    _checked(_libc.mount(source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()),
             str(target))


def unmount(target: Path | str) -> None:
    """umount2(2), detached: also while it is in use."""
    _checked(_libc.umount2(str(target).encode(), 2), str(target))


def own_mounts() -> None:
    """From here on, mounts of this process and its children are theirs alone."""
    _checked(_libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    for folder in LIBVIRT_FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
        mount("bench", folder, "tmpfs", options="mode=755")


def mount_share(writable: Path, exported: Path) -> None:
    """As wattvisor-hook does: a small tmpfs, and a read-only bind mount of it (in two steps, as the kernel wants it)."""
    harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC
    for folder in (writable, exported):
        folder.mkdir(parents=True, exist_ok=True)
    mount("wattvisor", writable, "tmpfs", harmless, "nr_blocks=256,nr_inodes=512,mode=0755")
    mount(str(writable), exported, flags=MS_BIND)
    mount("none", exported, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | harmless)
