"""Reads Thrift's compact protocol, in which Parquet describes itself, without knowing any message."""

from __future__ import annotations

from typing import Any

_MAX_DEPTH = 16
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


class Reader:
    """Reads structs: mappings of field numbers to integers, bytes, lists and structs; None for doubles.

    What it makes is some sixty times as large as the bytes, so these are the caller's to limit.

    Args:
        view: The bytes.
        at: Where to begin; later, where the next value begins.
    """

    def __init__(self, view: memoryview, at: int = 0) -> None:
        self._view = view
        self.at = at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The struct that begins here.

        Raises:
            ValueError, IndexError: There is none.
        """
        if depth > _MAX_DEPTH:
            raise ValueError("A struct nests too deep.")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            # As a field, a boolean is its type; in a list, it is a byte.
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if _BYTE < kind < _DOUBLE:
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in (_LIST, _SET):
            return self._list(depth + 1)
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            self._take(8)
            return None
        raise ValueError("A field has an unknown type.")  # a map: Parquet has none

    def _list(self, depth: int) -> list[Any]:
        if depth > _MAX_DEPTH:
            raise ValueError("A list nests too deep.")
        head = self._byte()
        count = head >> 4
        if count == 15:
            count = self._varint()
        if count > len(self._view) - self.at:
            raise ValueError("A list reaches beyond the end.")
        return [self._value(head & 15, depth) for _ in range(count)]

    def _take(self, length: int) -> bytes:
        start = self.at
        self.at += length
        if self.at > len(self._view):
            raise ValueError("A text reaches beyond the end.")
        return bytes(self._view[start : self.at])

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
