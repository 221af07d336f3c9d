# SPDX-License-Identifier: Apache-2.0
"""Reads the Prometheus text format, with exact values: sums are compared to the microjoule."""

from __future__ import annotations

import re
from decimal import Decimal

Labels = frozenset[tuple[str, str]]
Series = dict[tuple[str, Labels], Decimal]

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?\s*")
_LABEL = re.compile(r'\s*(?P<key>[a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def parse_prometheus(text: str) -> Series:
    """All series by (name, frozenset of the labels). ValueError on a line that is not valid, or that comes twice."""
    series: Series = {}
    # Only \n ends a line: a label's value may hold any other character that Python takes for a line's end.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a sample: {line!r}")
        key = (match["name"], _parse_labels(match["labels"] or "", number))
        if key in series:
            raise ValueError(f"line {number} repeats a series: {line!r}")
        # Prometheus spells infinity +Inf and -Inf, and Decimal takes these and NaN as they are.
        series[key] = Decimal(match["value"])
    return series


def select(series: Series, name: str, **labels: str) -> dict[Labels, Decimal]:
    """The series of a metric that carry at least these labels."""
    wanted = frozenset(labels.items())
    return {found: value for (metric, found), value in series.items() if metric == name and wanted <= found}


def _parse_labels(text: str, number: int) -> Labels:
    labels: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        if match is None or match["key"] in labels:
            raise ValueError(f"line {number}: bad labels: {text!r}")
        labels[match["key"]] = re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), match["value"])
        position = match.end()
    return frozenset(labels.items())
