"""Metric points of the background writer, and the batches made of them.

This runs beside training and holds the interpreter's lock, so each step from Python objects to bytes is one call for
many points. Points therefore wait in one flat list, five items each: a tuple per point would cost twice as much to
make, to take apart and to free (0.35 + 0.1 µs a point instead of 0.5 + 0.2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from milepost import v1 as pb
from milepost._batches import Batch, Refused
from milepost.errors import InvalidArgumentError

WIDTH = 5
"""Items of a point in a flat list: run id, key, value, step, time in milliseconds."""
MAX_POINTS = 20_000
"""Most points in one batch: what a server stores in some milliseconds."""
MAX_BATCH_BYTES = 1024 * 1024
"""Most bytes of one batch."""

# The field `batch` of StreamMetricsRequest and the field `metrics` of StreamMetricsBatch: both number 2, a message.
_TAG = b"\x12"


class _Columns(NamedTuple):
    keys: Sequence[Any]
    values: Sequence[float]
    steps: Sequence[int]
    times: Sequence[int]


def pack_points(flat: Sequence[Any]) -> tuple[list[Batch], list[Refused]]:
    """Batches that log points, at least one, given as a flat list: one per run unless it gets too large, in order.

    The points of a metric become columns. `writer_id` and `sequence` of the batches are to be filled in.
    """
    batches: list[Batch] = []
    refused: list[Refused] = []
    runs = flat[0::WIDTH]
    columns = _Columns(*(flat[column::WIDTH] for column in range(1, WIDTH)))
    if runs.count(runs[0]) == len(runs):
        _pack_run(runs[0], columns, batches, refused)
    else:
        for run_id, places in _places(runs).items():
            _pack_run(run_id, _chosen(columns, places), batches, refused)
    return batches, refused


def numbered(wire: bytes, sequence: int) -> bytes:
    """The request of a batch, with its sequence number: serialized messages one behind the other are merged."""
    return wire + pb.StreamMetricsRequest(batch=pb.StreamMetricsBatch(sequence=sequence)).SerializeToString()


def unary_twin(batch: Batch) -> pb.LogBatchRequest:
    """The request that logs the points of a batch without a stream. Its id follows from the batch."""
    return pb.LogBatchRequest(
        run_id=batch.run_id,
        request_id=f"{batch.writer_id}-{batch.sequence}",
        metrics=pb.StreamMetricsRequest.FromString(batch.wire).batch.metrics,
    )


def _pack_run(run_id: str, columns: _Columns, batches: list[Batch], refused: list[Refused]) -> None:
    lost: list[Refused] = []
    parts: list[bytes] = []
    for key, (_, values, steps, times) in _series(run_id, columns, lost):
        try:
            if not isinstance(key, str):
                raise TypeError(f"a key must be a str, not a {type(key).__name__}")
            series = pb.MetricPoints(key=key, values=values, steps=steps, timestamps_ms=times)
        except (TypeError, ValueError) as error:  # such as half of a surrogate pair in the key
            lost.append(Refused(f"metric {key!r} of run {run_id}", error, len(values)))
        else:
            parts += _field(series.SerializeToString())
    body = b"".join(parts)
    count = len(columns.keys)
    if len(body) <= MAX_BATCH_BYTES:
        refused += lost
        if parts:
            batches.append(Batch(run_id, count - sum(part.values for part in lost), b"".join(_field(body))))
    elif count == 1:
        key = columns.keys[0]
        too_long = InvalidArgumentError(f"its key has {len(key):,} characters")
        refused.append(Refused(f"metric {key[:100] + '...'!r} of run {run_id}", too_long))
    else:
        middle = count // 2
        for half in (slice(middle), slice(middle, None)):
            keys, values, steps, times = columns
            _pack_run(run_id, _Columns(keys[half], values[half], steps[half], times[half]), batches, refused)


def _series(run_id: str, columns: _Columns, lost: list[Refused]) -> list[tuple[Any, _Columns]]:
    """The columns of each key, in order."""
    keys = columns.keys
    try:
        if keys.count(keys[0]) == len(keys):
            return [(keys[0], columns)]
        return [(key, _chosen(columns, places)) for key, places in _places(keys).items()]
    except (TypeError, ValueError) as error:  # a key that cannot be compared, such as a list
        lost += [Refused(f"metric {key!r} of run {run_id}", error) for key in keys if not isinstance(key, str)]
    texts = [place for place, key in enumerate(keys) if isinstance(key, str)]
    return _series(run_id, _chosen(columns, texts), lost) if texts else []


def _places(column: Sequence[Any]) -> dict[Any, list[int]]:
    places: defaultdict[Any, list[int]] = defaultdict(list)
    for place, item in enumerate(column):
        places[item].append(place)
    return places


def _chosen(columns: _Columns, places: Sequence[int]) -> _Columns:
    if len(places) == 1:
        keys, values, steps, times = columns
        (place,) = places
        return _Columns([keys[place]], [values[place]], [steps[place]], [times[place]])
    choose = itemgetter(*places)
    return _Columns(choose(columns.keys), choose(columns.values), choose(columns.steps), choose(columns.times))


def _field(content: bytes) -> tuple[bytes, bytes, bytes]:
    """A field of wire type LEN, in parts."""
    length = len(content)
    varint = bytearray()
    while length > 0x7F:
        varint.append(length & 0x7F | 0x80)
        length >>= 7
    varint.append(length)
    return _TAG, bytes(varint), content
