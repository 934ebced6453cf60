"""What the pages of a Parquet column say of themselves, so that a small file cannot become a large table.

A page header is a struct of Thrift's compact protocol, and its page follows. Readers allocate what it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

DELTA_BYTE_ARRAY = 7

_UNPACKED, _PACKED = 2, 3
_DATA_HEADER, _DICTIONARY_HEADER, _DATA_HEADER_V2 = 5, 7, 8
_VALUES = 1
_MAX_DEPTH = 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a column.

    Args:
        unpacked: Bytes that it has once it is decompressed.
        values: Number of its values, those that are missing included.
        encoding: Number of the encoding of its values; 0 for a dictionary.
        is_dictionary: Whether data pages refer to its values.
    """

    unpacked: int
    values: int
    encoding: int
    is_dictionary: bool


def pages(file: memoryview, start: int, length: int) -> Iterator[Page]:
    """The pages of a column chunk.

    Raises:
        ValueError, IndexError: It is malformed.
    """
    at, end = start, start + length
    if not 0 <= start <= end <= len(file):
        raise ValueError("The chunk is not in the file.")
    while at < end:
        reader = _Reader(file[:end], at)
        header = reader.struct(0)
        packed, unpacked = header.get(_PACKED), header.get(_UNPACKED)
        if not isinstance(packed, int) or not isinstance(unpacked, int) or packed < 0 or unpacked < 0:
            raise ValueError("A page has no size.")
        yield _page(header, unpacked)
        at = reader.at + packed


Field = int | dict[int, "Field"] | None


def _page(header: dict[int, Field], unpacked: int) -> Page:
    for number in (_DATA_HEADER, _DATA_HEADER_V2, _DICTIONARY_HEADER):
        inner = header.get(number)
        if isinstance(inner, dict):
            dictionary = number == _DICTIONARY_HEADER
            values = inner.get(_VALUES)
            encoding = inner.get(4 if number == _DATA_HEADER_V2 else 2)
            if not isinstance(values, int) or values < 0 or not isinstance(encoding, int):
                raise ValueError("A page has no number of values.")
            return Page(unpacked, values, 0 if dictionary else encoding, dictionary)
    return Page(unpacked, 0, 0, False)


class _Reader:
    """Reads integers and structs of the compact protocol, and skips the rest."""

    def __init__(self, view: memoryview, at: int) -> None:
        self._view = view
        self.at = at

    def struct(self, depth: int) -> dict[int, Field]:
        """The integers and structs of a struct by the numbers of their fields."""
        if depth > _MAX_DEPTH:
            raise ValueError("A header nests too deep.")
        fields: dict[int, Field] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Field:
        if kind in (_TRUE, _FALSE):
            return int(kind == _TRUE)
        if _BYTE < kind < _DOUBLE:
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BYTE:
            self.at += 1
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            length = self._varint()
            self.at += length
        elif kind in (_LIST, _SET):
            self._skip_list(depth)
        else:  # no header has maps
            raise ValueError("A header has a field of an unknown type.")
        return None

    def _skip_list(self, depth: int) -> None:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        for _ in range(count):
            if kind in (_TRUE, _FALSE):
                self.at += 1
            else:
                self._value(kind, depth + 1)
            if self.at > len(self._view):
                raise ValueError("A list reaches beyond the end.")

    def _byte(self) -> int:
        byte = self._view[self.at]
        self.at += 1
        return byte

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("A number is too long.")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
