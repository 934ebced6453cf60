"""Test vectors of the metric format, for readers in any language. Run this file to write them anew.

They are written by the encoder, or byte by byte where it writes no such chunk, and are not to change: what is stored
must stay readable.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from milepost_server.points.codec import encode
from milepost_server.points.summary import summarize
from support.point_strategies import INT64_MAX, INT64_MIN, SPECIAL_BITS, Point, columns, to_bits

PATH = Path(__file__).parents[2] / "docs/metric-format-vectors.json"

_START_MS = 1_767_225_600_000
_SINGLE = 0x3FF8000000000000  # 1.5
_DOUBLE = 0x3FB999999999999A  # 0.1


def vectors() -> dict[str, Any]:
    """What the file holds."""
    chunks = [_chunk(name, points, encode(columns(points))) for name, points in _encoded()]
    chunks += [_chunk(name, points, data) for name, points, data in _by_hand()]
    return {"chunks": chunks, "damaged": [_damaged(*row) for row in _refused()]}


def text() -> str:
    """The content of the file."""
    return json.dumps(vectors(), indent=1) + "\n"


def _encoded() -> Iterator[tuple[str, list[Point]]]:
    yield "one row", [Point(1, _START_MS, _DOUBLE)]
    yield "sixteen rows", [Point(-index, _START_MS - index, bits) for index, bits in enumerate(SPECIAL_BITS)]
    yield "even steps and times, float32 values", _even([to_bits(index / 8) for index in range(20)])
    yield "even steps and times, one value", _even([_DOUBLE] * 20)
    yield "even steps and times, float64 values", _even([to_bits(index / 10) for index in range(20)])
    yield "values that no float32 is: a signalling NaN", _even([_SINGLE] * 19 + [SPECIAL_BITS[10]])
    yield "values that a float32 is: a NaN with a payload, -0.0", _even([_SINGLE] * 18 + [SPECIAL_BITS[9], 1 << 63])
    yield "jitter of one byte in times", _times([0, 100, 195, 305, 400, 511, 600, 690, 810, 900] * 3)
    yield "jitter of two bytes in times", _times([0, 1000, 1900, 3100, 4000, 5111, 6000, 6900, 8100, 9000] * 3)
    yield "a pause: outliers", _times([100 * index + (3_600_000 if index > 20 else 0) for index in range(40)])
    yield (
        "a pause beside jitter: outliers",
        _times([100 * index + 7 * (index % 3) + (3_600_000 if index > 20 else 0) for index in range(40)]),
    )
    extremes = [INT64_MIN, INT64_MAX, 0, INT64_MAX, INT64_MIN, -1] * 3
    yield (
        "any int64, wrapping round",
        [
            Point(step, time, bits)
            for step, time, bits in zip(extremes, reversed(extremes), (*SPECIAL_BITS, 0, 1), strict=True)
        ],
    )
    yield "all NaN", _even([SPECIAL_BITS[6], SPECIAL_BITS[7]] * 9)


def _even(bits: Sequence[int]) -> list[Point]:
    return [Point(10 * index, _START_MS + 250 * index, each) for index, each in enumerate(bits)]


def _times(times: Sequence[int]) -> list[Point]:
    return [Point(index, _START_MS + time, _SINGLE) for index, time in enumerate(times)]


def _by_hand() -> Iterator[tuple[str, list[Point], bytes]]:
    """Chunks that are valid although the encoder writes others for the same points."""
    two = [Point(5, 7, _DOUBLE), Point(4, 9, _SINGLE)]
    header = struct.pack("<BBBBIIIqqqq", 1, 0, 0, 8, 2, 0, 0, 5, -1, 7, 2)
    yield "columns of two points", two, _checked(header + struct.pack("<QQ", _DOUBLE, _SINGLE))
    yield "no points", [], _checked(b"\0")
    many = _even([_DOUBLE] * 20)
    packed = [struct.pack("<qqQ", *point) for point in many]
    yield "more than sixteen rows", many, _checked(b"\0" + b"".join(packed))
    header = struct.pack("<BBBBIIIqqqq", 1, 4, 8, 4, 4, 0, 1, 1, 1, 1, 1)
    body = struct.pack("<ii", -1, 70_000) + struct.pack("<qq", 3, 0) + struct.pack("<Iq", 1, -(2**40))
    points = zip([1, 2, 2, 70_002], [1, 2, 6, 10 - 2**40], strict=True)
    yield (
        "widths of four and eight",
        [Point(*point, _SINGLE) for point in points],
        _checked(header + body + struct.pack("<ffff", 1.5, 1.5, 1.5, 1.5)),
    )


def _refused() -> Iterator[tuple[str, int, bytes]]:
    whole = encode(columns(_times(range(20))))
    row = encode(columns([Point(1, 2, 3)]))
    yield "empty", 0, b""
    yield "unknown encoding", 1, _checked(b"\x02" + row[1:-4])
    yield "a changed bit in rows", 1, row[:10] + bytes([row[10] ^ 1]) + row[11:]
    yield "a changed bit in columns", 20, whole[:50] + bytes([whole[50] ^ 1]) + whole[51:]
    yield "rows for another count", 2, row
    yield "columns for another count", 21, whole
    yield "cut short", 20, whole[:-1]
    yield "cut to its first byte", 20, whole[:1]
    yield "a byte too many", 20, _checked(whole[:-4] + b"\0")
    yield "unknown width of steps", 20, _checked(whole[:1] + b"\x03" + whole[2:-4])
    header = struct.pack("<BBBBIIIqqqq", 1, 0, 0, 4, 3, 1, 0, 0, 0, 0, 0)
    yield "an outlier behind the end", 3, _checked(header + struct.pack("<Iqfff", 1, 1, 0, 0, 0))


def _checked(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def _chunk(name: str, points: Sequence[Point], data: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "count": len(points),
        "data": data.hex(),
        "steps": [str(point.step) for point in points],
        "times_ms": [str(point.time_ms) for point in points],
        "value_bits": [f"{point.bits:016x}" for point in points],
        "summary": summarize(columns(points)).tobytes().hex() if points else None,
    }


def _damaged(name: str, count: int, data: bytes) -> dict[str, Any]:
    return {"name": name, "count": count, "data": data.hex()}


def points_of(vector: dict[str, Any]) -> list[Point]:
    """The points of an entry of `chunks`."""
    bits = [int(each, 16) for each in vector["value_bits"]]
    return [Point(int(s), int(t), b) for s, t, b in zip(vector["steps"], vector["times_ms"], bits, strict=True)]


if __name__ == "__main__":
    PATH.write_text(text())
