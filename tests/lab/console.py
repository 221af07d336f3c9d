# SPDX-License-Identifier: Apache-2.0
"""Runs commands in a guest over its serial console. The other end is guest-files/lab-console."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """What a command in the guest came to. Output and errors are one text."""

    status: int
    output: str

    def checked(self) -> str:
        """The output; RuntimeError if the command failed."""
        if self.status != 0:
            raise RuntimeError(f"in the guest: exit {self.status}: {self.output.strip()}")
        return self.output


class Console:
    """One connection to the unix socket of a serial console.

    Answers are found by a word of their own and checked by a sum, so messages of the kernel may come in between.
    """

    # A terminal takes at most 4096 bytes in a line.
    _CHUNK = 900

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._received = b""
        self._ids = itertools.count(1)
        self._prefix = ""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @contextmanager
    def released(self) -> Iterator[None]:
        """While this lasts, a person may connect to the socket; QEMU serves one client at a time."""
        self.close()
        yield

    def boot_id(self, timeout: float, other_than: str = "") -> str:
        """Waits until the guest answers, from another boot than the given one; returns the boot's id."""
        deadline = time.monotonic() + timeout
        for attempt in itertools.count(1):
            token = f"{id(self):x}-{time.monotonic_ns():x}-{attempt}"
            # An empty line first ends whatever half a line is in the terminal.
            if self._try_send(f"\n@ping {token}\n"):
                match = self._search(rf"@pong {token} ([0-9a-f-]{{36}})\r?\n", min(1.0, deadline - time.monotonic()))
                if match and match[1].decode() != other_than:
                    # A booted guest has forgotten all scripts, but one that was only reconnected to has not.
                    self._prefix = f"{time.monotonic_ns():x}"
                    return match[1].decode()
            if time.monotonic() > deadline:
                raise TimeoutError(f"the guest does not answer on its console after {timeout:g} s")
            time.sleep(0.1)
        raise AssertionError("not reached")

    def run(self, script: str, timeout: float = 30) -> Result:
        """Runs a shell script in the guest. Every run is a shell of its own: cd and export do not outlive it."""
        deadline = time.monotonic() + timeout
        name = f"{self._prefix}-{next(self._ids)}"
        encoded = base64.b64encode(script.encode()).decode() or "Cg=="
        for start in range(0, len(encoded), self._CHUNK):
            chunk = encoded[start:start + self._CHUNK]
            self._send(f"@data {name} {chunk}\n")
            # One line after the other: a terminal drops what comes in faster than it is read.
            self._expect(rf"@ok {name} {start + len(chunk)}\r?\n", deadline, "the guest takes no script")
        self._send(f"@run {name}\n")
        for _ in range(5):
            try:
                end = self._expect(rf"@end {name} (\d+) ([0-9a-f]{{32}})\r?\n", deadline, f"still runs: {script}")
            except TimeoutError:
                # Ctrl-C, so that the console is free for the next command.
                self._send("\x03\n")
                raise
            lines = re.findall(rf"@out {name} ([A-Za-z0-9+/=]+)\r?\n".encode(), end.string[:end.end()])
            output = b"".join(_decode(line) for line in lines)
            if hashlib.md5(output).hexdigest() == end[2].decode():
                self._send(f"@drop {name}\n")
                return Result(int(end[1]), output.decode("utf-8", "replace"))
            self._send(f"@get {name}\n")
        raise RuntimeError(f"the output came damaged five times: {script}")

    def _expect(self, pattern: str, deadline: float, what: str) -> re.Match[bytes]:
        match = self._search(pattern, deadline - time.monotonic())
        if match is None:
            raise TimeoutError(f"{self._path}: {what}")
        return match

    def _search(self, pattern: str, timeout: float) -> re.Match[bytes] | None:
        """Reads until the pattern is there. What was read up to its end is then used up."""
        compiled = re.compile(pattern.encode())
        deadline = time.monotonic() + timeout
        while True:
            match = compiled.search(self._received)
            if match:
                self._received = self._received[match.end():]
                return match
            left = deadline - time.monotonic()
            if left <= 0 or self._socket is None:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                return None
            except OSError:
                data = b""
            if not data:
                self.close()
                return None
            self._received += data

    def _try_send(self, text: str) -> bool:
        try:
            self._send(text)
        except OSError:
            self.close()
            return False
        return True

    def _send(self, text: str) -> None:
        if self._socket is None:
            self._received = b""
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(5)
            self._socket.connect(str(self._path))
        self._socket.settimeout(10)
        self._socket.sendall(text.encode())


def _decode(line: bytes) -> bytes:
    try:
        return base64.b64decode(line)
    except ValueError:
        return b""
