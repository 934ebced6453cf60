"""The stored form of a chunk of points. `docs/metric-format.md` specifies it."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost_server.errors import DataLoss
from milepost_server.points.columns import Floats, Points
from milepost_server.points.deltas import WIDTHS, Deltas, pack

ROW_POINTS = 16
"""Up to this many points are stored as plain rows."""

_ROWS, _COLUMNS = 0, 1
_CHECK_BYTES = 4
_RESIDUE = 0x2144DF1C  # the CRC-32 of any bytes followed by their own CRC-32

_ROW = np.dtype([("step", "<i8"), ("time_ms", "<i8"), ("value", "<f8")])
_ROW_STRUCTS = tuple(struct.Struct("<B" + "qqd" * count) for count in range(ROW_POINTS + 1))

_HEADER = struct.Struct("<BBBBIIIqqqq")
_VALUE_WIDTHS = (0, 4, 8)
_ONE_VALUE_BYTES = 8

_Job: TypeAlias = "tuple[int, Callable[[Points], None]]"


class DamagedChunk(DataLoss):
    """Stored bytes that no version of the encoder wrote, or not for that number of points."""

    reason = pb.ERROR_REASON_METRIC_CORRUPT


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first bytes of a chunk of columns say."""

    count: int
    steps: Deltas
    times: Deltas
    value_width: int

    def pack(self) -> bytes:
        widths = self.steps.width, self.times.width, self.value_width
        outliers = self.steps.outliers, self.times.outliers
        return _HEADER.pack(_COLUMNS, *widths, self.count, *outliers, *self.steps[2:], *self.times[2:])

    @staticmethod
    def unpack(data: bytes) -> _Header:
        _, step_width, time_width, value_width, count, step_outliers, time_outliers, *heads = _HEADER.unpack_from(data)
        steps, times = Deltas(step_width, step_outliers, *heads[:2]), Deltas(time_width, time_outliers, *heads[2:])
        return _Header(count, steps, times, value_width)

    def sizes(self) -> tuple[int, int, int]:
        """Bytes of each column."""
        values = self.count * self.value_width if self.value_width else _ONE_VALUE_BYTES
        return self.steps.size(self.count), self.times.size(self.count), values


def encode(points: Points) -> bytes:
    """A chunk of any number of points, in the order given. A full chunk has `CHUNK_POINTS`."""
    if len(points) <= ROW_POINTS:
        return encode_rows(points.steps.tolist(), points.times_ms.tolist(), points.values.tolist())
    steps, step_bytes = pack(points.steps)
    times, time_bytes = pack(points.times_ms)
    value_width, value_bytes = _pack_values(points.values)
    return _checked(_Header(len(points), steps, times, value_width).pack(), step_bytes, time_bytes, value_bytes)


def encode_rows(steps: Sequence[int], times_ms: Sequence[int], values: Sequence[float]) -> bytes:
    """A chunk of at most `ROW_POINTS` points, without numpy, which costs more than so few points."""
    rows = zip(steps, times_ms, values, strict=True)
    return _checked(_ROW_STRUCTS[len(steps)].pack(_ROWS, *itertools.chain.from_iterable(rows)))


def decode(data: bytes, count: int) -> Points:
    """The points of one chunk.

    Args:
        data: What `encode` returned.
        count: Number of points, as the row of the chunk says.

    Raises:
        DamagedChunk: The bytes are not those of a chunk with so many points.
    """
    return decode_many([(data, count)])


def decode_many(chunks: Sequence[tuple[bytes, int]]) -> Points:
    """The points of several chunks, one after the other. Small chunks in a row are decoded together.

    Raises:
        DamagedChunk: As `decode`.
    """
    jobs = _jobs(chunks)
    points = Points.empty(sum(count for count, _ in jobs))
    begin = 0
    for count, fill in jobs:
        fill(points.slice(begin, begin + count))
        begin += count
    return points


