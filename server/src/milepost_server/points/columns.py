"""Columns of metric points in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost_server.points.wire import packed_fixed, packed_varints

CHUNK_POINTS = 4096
"""Points of a full chunk."""

_VALUES = pb.MetricPoints.VALUES_FIELD_NUMBER
_STEPS = pb.MetricPoints.STEPS_FIELD_NUMBER
_TIMES_MS = pb.MetricPoints.TIMESTAMPS_MS_FIELD_NUMBER

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one metric in some order. Nothing here does arithmetic on values, so that every bit of a NaN survives.

    Args:
        steps: Step of each point.
        times_ms: Time of each point in milliseconds since the Unix epoch, as long as `steps`.
        values: Value of each point, as long as `steps`.
    """

    steps: Integers
    times_ms: Integers
    values: Floats

    @staticmethod
    def of(
        steps: Sequence[int] | Integers, times_ms: Sequence[int] | Integers, values: Sequence[float] | Floats
    ) -> Points:
        """Points of three columns of one length. Arrays of the right type are used as they are, without a copy."""
        return Points(np.asarray(steps, np.int64), np.asarray(times_ms, np.int64), np.asarray(values, np.float64))

    @staticmethod
    def of_message(message: pb.MetricPoints) -> Points:
        """Points of a message whose columns are all filled."""
        return Points.of(message.steps, message.timestamps_ms, message.values)

    @staticmethod
    def empty(count: int = 0) -> Points:
        """Room for `count` points, not filled."""
        return Points(np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.float64))

    @staticmethod
    def concatenate(parts: Sequence[Points]) -> Points:
        """All points of the parts, in order. A single part is returned as it is."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Points.empty()
        return Points(
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.times_ms for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.steps)

    def slice(self, begin: int, end: int) -> Points:
        """The points from index `begin` to before `end`: views of the same memory."""
        return Points(self.steps[begin:end], self.times_ms[begin:end], self.values[begin:end])

    def take(self, indices: NDArray[np.intp]) -> Points:
        """The points of some indices, copied."""
        return Points(self.steps[indices], self.times_ms[indices], self.values[indices])

    def to_message(self, key: str) -> pb.MetricPoints:
        """The points as a message for a metric."""
        message = pb.MetricPoints(key=key)
        self.fill(message)
        return message

    def fill(self, message: pb.MetricPoints) -> None:
        """Appends the points to the columns of a message."""
        for field, column in ((_STEPS, self.steps), (_TIMES_MS, self.times_ms)):
            for piece in packed_varints(field, column):
                message.MergeFromString(piece)
        message.MergeFromString(packed_fixed(_VALUES, self.values))
