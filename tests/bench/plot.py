# SPDX-License-Identifier: Apache-2.0
"""Lines over logarithmic axes as SVG, readable on a light and on a dark page. Text in, text out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 76, 190, 44, 52
# Light and dark page each with a contrast of 3:1 or more against it.
LIGHT = ("#0b6bcb", "#c2410c", "#15803d", "#7e22ce", "#6b7280")
DARK = ("#58a6ff", "#ff9e64", "#5fd38d", "#c99bff", "#9aa4b2")
DASHES = ("", "", "", "", "5 4")


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]
    style: int = 0  # index into the colours; the last one is dashed, for bounds


def log_plot(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """A complete SVG document."""
    points = [point for line in lines for point in line.points]
    x_range, y_range = _decades([x for x, _ in points]), _decades([y for _, y in points])
    plot = _Frame(x_range, y_range)
    parts = [_head(title), *plot.grid(x_name, y_name)]
    for line in lines:
        place = " ".join(f"{plot.x(x):.1f},{plot.y(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline class="line s{line.style}" points="{place}"/>')
        if not DASHES[line.style]:
            parts += [f'<circle class="dot s{line.style}" cx="{plot.x(x):.1f}" cy="{plot.y(y):.1f}" r="3.5"/>'
                      for x, y in line.points]
    parts += _labels(plot, lines)
    return "\n".join([*parts, "</svg>", ""])


class _Frame:
    def __init__(self, x_range: tuple[int, int], y_range: tuple[int, int]) -> None:
        self._x, self._y = x_range, y_range

    def x(self, value: float) -> float:
        return LEFT + (math.log10(value) - self._x[0]) / (self._x[1] - self._x[0]) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - self._y[0]) / (self._y[1] - self._y[0]) * (HEIGHT - TOP - BOTTOM)

    def grid(self, x_name: str, y_name: str) -> list[str]:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        parts = []
        for exponent in range(self._x[0], self._x[1] + 1):
            x = self.x(10.0**exponent)
            parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_number(exponent)}</text>')
        for exponent in range(self._y[0], self._y[1] + 1):
            y = self.y(10.0**exponent)
            parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(exponent)}</text>')
        middle = (TOP + bottom) / 2
        parts.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_name)}</text>')
        parts.append(f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">{escape(y_name)}</text>')
        return parts


def _labels(plot: _Frame, lines: Sequence[Line]) -> list[str]:
    """Each line's name at its end, pushed apart where they would overlap."""
    ends = sorted(((plot.y(line.points[-1][1]), line) for line in lines), key=lambda end: end[0])
    parts, free = [], TOP
    for y, line in ends:
        y = max(y + 4, free)
        free = y + 17
        parts.append(f'<text class="name s{line.style}" x="{WIDTH - RIGHT + 10}" y="{y:.1f}">{escape(line.name)}</text>')
    return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return low, max(high, low + 1)


def _number(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent >= 0 else f"{10.0**exponent:.{-exponent}f}"


def _head(title: str) -> str:
    def colours(palette: Sequence[str]) -> str:
        return " ".join(f".line.s{i} {{ stroke: {c} }} .dot.s{i}, .name.s{i} {{ fill: {c} }}" for i, c in enumerate(palette))

    dashes = " ".join(f".line.s{i} {{ stroke-dasharray: {dash} }}" for i, dash in enumerate(DASHES) if dash)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"
 role="img" aria-label="{escape(title)}">
<style>
text {{ font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #444c56 }}
.title {{ font-size: 15px; font-weight: 600; fill: #24292f }} .name {{ font-weight: 600 }}
.grid {{ stroke: #8b949e; stroke-opacity: 0.35 }} .line {{ fill: none; stroke-width: 2 }} {dashes}
{colours(LIGHT)}
@media (prefers-color-scheme: dark) {{ text {{ fill: #adbac7 }} .title {{ fill: #e6edf3 }}
{colours(DARK)} }}
</style>
<text class="title" x="{LEFT}" y="24">{escape(title)}</text>"""
