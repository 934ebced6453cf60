"""Unary gRPC calls by HTTP/2 frames that are built ahead.

That takes some 30 us of CPU a call, where a grpc.aio client takes as much as the server under test and would be the
bottleneck itself. Each caller waits for its answer before it calls again.

Headers go through HPACK's table as those of a real client: spelled out on the first call of a connection, one byte each
from then on. Answers are not decoded: one that has a message in it is a success, since gRPC sends a failure as headers
alone. Requests must be below some 500 bytes, as the server's flow-control window is not followed: it is renewed long
before 32 such requests could fill it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import cast

import uvloop

from benchmarks.load.counting import Report, arguments, read_payloads, watch, write

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WINDOW = 2**31 - 1
_FIRST_WINDOW = 65_535
_RENEW_AFTER = 2**24
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_INITIAL_WINDOW_SIZE = 4
# `:method: POST` and `:scheme: http` of HPACK's static table, then the four headers below from the dynamic one.
_KNOWN_HEADERS = bytes([0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62])


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _text(value: str) -> bytes:
    raw = value.encode()
    assert len(raw) < 127, "longer texts have a longer length prefix in HPACK"
    return bytes([len(raw)]) + raw


def _first_headers(path: str) -> bytes:
    """The same headers spelled out, and put into the dynamic table in this order."""
    return (
        bytes([0x83, 0x86])
        + (b"\x44" + _text(path))
        + (b"\x41" + _text("127.0.0.1"))
        + (b"\x5f" + _text("application/grpc"))
        + (b"\x40" + _text("te") + _text("trailers"))
    )


class Connection(asyncio.Protocol):
    """One HTTP/2 connection with several callers.

    Args:
        path: `/package.Service/Method`.
        callers: Calls at work at once.
        payloads: Serialized requests, sent in turn.
    """

    def __init__(self, path: str, callers: int, payloads: Iterator[bytes]) -> None:
        self.seconds: list[float] = []
        self._began: dict[int, float] = {}
        self.error = ""
        self._first = _first_headers(path)
        self._callers = callers
        self._payloads = payloads
        self._streams = itertools.count(3, 2)
        self._answered: set[int] = set()
        self._rest = b""
        self._unrenewed = 0
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Opens HTTP/2 and lets every caller make its first call."""
        self._transport = cast(asyncio.Transport, transport)
        window = _INITIAL_WINDOW_SIZE.to_bytes(2) + _WINDOW.to_bytes(4)
        hello = _frame(_SETTINGS, 0, 0, window)
        hello += _frame(_WINDOW_UPDATE, 0, 0, (_WINDOW - _FIRST_WINDOW).to_bytes(4))
        calls = [self._call(1, self._first)] + [self._call(next(self._streams)) for _ in range(self._callers - 1)]
        self._transport.write(_PREFACE + hello + b"".join(calls))

    def data_received(self, data: bytes) -> None:
        """Reads the frames that are whole, and calls again for each answer."""
        data = self._rest + data
        at, end, out = 0, len(data), []
        while end - at >= 9:
            after = at + 9 + int.from_bytes(data[at : at + 3])
            if after > end:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5 : at + 9])
            if kind == _DATA:
                self._answered.add(stream)
            elif kind == _HEADERS:
                if flags & _END_STREAM:
                    out.append(self._ended(stream))
            else:
                out.append(self._control(kind, flags, data[at + 9 : after]))
            at = after
        self._rest = data[at:]
        self._unrenewed += at
        if self._unrenewed > _RENEW_AFTER:
            out.append(_frame(_WINDOW_UPDATE, 0, 0, self._unrenewed.to_bytes(4)))
            self._unrenewed = 0
        self._transport.write(b"".join(out))

    def connection_lost(self, exc: Exception | None) -> None:
        """Is an error unless we hung up."""
        if not self._closing:
            self.error = self.error or f"the connection was lost: {exc}"

    def close(self) -> None:
        """Hangs up."""
        self._closing = True
        self._transport.close()

    def _call(self, stream: int, headers: bytes = _KNOWN_HEADERS) -> bytes:
        payload = next(self._payloads)
        self._began[stream] = time.monotonic()
        body = b"\0" + len(payload).to_bytes(4) + payload
        return _frame(_HEADERS, _END_HEADERS, stream, headers) + _frame(_DATA, _END_STREAM, stream, body)

    def _ended(self, stream: int) -> bytes:
        if stream not in self._answered:
            self.error = "a call was refused"
            return b""
        self._answered.remove(stream)
        self.seconds.append(time.monotonic() - self._began.pop(stream))
        return self._call(next(self._streams))

    def _control(self, kind: int, flags: int, payload: bytes) -> bytes:
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            return _frame(kind, _ACK, 0, payload if kind == _PING else b"")
        if kind in (_RST_STREAM, _GOAWAY):
            self.error = f"the server ended a stream or the connection: {payload!r}"
        return b""


async def _run() -> Report:
    parser = arguments()
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    payloads = itertools.cycle(read_payloads(options.payloads))
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(options.connections):
        connection = Connection(options.path, options.callers // options.connections, payloads)
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", options.port)  # type: ignore[misc]
        connections.append(connection)
    return await watch(connections, options.server_pid, options.seconds)


if __name__ == "__main__":
    write(uvloop.run(_run()))
