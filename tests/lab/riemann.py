# SPDX-License-Identifier: Apache-2.0
"""A Riemann server that keeps what it gets, and Riemann's queries over that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .process import Process

_SERVER = Path(__file__).with_name("riemann_server.rb")
_TOKEN = re.compile(r'\s*([()]|=~|!=|=|"(?:[^"\\]|\\.)*"|\w+)')

Event = dict[str, Any]
Match = Callable[[Event], bool]


class RiemannServer:
    """Listens on the port until stop(): TCP, or TLS with an authority, a certificate and its key."""

    def __init__(self, port: int, log: Path, *certificates: Path) -> None:
        self._log = log
        self._process = Process(["ruby", _SERVER, str(port), *certificates], log)
        self._process.wait_ready(lambda: "ready" in self._process.output(), 30, "the Riemann server")

    def events(self) -> list[Event]:
        """All that came so far, in that order."""
        lines = self._process.output().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def index(self) -> dict[tuple[str, str], Event]:
        """As Riemann's: the newest event of each host and service."""
        return {(event["host"], event["service"]): event for event in self.events()}

    def query(self, text: str) -> list[Event]:
        """What a client finds in the index."""
        match = parse_query(text)
        return [event for event in self.index().values() if match(event)]

    def stop(self) -> None:
        self._process.stop()


def parse_query(text: str) -> Match:
    """Of Riemann's query language: and, or, not, tagged, =, !=, and =~, where % stands for anything."""
    tokens = []
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"no query from character {position}: {text}")
        tokens.append(found[1])
        position = found.end()
    match = _either(tokens)
    if tokens:
        raise ValueError(f"the query goes on with {tokens}: {text}")
    return match


def _either(tokens: list[str]) -> Match:
    return _joined(tokens, "or", _both, any)


def _both(tokens: list[str]) -> Match:
    return _joined(tokens, "and", _one, all)


def _joined(tokens: list[str], word: str, part: Callable[[list[str]], Match], holds: Callable[..., bool]) -> Match:
    parts = [part(tokens)]
    while tokens and tokens[0] == word:
        tokens.pop(0)
        parts.append(part(tokens))
    return lambda event: holds(match(event) for match in parts)


def _one(tokens: list[str]) -> Match:
    first = tokens.pop(0)
    if first == "(":
        inner = _either(tokens)
        if tokens.pop(0) != ")":
            raise ValueError("a bracket is not closed")
        return inner
    if first == "not":
        denied = _one(tokens)
        return lambda event: not denied(event)
    if first == "tagged":
        tag = json.loads(tokens.pop(0))
        return lambda event: tag in event["tags"]
    operator, value = tokens.pop(0), json.loads(tokens.pop(0))
    if operator == "=~":
        # As Riemann's make-regex does it: of the whole text.
        pattern = re.compile(".*".join(map(re.escape, value.split("%"))))
        return lambda event: pattern.fullmatch(str(event[first])) is not None
    if operator not in ("=", "!="):
        raise ValueError(f"{operator} is not known here")
    return lambda event: (event[first] == value) == (operator == "=")
