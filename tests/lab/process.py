# SPDX-License-Identifier: Apache-2.0
"""Background programs, waiting, and cleaning up after ourselves whatever happens."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")

_cleanups: list[Callable[[], object]] = []


def at_cleanup(action: Callable[[], object]) -> Callable[[], object]:
    """Runs the action when the interpreter ends, last registered first. Returns it, for forget_cleanup()."""
    _cleanups.append(action)
    return action


def forget_cleanup(action: Callable[[], object]) -> None:
    """The action was done (or is no longer needed)."""
    if action in _cleanups:
        _cleanups.remove(action)


@atexit.register
def run_cleanups() -> None:
    """Does all registered actions; one that fails must not keep the others from running."""
    while _cleanups:
        action = _cleanups.pop()
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever it was, the rest must still be cleaned up
            print(f"lab: cleaning up: {error}", file=sys.stderr)


def exit_on_signals() -> None:
    """Makes SIGINT, SIGTERM and SIGHUP unwind the stack, so that context managers and cleanups run."""

    def handler(number: int, _frame: FrameType | None) -> None:
        # A second Ctrl-C must not interrupt the cleaning up that the first one began.
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, handler)


def wait_until(predicate: Callable[[], T], timeout: float, what: str, interval: float = 0.05) -> T:
    """Polls until the predicate is true and returns its value; TimeoutError says what did not happen."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"after {timeout:g} s still waiting for: {what}")
        time.sleep(interval)


def check_output(arguments: Sequence[str | Path], timeout: float = 60) -> str:
    """The standard output of a program; on failure RuntimeError with what it said."""
    # Names of domains are UTF-8, whatever the locale of the caller is.
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, encoding="utf-8",
                            errors="replace", timeout=timeout, stdin=subprocess.DEVNULL,
                            env={**os.environ, "LC_ALL": "C.UTF-8"})
    if result.returncode != 0:
        said = (result.stderr + result.stdout).strip()
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit {result.returncode}: {said}")
    return result.stdout


def free_tcp_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def http_get(url: str, timeout: float = 10) -> str:
    """The body of a page. Proxies of the environment are not for our own servers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as answer:
        return str(answer.read().decode("utf-8"))


class Process:
    """A program in the background, in a process group of its own, its output in a log file.

    It is stopped when the context is left, or at the latest when the interpreter ends.
    """

    def __init__(self, arguments: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None,
                 cwd: Path | None = None) -> None:
        self.arguments = [str(a) for a in arguments]
        self.log = log
        with log.open("ab") as output:
            # An own session: Ctrl-C on the terminal reaches the harness, which then stops things in order.
            self._child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=subprocess.STDOUT, cwd=cwd, start_new_session=True,
                                           env={**os.environ, **(env or {})})
        self._cleanup = at_cleanup(self.stop)

    @property
    def pid(self) -> int:
        return self._child.pid

    def running(self) -> bool:
        return self._child.poll() is None

    def output(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Its exit status, once it has ended by itself."""
        return self._child.wait(timeout)

    def wait_ready(self, predicate: Callable[[], T], timeout: float, what: str) -> T:
        """As wait_until(), but fails at once, with the log's end, when the program has ended."""

        def ready() -> T:
            if not self.running():
                raise RuntimeError(f"{self.arguments[0]} ended with {self._child.returncode} while waiting for "
                                   f"{what}:\n{self.output()[-2000:]}")
            return predicate()

        return wait_until(ready, timeout, what)

    def stop(self, timeout: float = 10) -> int:
        """SIGTERM, then SIGKILL to the whole group; returns the exit status."""
        forget_cleanup(self._cleanup)
        if self.running():
            self._child.terminate()
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(self._child.pid, signal.SIGKILL)
        return self._child.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
