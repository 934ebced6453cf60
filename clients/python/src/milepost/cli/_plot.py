"""A line plot in characters: each is a cell of 2 x 4 dots, as the Braille block of Unicode has them."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from milepost.client import MetricSeries

# Bit of each dot of a cell, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
_LARGEST = sys.float_info.max
_TICK_WIDTH = 11


@dataclass(frozen=True)
class Series:
    """One line: points that are drawn in order of `xs`. What is not finite is left out, and leaves a gap."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


def columns_of(width: int) -> int:
    """How many columns of dots a drawing of `width` characters has."""
    return _cells(width) * 2


def line_of(series: MetricSeries, origin: int, unit: int) -> Series:
    """The line of a thinned series: first, smallest, greatest and last point of each bucket in order of position.

    Args:
        series: The series.
        origin: The position that is 0 on the axis.
        unit: Positions in one of the axis.
    """
    xs: list[float] = []
    ys: list[float] = []
    peaks = [
        zip(positions.tolist(), values.tolist(), strict=True)
        for positions, values in (
            (series.first_positions, series.first_values),
            (series.min_positions, series.min_values),
            (series.max_positions, series.max_values),
            (series.last_positions, series.last_values),
        )
    ]
    for first, low, high, last in zip(*peaks, strict=True):
        for x, y in (first, *sorted((low, high)), last):
            xs.append((x - origin) / unit)
            ys.append(y)
    return Series(series.key, xs, ys)


class Canvas:
    """Dots in cells; a cell belongs to the series that drew there last.

    Args:
        width: Cells in a row.
        height: Rows.
    """

    def __init__(self, width: int, height: int) -> None:
        self.columns, self.rows = width * 2, height * 4
        self.bits = [[0] * width for _ in range(height)]
        self.owners = [[-1] * width for _ in range(height)]

    def dot(self, x: int, y: int, owner: int) -> None:
        """Sets a dot; (0, 0) is at the lower left."""
        row, column = (self.rows - 1 - y), x
        self.bits[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
        self.owners[row // 4][column // 2] = owner

    def line(self, start: tuple[int, int], end: tuple[int, int], owner: int) -> None:
        """Sets the dots between two, both included."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.dot(round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps), owner)


@dataclass(frozen=True)
class Scale:
    """Maps values between two limits to dots."""

    low: float
    high: float
    dots: int

    @classmethod
    def over(cls, values: Sequence[float], dots: int) -> Scale:
        """A scale over these values; around a single one there is room on both sides."""
        low, high = min(values), max(values)
        if low == high:
            margin = abs(low) * 0.1 or 1.0
            low, high = max(low - margin, -_LARGEST), min(high + margin, _LARGEST)
        return cls(low, high, dots)

    def at(self, value: float) -> int:
        """The dot of a value."""
        span = self.high - self.low
        if math.isfinite(span):
            share = (value - self.low) / span
        else:  # between the limits of a double
            share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return min(max(round(share * (self.dots - 1)), 0), self.dots - 1)

    def value(self, share: float) -> float:
        """The value at a share of the way, 0 at the low end."""
        return self.low * (1 - share) + self.high * share


def draw(series: Sequence[Series], width: int, height: int) -> tuple[list[tuple[str, list[int]]], str] | None:
    """Draws lines into one frame.

    Args:
        series: The lines.
        width: Characters of the whole, labels included.
        height: Rows of the drawing, without the axis below.

    Returns:
        For each row its text and, for each character of it, the index of the series (-1 for none); and the axis below.
        None when no point is finite.
    """
    points = [
        (x, y) for one in series for x, y in zip(one.xs, one.ys, strict=True) if math.isfinite(x) and math.isfinite(y)
    ]
    if not points:
        return None
    canvas = Canvas(_cells(width), max(height, 3))
    across = Scale.over([x for x, _ in points], canvas.columns)
    up = Scale.over([y for _, y in points], canvas.rows)
    for owner, one in enumerate(series):
        _draw_line(canvas, one, across, up, owner)
    return _rendered(canvas, across, up)


def _cells(width: int) -> int:
    """Cells in a row of a drawing of `width` characters."""
    return max(width - _TICK_WIDTH - 2, 10)


def _draw_line(canvas: Canvas, one: Series, across: Scale, up: Scale, owner: int) -> None:
    previous: tuple[int, int] | None = None
    for x, y in sorted(zip(one.xs, one.ys, strict=True), key=lambda point: point[0]):
        if not (math.isfinite(x) and math.isfinite(y)):
            previous = None
            continue
        here = across.at(x), up.at(y)
        if here != previous:
            canvas.line(previous or here, here, owner)
        previous = here


def _rendered(canvas: Canvas, across: Scale, up: Scale) -> tuple[list[tuple[str, list[int]]], str]:
    height = len(canvas.bits)
    ticks = {0: up.value(1), height // 2: up.value(1 - (height // 2) / (height - 1)), height - 1: up.value(0)}
    rows = []
    for index, (bits, owners) in enumerate(zip(canvas.bits, canvas.owners, strict=True)):
        label = f"{ticks[index]:.4g}" if index in ticks else ""
        edge = f"{label:>{_TICK_WIDTH}} {'┤' if label else '│'}"
        cells = "".join(chr(_BRAILLE + cell) if cell else " " for cell in bits)
        rows.append((edge + cells, [-1] * len(edge) + owners))
    left, right = f"{across.low:.10g}", f"{across.high:.10g}"
    width = len(canvas.bits[0])
    base = " " * (_TICK_WIDTH + 1)
    return rows, f"{base}└{'─' * width}\n{base} {left}{right:>{max(width - len(left), len(right) + 1)}}"
