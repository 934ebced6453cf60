"""The worker's end of the connection."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

from milepost.models.worker.frames import INLINE_BYTES, PREFIX, Prefix, decode, encode
from milepost.models.worker.memory import MemoryFile
from milepost.models.worker.payload import Payload

Message = tuple[dict[str, Any], Payload | None]


class Channel:
    """Messages over a socket, and memory files for those that are large.

    Requests and answers to them are numbered from 0. The other process may send one request while the one before is at
    work, so there are two files for each direction, of which a message with an even number takes the first.

    Args:
        connection: Closed by the other process when the worker is to end.
        requests: Files that the other process writes.
        answers: Files that this one writes.
    """

    def __init__(
        self, connection: socket.socket, requests: Sequence[MemoryFile], answers: Sequence[MemoryFile]
    ) -> None:
        self._connection = connection
        self._requests = requests
        self._answers = answers
        self._number = -1
        self._filled = 0
        self._buffer = memoryview(bytearray(PREFIX.size + INLINE_BYTES))

    def receive(self) -> Message | None:
        """The next message, whose arrays may be written; None when the other process has closed the connection.

        Each must be answered by one.

        Raises:
            ValueError: The message cannot be read. The next one can.
        """
        if not self._fill(PREFIX.size):
            return None
        self._number += 1
        prefix = Prefix.read(self._buffer)
        if prefix.in_file:
            self._taken(PREFIX.size)
            return decode(prefix, self._requests[self._number % 2].read(prefix.size))
        end = PREFIX.size + prefix.size
        if not self._fill(end):
            return None
        body = bytearray(self._buffer[PREFIX.size : end])  # a copy, since a model may keep what it is given
        self._taken(end)
        return decode(prefix, body)

    def send(self, fields: Mapping[str, Any], payload: Payload | None = None) -> None:
        """Answers the message that was received last.

        Raises:
            NotSendable: The payload cannot be sent. Nothing was.
            OSError: There is no memory for it, and nothing was sent; or the other process is gone.
        """
        message = encode(fields, payload)
        if message.in_file:
            self._answers[self._number % 2].write(message.parts())
            self._connection.sendall(message.prefix)
        else:
            self._connection.sendall(message.inline())

    def _fill(self, wanted: int) -> bool:
        """Receives until the buffer has so many bytes. Returns whether they came before the connection was closed."""
        while self._filled < wanted:
            count = self._connection.recv_into(self._buffer[self._filled :])
            if count == 0:
                return False
            self._filled += count
        return True

    def _taken(self, size: int) -> None:
        """Forgets the first bytes of the buffer; what is behind them belongs to the next message."""
        rest = self._filled - size
        if rest:
            self._buffer[:rest] = bytes(self._buffer[size : self._filled])
        self._filled = rest
