"""A reader of metric chunks without numpy, written from `docs/metric-format.md` alone."""

from __future__ import annotations

import struct
import zlib

from support.point_strategies import Point


def plain_decode(data: bytes) -> list[Point]:
    """The points of a chunk that is not damaged."""
    body = data[:-4]
    assert zlib.crc32(body) == int.from_bytes(data[-4:], "little")
    if body[0] == 0:
        return [Point(*row) for row in struct.iter_unpack("<qqQ", body[1:])]
    header = struct.unpack_from("<BBBBIIIqqqq", body)
    _, step_width, time_width, value_width, count, step_outliers, time_outliers, *heads = header
    at, steps = _integers(body, 48, count, step_width, step_outliers, heads[0], heads[1])
    at, times = _integers(body, at, count, time_width, time_outliers, heads[2], heads[3])
    stride = value_width or 8
    pieces = [body[place : place + stride] for place in range(at, len(body), stride)]
    bits = [int.from_bytes(piece, "little") for piece in pieces]
    if value_width == 4:
        bits = [_widened(each) for each in bits]
    return [Point(*row) for row in zip(steps, times, bits if value_width else bits * count, strict=True)]


def _integers(
    body: bytes, at: int, count: int, width: int, outliers: int, first: int, change: int
) -> tuple[int, list[int]]:
    changes = [
        int.from_bytes(body[at + i * width : at + (i + 1) * width], "little", signed=True) for i in range(count - 2)
    ]
    at += width * (count - 2)
    places = struct.unpack_from(f"<{outliers}I", body, at)
    far = struct.unpack_from(f"<{outliers}q", body, at + 4 * outliers)
    for place, difference in zip(places, far, strict=True):
        changes[place] = difference
    column = [first, _wrapped(first + change)]
    for difference in changes:
        change = _wrapped(change + difference)
        column.append(_wrapped(column[-1] + change))
    return at + 12 * outliers, column


def _wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def _widened(bits: int) -> int:
    sign, exponent, fraction = bits >> 31 << 63, bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0xFF:
        return sign | 0x7FF << 52 | fraction << 29
    return int(struct.unpack("<Q", struct.pack("<d", struct.unpack("<f", struct.pack("<I", bits))[0]))[0])
