"""Number and digest of points, by which what was read is later compared with what is stored.

The digest is a sum over the points: their order and how they came in pieces do not matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import numpy
from numpy.typing import NDArray

from milepost.migration.source import Points, Series

_FIRST, _SECOND = numpy.uint64(0x9E3779B97F4A7C15), numpy.uint64(0xBF58476D1CE4E5B9)
_THIRD = numpy.uint64(0x94D049BB133111EB)
_CANONICAL_NAN = numpy.array([numpy.nan]).view(numpy.uint64)[0]
_MASK = (1 << 64) - 1


@dataclass(slots=True)
class Tally:
    """Points of one run.

    Args:
        count: How many.
        digest: Sum over all of a 64-bit mix of key, step, time and value, bit for bit but for payloads of NaN.
    """

    count: int = 0
    digest: int = 0

    def add(self, points: Points) -> None:
        """Takes some points in."""
        self.count += len(points)
        self.digest = (self.digest + digest(points)) & _MASK


@dataclass
class Tallies:
    """Points of many runs, by run id."""

    of: dict[str, Tally] = field(default_factory=dict)

    def add(self, points: Points) -> None:
        """Takes some points in."""
        tally = self.of.get(points.run_id)
        if tally is None:
            tally = self.of[points.run_id] = Tally()
        tally.add(points)

    def remove(self, run_id: str, series: Series) -> None:
        """Takes the points of a metric out again."""
        codes = numpy.zeros(len(series.values), numpy.intp)
        columns = numpy.array(series.steps), numpy.array(series.timestamps_ms), numpy.array(series.values)
        points = Points(run_id, [series.key], codes, *columns)
        tally = self.of[run_id]
        tally.count -= len(points)
        tally.digest = (tally.digest - digest(points)) & _MASK


def digest(points: Points) -> int:
    """The sum for some points."""
    bits = numpy.asarray(points.values, numpy.float64).view(numpy.uint64)
    nan = numpy.isnan(points.values)
    if nan.any():
        bits = numpy.where(nan, _CANONICAL_NAN, bits)
    keys = numpy.fromiter(map(_of_key, points.keys), numpy.uint64, len(points.keys))
    mixed = _mix(bits ^ keys[points.codes])
    mixed = _mix(mixed ^ numpy.asarray(points.steps, numpy.int64).view(numpy.uint64))
    mixed = _mix(mixed ^ numpy.asarray(points.timestamps_ms, numpy.int64).view(numpy.uint64))
    return int(mixed.sum(dtype=numpy.uint64))


def _mix(values: NDArray[numpy.uint64]) -> NDArray[numpy.uint64]:
    """Spreads each bit over all 64 (the finalizer of SplitMix64)."""
    values = values + _FIRST
    values = (values ^ (values >> numpy.uint64(30))) * _SECOND
    values = (values ^ (values >> numpy.uint64(27))) * _THIRD
    return values ^ (values >> numpy.uint64(31))


@lru_cache(maxsize=10_000)
def _of_key(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
