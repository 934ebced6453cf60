"""Packed fields of protobuf messages, written from arrays at once instead of value by value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH_DELIMITED = 2
_SHORT_BITS = 56
_BLOCK = 8192  # integers that stay in the cache
# Spread 56 bits over 8 bytes of 7 bits: halves of 28 bits move apart, then their halves, and theirs.
_SPREAD = (
    (0x00FFFFFFF0000000, 0x000000000FFFFFFF, 4),
    (0x0FFFC0000FFFC000, 0x00003FFF00003FFF, 2),
    (0x3F803F803F803F80, 0x007F007F007F007F, 1),
)
_MORE_IN_ALL = np.uint64(0x8080808080808080)
_MORE_BUT_IN_LAST = np.uint64(0x0080808080808080)


def packed_varints(field: int, column: NDArray[np.int64]) -> Iterator[bytes]:
    """A packed field of integers, in pieces: parsers join fields that occur several times.

    Varints are all 8 or all 10 bytes long, short ones padded with zero groups. Parsers take that, since no varint has
    more than 10 bytes; the message that comes of it is the same as if they were short.
    """
    bits = column.view(np.uint64)
    for begin in range(0, len(bits), _BLOCK):
        block = bits[begin : begin + _BLOCK]
        short = int(block[block.argmax()]) >> _SHORT_BITS == 0
        yield _packed(field, _short_varints(block) if short else _long_varints(block))


def _short_varints(bits: NDArray[np.uint64]) -> bytes:
    words = _spread(bits)
    words |= _MORE_BUT_IN_LAST
    return words.astype("<u8", copy=False).tobytes()


def _long_varints(bits: NDArray[np.uint64]) -> bytes:
    rows = np.empty((len(bits), 10), np.uint8)
    words = _spread(bits) | _MORE_IN_ALL
    rows[:, :8] = words.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    rows[:, 8] = (bits >> np.uint64(_SHORT_BITS)) | np.uint64(0x80)
    rows[:, 9] = bits >> np.uint64(63)
    return rows.tobytes()


def _spread(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The lowest 56 bits of each integer, 7 in each byte, the lowest in the lowest byte."""
    words = bits & np.uint64((1 << _SHORT_BITS) - 1)
    for upper, lower, shift in _SPREAD:
        moved = words & np.uint64(upper)
        moved <<= np.uint64(shift)
        words &= np.uint64(lower)
        words |= moved
    return words


def split_fixed(first_field: int, columns: Sequence[NDArray[Any]], bounds: Sequence[int]) -> Iterator[bytes]:
    """For each run of rows the packed fields that columns of types of fixed width are, numbered from the first field.

    Args:
        first_field: Number of the field of the first column.
        columns: The columns, of one length, which is not 0.
        bounds: Where runs begin, and where the last one ends.
    """
    packed = [
        (
            _varint(field << 3 | _LENGTH_DELIMITED),
            column.itemsize,
            np.ascontiguousarray(_little_endian(column)).data.cast("B"),
        )
        for field, column in enumerate(columns, first_field)
    ]
    for begin, end in itertools.pairwise(bounds):
        parts: list[bytes | memoryview] = []
        if begin < end:
            lengths = {width: _varint((end - begin) * width) for width in {width for _, width, _ in packed}}
            for tag, width, content in packed:
                parts += (tag, lengths[width], content[begin * width : end * width])
        yield b"".join(parts)


def packed_fixed(field: int, column: NDArray[Any]) -> bytes:
    """A packed field of a type of fixed width: that of the column."""
    return _packed(field, _little_endian(column).tobytes())


def _little_endian(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(column.dtype.newbyteorder("<"), copy=False)


def _packed(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
