# SPDX-License-Identifier: Apache-2.0
"""A share made by hand, built as the host agent builds its own: a tmpfs, and a read-only bind mount of it."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from .process import at_cleanup, check_output, forget_cleanup


class HandmadeShare:
    """writable is for the host, source is what the guest gets."""

    def __init__(self, writable: Path, source: Path, read_only: bool = True) -> None:
        self.writable = writable
        self.source = source
        self._read_only = read_only
        self._mounted: list[Path] = []
        self._cleanup = at_cleanup(self.close)

    def open(self) -> None:
        for folder in (self.writable, self.source):
            folder.mkdir(parents=True, exist_ok=True)
        self._mount(self.writable, "-t", "tmpfs", "-o", "size=256k,nr_inodes=64,mode=755,nosuid,nodev,noexec", "lab")
        self._mount(self.source, "--bind", str(self.writable))
        if self._read_only:
            # In two steps: the kernel ignores "ro" when a bind mount is made.
            check_output(["mount", "-o", "remount,bind,ro,nosuid,nodev,noexec", self.source])

    def write(self, name: str, content: bytes) -> None:
        """Writes in place, as the host agent does: a reader never sees an empty file."""
        path = self.writable / name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        forget_cleanup(self._cleanup)
        while self._mounted:
            # Lazily: a guest that still has it open must not keep us from leaving.
            check_output(["umount", "--lazy", self._mounted.pop()])
        for folder in (self.source, self.writable):
            if folder.is_dir():
                folder.rmdir()

    def _mount(self, target: Path, *arguments: str) -> None:
        check_output(["mount", *arguments, target])
        self._mounted.append(target)

    def __enter__(self) -> HandmadeShare:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
