"""Samples and orders of points as the services describe them, point by point."""

from __future__ import annotations

import math
from collections.abc import Sequence

from support.point_strategies import Point


def rank(point: Point) -> float:
    """Where a value stands among those of one step and time."""
    return 0.0 if math.isnan(point.value) else point.value


def in_step_order(points: Sequence[Point]) -> list[Point]:
    """By step, time and value."""
    return sorted(points, key=lambda point: (point.step, point.time_ms, rank(point)))


def in_time_order(points: Sequence[Point]) -> list[Point]:
    """By time, step, value and arrival."""
    return sorted(points, key=lambda point: (point.time_ms, point.step, rank(point)))


def sample(points: Sequence[Point], most: int) -> set[Point]:
    """What `MetricSampleService.sampled` chooses of points that are in order of step, more than `most`."""
    if most == 1:
        return {points[-1]}
    chosen = {points[0], points[-1]}
    stretches = (most - 2) // 2
    parts: dict[int, list[Point]] = {}
    for index, point in enumerate(points):
        parts.setdefault(index * stretches // len(points), []).append(point)
    for stretch in parts.values() if stretches else ():
        known = [point for point in stretch if not math.isnan(point.value)] or stretch[:1]
        chosen |= {min(known, key=rank), max(known, key=rank)}
    return chosen
