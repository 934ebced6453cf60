"""Points of metrics as the clients return them: whole histories, and charts.

Columns are numpy arrays of int64 and float64 where numpy is installed, else `array.array` of the same types; both have
`tolist`. numpy is imported when the first points are read.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from milepost import v1 as pb
from milepost._frames import load

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars
    from numpy.typing import NDArray

    Integers = NDArray[numpy.int64]
    Floats = NDArray[numpy.float64]

Part = TypeVar("Part")

_POINT_COLUMNS = ("step", "timestamp_ms", "value")


@cache
def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def _joined(columns: Iterable[Iterable[Any]], kind: str) -> Any:
    """Columns of messages, one behind the other; `kind` is `q` for int64 or `d` for float64."""
    numpy = _numpy()
    if numpy is not None:
        parts = [numpy.array(column, kind) for column in columns]
        return parts[0] if len(parts) == 1 else numpy.concatenate([numpy.empty(0, kind), *parts])
    joined = array.array(kind)
    for column in columns:
        joined.extend(column)
    return joined


@dataclass(frozen=True, eq=False)
class MetricHistory:
    """Points of one metric of one run in the order in which they were stored, as columns of equal length.

    Args:
        run_id: The run.
        key: The metric.
        steps: Step of each point, int64.
        timestamps_ms: Time of each point in milliseconds since the Unix epoch, int64.
        values: Value of each point, float64, bit for bit as logged.
    """

    run_id: str
    key: str
    steps: Integers
    timestamps_ms: Integers
    values: Floats

    @classmethod
    def of(cls, run_id: str, key: str, parts: Sequence[pb.MetricPoints]) -> MetricHistory:
        """The points of messages, one behind the other."""
        return cls(
            run_id,
            key,
            _joined((points.steps for points in parts), "q"),
            _joined((points.timestamps_ms for points in parts), "q"),
            _joined((points.values for points in parts), "d"),
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns by the names that they have in data frames: `step`, `timestamp_ms` and `value`."""
        return dict(zip(_POINT_COLUMNS, (self.steps, self.timestamps_ms, self.values), strict=True))

    def head(self, count: int) -> MetricHistory:
        """The first points."""
        steps, timestamps_ms, values = self.steps[:count], self.timestamps_ms[:count], self.values[:count]
        return MetricHistory(self.run_id, self.key, steps, timestamps_ms, values)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with the columns `step`, `timestamp_ms` (int64) and `value` (float64). Needs pandas."""
        from milepost._metric_frames import to_pandas

        return to_pandas({}, [], self.columns)

    def to_polars(self) -> polars.DataFrame:
        """A data frame with the columns `step`, `timestamp_ms` (Int64) and `value` (Float64). Needs polars."""
        from milepost._metric_frames import to_polars

        return to_polars({}, [], self.columns)


@dataclass(frozen=True, eq=False)
class MetricSeries:
    """One metric of one run, thinned: a row for each bucket that has points, in order of position, as columns.

    Positions are on the axis of the chart: steps, or milliseconds.

    Args:
        run_id: The run.
        key: The metric.
        buckets: Number of the bucket, from 0; uint32.
        counts: Number of points in the bucket, int64.
        first_positions: Position of the first point, int64.
        first_values: Value of the first point, float64.
        last_positions: Position of the last point.
        last_values: Value of the last point.
        min_positions: Position of the smallest value.
        min_values: The smallest value that is not NaN; NaN when there is none.
        max_positions: Position of the greatest value.
        max_values: The greatest value that is not NaN; NaN when there is none.
    """

    run_id: str
    key: str
    buckets: NDArray[numpy.uint32]
    counts: Integers
    first_positions: Integers
    first_values: Floats
    last_positions: Integers
    last_values: Floats
    min_positions: Integers
    min_values: Floats
    max_positions: Integers
    max_values: Floats

    @classmethod
    def of(cls, proto: pb.MetricSeries) -> MetricSeries:
        """The series of a message."""
        columns = {
            name: _joined([getattr(proto, name)], "I" if name == "buckets" else "d" if name.endswith("values") else "q")
            for name in _SERIES_COLUMNS
        }
        return cls(run_id=proto.run_id, key=proto.metric_key, **columns)

    def __len__(self) -> int:
        return len(self.buckets)


_SERIES_COLUMNS = tuple(field.name for field in fields(MetricSeries) if field.name not in ("run_id", "key"))


class _Parts(Sequence[Part]):
    """Columns of several metrics, together a data frame."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = list(parts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} metrics)"

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Part]: ...
    def __getitem__(self, index: int | slice) -> Part | Sequence[Part]:
        return self._parts[index]

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def _frame(self, make: Callable[[dict[str, list[str]], list[int], dict[str, Any]], Any], columns: Any) -> Any:
        parts: list[Any] = self._parts
        labels = {"run_id": [part.run_id for part in parts], "key": [part.key for part in parts]}
        numpy = load("numpy")
        joined = {
            column: numpy.concatenate([getattr(part, name) for part in parts]) if parts else numpy.empty(0)
            for column, name in columns.items()
        }
        return make(labels, [len(part) for part in parts], joined)


class MetricHistories(_Parts[MetricHistory]):
    """Whole histories of metrics, by run and key: a sequence of `MetricHistory`."""

    _COLUMNS: ClassVar = {"step": "steps", "timestamp_ms": "timestamps_ms", "value": "values"}

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each point: `run_id`, `key` (categories), `step`, `timestamp_ms` and `value`. Needs pandas."""
        from milepost._metric_frames import to_pandas

        frame: pandas.DataFrame = self._frame(to_pandas, self._COLUMNS)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A row for each point: `run_id`, `key` (categorical), `step`, `timestamp_ms` and `value`. Needs polars."""
        from milepost._metric_frames import to_polars

        frame: polars.DataFrame = self._frame(to_polars, self._COLUMNS)
        return frame


class MetricChart(_Parts[MetricSeries]):
    """Metrics of runs, thinned to buckets of one axis: a sequence of `MetricSeries`, by run and key.

    Args:
        proto: The response.
    """

    _COLUMNS: ClassVar = {"bucket" if name == "buckets" else name.removesuffix("s"): name for name in _SERIES_COLUMNS}

    def __init__(self, proto: pb.GetMetricSeriesResponse) -> None:
        super().__init__(MetricSeries.of(series) for series in proto.series)
        self.proto = proto
        """The response."""
        self.start = proto.start
        """Position where the first bucket begins."""
        self.bucket_width = proto.bucket_width
        """Bucket i holds the positions from `start + i * bucket_width` to just before the next one begins."""

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each bucket, with `run_id` and `key` (categories) and the columns of `MetricSeries`. Needs pandas.

        The columns are named in the singular: `bucket`, `count`, `first_position` and so on.
        """
        from milepost._metric_frames import to_pandas

        frame: pandas.DataFrame = self._frame(to_pandas, self._COLUMNS)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """As `to_pandas`, with categorical text. Needs polars."""
        from milepost._metric_frames import to_polars

        frame: polars.DataFrame = self._frame(to_polars, self._COLUMNS)
        return frame


class HistoryParts:
    """Collects the messages of a streamed history."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._parts: dict[str, list[pb.MetricPoints]] = {}

    def add(self, message: pb.StreamMetricHistoryResponse) -> None:
        """Takes a message."""
        self._parts.setdefault(message.points.key, []).append(message.points)

    def histories(self) -> list[MetricHistory]:
        """What was taken, by key."""
        return [MetricHistory.of(self._run_id, key, parts) for key, parts in self._parts.items()]
