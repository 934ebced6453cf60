"""How far a watch of metrics has come, and its form in a resume token."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MAX_SERIES = 50_000
"""Most metrics that one watch follows: their positions must fit into a token."""

_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Position:
    """How far one metric was told.

    Args:
        run: Index of its run in the request.
        key_id: Number of its key.
        epoch: `WatchedSeries.epoch` when it was told.
        next_sequence: Number of the first point that was not told.
    """

    run: int
    key_id: int
    epoch: int
    next_sequence: int


class Positions:
    """Positions by number of the series."""

    def __init__(self) -> None:
        self._by_number: dict[int, Position] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[tuple[int, Position]]:
        return iter(self._by_number.items())

    def get(self, number: int) -> Position | None:
        """The position of a series; None when it was not told yet."""
        return self._by_number.get(number)

    def set(self, number: int, position: Position) -> None:
        """Records how far a series was told."""
        self._by_number[number] = position

    def forget(self, number: int) -> None:
        """Drops a series."""
        del self._by_number[number]

    def to_bytes(self) -> bytes:
        """The positions for a token. Numbers that follow each other and like positions take next to no room."""
        rows = [(number, *_fields(position)) for number, position in sorted(self._by_number.items())]
        columns = np.array(rows, np.int64).reshape(-1, _COLUMNS).T
        return zlib.compress(np.diff(columns, prepend=0).astype("<i8").tobytes(), 1)

    @classmethod
    def from_bytes(cls, payload: bytes, runs: int) -> Positions:
        """The positions of a token.

        Args:
            payload: What `to_bytes` made.
            runs: Number of runs in the request.

        Raises:
            ValueError: It is something else.
        """
        unpacked = zlib.decompressobj()
        try:
            content = unpacked.decompress(payload, MAX_SERIES * _COLUMNS * 8 + 1)
        except zlib.error as error:
            raise ValueError("not compressed") from error
        if not unpacked.eof:
            raise ValueError("cut off, or too large")
        rows = np.cumsum(np.frombuffer(content, "<i8").reshape(_COLUMNS, -1), axis=1).T.tolist()
        positions = cls()
        for number, run, key_id, epoch, next_sequence in rows:
            if not 0 <= run < runs:
                raise ValueError("of another request")
            positions.set(number, Position(run, key_id, epoch, next_sequence))
        return positions


def _fields(position: Position) -> tuple[int, int, int, int]:
    return position.run, position.key_id, position.epoch, position.next_sequence