def _jobs(chunks: Sequence[tuple[bytes, int]]) -> list[_Job]:
    """What fills which part of the result. Lengths are checked here, before memory is taken for them."""
    jobs: list[_Job] = []
    rows: list[bytes] = []
    for data, count in chunks:
        if data and data[0] == _ROWS:
            if len(data) != 1 + count * _ROW.itemsize + _CHECK_BYTES:
                raise DamagedChunk(f"a metric chunk of {count} rows has {len(data)} bytes")
            rows.append(data)
            continue
        if rows:
            jobs.append(_rows_job(rows))
            rows = []
        jobs.append(_columns_job(data, count))
    if rows:
        jobs.append(_rows_job(rows))
    return jobs


def _rows_job(chunks: Sequence[bytes]) -> _Job:
    if set(map(crc32, chunks)) != {_RESIDUE}:
        raise DamagedChunk("the check sum of a metric chunk of rows is wrong")
    rows = np.frombuffer(b"".join([data[1:-_CHECK_BYTES] for data in chunks]), _ROW)
    return len(rows), partial(_fill_rows, rows)


def _fill_rows(rows: NDArray[np.void], points: Points) -> None:
    points.steps[:] = rows["step"]
    points.times_ms[:] = rows["time_ms"]
    points.values[:] = rows["value"]


def _columns_job(data: bytes, count: int) -> _Job:
    if not data or data[0] != _COLUMNS:
        raise DamagedChunk(f"a metric chunk has the unknown encoding {data[0]}" if data else "a metric chunk is empty")
    if len(data) < _HEADER.size + _CHECK_BYTES:
        raise DamagedChunk(f"a metric chunk of columns has {len(data)} bytes")
    header = _Header.unpack(data)
    if header.count != count or count < 2:
        raise DamagedChunk(f"a metric chunk of {count} points in columns says that it has {header.count}")
    widths_known = header.steps.width in WIDTHS and header.times.width in WIDTHS
    if not widths_known or header.value_width not in _VALUE_WIDTHS:
        raise DamagedChunk("a metric chunk has columns of an unknown width")
    if len(data) != _HEADER.size + sum(header.sizes()) + _CHECK_BYTES:
        raise DamagedChunk(f"a metric chunk of {count} points in columns has {len(data)} bytes")
    if crc32(data) != _RESIDUE:
        raise DamagedChunk("the check sum of a metric chunk of columns is wrong")
    return count, partial(_fill_columns, data, header)


def _fill_columns(data: bytes, header: _Header, points: Points) -> None:
    bodies = []
    end = _HEADER.size
    for size in header.sizes():
        bodies.append(memoryview(data)[end : end + size])
        end += size
    try:
        header.steps.unpack(bodies[0], points.steps)
        header.times.unpack(bodies[1], points.times_ms)
    except ValueError as error:
        raise DamagedChunk(f"a metric chunk of columns is damaged: {error}") from error
    points.values[:] = np.frombuffer(bodies[2], f"<f{header.value_width or _ONE_VALUE_BYTES}")


def _pack_values(column: Floats) -> tuple[int, bytes]:
    """The width of values and their bytes.

    0 and one value where all are the same, such as a learning rate; 4 where each is a float32 widened, which most
    metrics are; else 8. The same means the same bits.
    """
    doubles = column.astype("<f8", copy=False).tobytes()
    one = doubles[:_ONE_VALUE_BYTES]
    if doubles.endswith(one) and doubles == one * len(column):
        return 0, one
    with np.errstate(all="ignore"):
        singles = column.astype("<f4")
        widened = singles.astype("<f8").tobytes()
    return (4, singles.tobytes()) if widened == doubles else (8, doubles)


def _checked(*parts: bytes) -> bytes:
    check = 0
    for part in parts:
        check = crc32(part, check)
    return b"".join((*parts, check.to_bytes(_CHECK_BYTES, "little")))
