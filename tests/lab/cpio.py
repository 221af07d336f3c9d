# SPDX-License-Identifier: Apache-2.0
"""Writes cpio archives of the "newc" kind, which is what the kernel takes as an initramfs.

Written here and not by cpio(1), so that the same input gives the same bytes: no inode numbers, owners or times of
the machine where it was built, and device nodes need no privilege.
"""

from __future__ import annotations

import stat
from pathlib import PurePosixPath


class Archive:
    """Collects entries; folders above an entry are made as needed."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {}

    def folder(self, path: str, mode: int = 0o755) -> None:
        self._add(path, stat.S_IFDIR | mode, b"")

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self._add(path, stat.S_IFREG | mode, content)

    def link(self, path: str, target: str) -> None:
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def _add(self, path: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)) -> None:
        name = path.strip("/")
        for parent in reversed(PurePosixPath(name).parents):
            if str(parent) != "." and str(parent) not in self._entries:
                self._entries[str(parent)] = (stat.S_IFDIR | 0o755, b"", (0, 0))
        self._entries[name] = (mode, content, device)

    def encode(self) -> bytes:
        """The archive. A folder was entered before what is in it, which the kernel needs."""
        parts: list[bytes] = []
        for number, (name, (mode, content, device)) in enumerate(self._entries.items(), 1):
            parts += self._record(number, name, mode, content, device)
        parts += self._record(0, "TRAILER!!!", 0, b"", (0, 0))
        return b"".join(parts)

    @staticmethod
    def _record(number: int, name: str, mode: int, content: bytes, device: tuple[int, int]) -> list[bytes]:
        raw = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        # Head and content are each filled up to a multiple of four bytes.
        return [head, b"\0" * (-len(head) % 4), content, b"\0" * (-len(content) % 4)]
