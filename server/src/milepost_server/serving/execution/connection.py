"""The server's end of the connection to a worker. Nothing here blocks the event loop for long."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from milepost.models.worker.frames import INLINE_BYTES, PREFIX, Outgoing, Prefix, decode, encode
from milepost.models.worker.memory import MemoryFile
from milepost.models.worker.payload import Payload
from milepost.models.worker.plain import NotSendable
from milepost_server.serving.execution.replies import Done, Failed, Lost, Outcome, Reply, Unsendable

# Copies above this size (0.5 ms and more) are made on a thread.
_QUICK_BYTES = 4 << 20
_MOST_ASKED = 2


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    done: Done
    timeout_s: float


class Connection:
    """One worker, as it is spoken to: a request, and one more that it finds when it has answered. See `Channel`.

    Belongs to one event loop.

    Args:
        ours: Our end of the socket pair, which does not block.
        requests: Files that we write.
        answers: Files that the worker writes.
        on_broken: Called once when the worker has closed its end or speaks nonsense.
        on_too_long: Called when an answer takes longer than it may.
    """

    def __init__(
        self,
        ours: socket.socket,
        requests: Sequence[MemoryFile],
        answers: Sequence[MemoryFile],
        on_broken: Callable[[], None],
        on_too_long: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = ours
        self._requests = requests
        self._answers = answers
        self._on_broken = on_broken
        self._on_too_long = on_too_long
        self._received = b""
        self._unsent = b""
        self._asked: deque[_Asked] = deque()
        self._sent = 0
        self._answered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._reading: asyncio.Future[Any] | None = None
        self._is_open = True
        self.resident_bytes = 0
        self._loop.add_reader(ours.fileno(), self._readable)

    @property
    def busy(self) -> bool:
        """Whether a request is at work."""
        return bool(self._asked)

    @property
    def full(self) -> bool:
        """Whether no other request can be sent now."""
        return len(self._asked) >= _MOST_ASKED or self._writing is not None

    def ask(self, fields: Mapping[str, Any], payload: Payload | None, timeout_s: float, done: Done) -> None:
        """Sends a request; the connection is not full.

        Args:
            fields: Of the message.
            payload: What goes with it.
            timeout_s: Most seconds that it may take, from when it is the first.
            done: Told what came of it, from the event loop, never from here.
        """
        try:
            message = encode(fields, payload)
            self._asked.append(_Asked(done, timeout_s))
            self._send(message)
        except NotSendable as problem:
            self._loop.call_soon(done, Unsendable(str(problem)))
        except ConnectionError:
            self._loop.call_soon(self._broken)
        except OSError as problem:
            self._asked.pop()
            self._loop.call_soon(done, _no_memory(problem))
        if self._timer is None:
            self._start_timer()

    def close(self, lost: Lost) -> None:
        """Ends the connection, which makes the worker end, and tells who waits for an answer."""
        if not self._is_open:
            return
        self._is_open = False
        self._forget_socket()
        self._socket.close()
        self._start_timer()
        copying = [copy for copy in (self._writing, self._reading) if copy is not None]
        if copying:  # a thread uses the files
            asyncio.gather(*copying, return_exceptions=True).add_done_callback(lambda _: self._close_files())
        else:
            self._close_files()
        while self._asked:
            self._asked.popleft().done(lost)
            lost = dataclasses.replace(lost, begun=False)

    def _close_files(self) -> None:
        for file in (*self._requests, *self._answers):
            file.close()

    def _send(self, message: Outgoing) -> None:
        file = self._requests[self._sent % 2]
        if not message.in_file:
            self._write(message.inline())
        elif message.size <= _QUICK_BYTES:
            file.write(message.parts())
            self._write(message.prefix)
        else:
            self._writing = self._loop.run_in_executor(None, file.write, message.parts())
            self._writing.add_done_callback(lambda written: self._written(written, message))
            return
        self._sent += 1

    def _written(self, written: asyncio.Future[None], message: Outgoing) -> None:
        self._writing = None
        problem = written.exception()
        if not self._is_open:
            return
        if problem is not None:
            self._asked.pop().done(_no_memory(problem))
            return
        try:
            self._write(message.prefix)
            self._sent += 1
        except OSError:
            self._broken()

    def _write(self, frame: bytes) -> None:
        """Sends a frame, the rest of it as soon as there is room: not all systems keep as much as two frames."""
        if self._unsent:
            self._unsent += frame
            return
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._unsent = frame[sent:]
            self._loop.add_writer(self._socket.fileno(), self._writable)

    def _writable(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._broken()
            return
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        try:
            data = self._socket.recv(PREFIX.size + INLINE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._broken()
            return
        self._received += data
        self._parse()

    def _parse(self) -> None:
        """Takes what has arrived whole."""
        try:
            while self._is_open and self._reading is None and len(self._received) >= PREFIX.size:
                prefix = Prefix.read(self._received)
                end = PREFIX.size if prefix.in_file else PREFIX.size + prefix.size
                if len(self._received) < end:
                    return
                body, self._received = self._received[PREFIX.size : end], self._received[end:]
                if prefix.in_file:
                    self._fetch(prefix)
                else:
                    self._take(*decode(prefix, body))
        except ValueError:
            self._broken()

    def _fetch(self, prefix: Prefix) -> None:
        file = self._answers[self._answered % 2]
        if prefix.size <= _QUICK_BYTES:
            self._take(*decode(prefix, file.read(prefix.size)))
            return
        self._reading = self._loop.run_in_executor(None, file.read, prefix.size)
        self._reading.add_done_callback(lambda read: self._fetched(read, prefix))

    def _fetched(self, read: asyncio.Future[Any], prefix: Prefix) -> None:
        self._reading = None
        problem = read.exception()
        if not self._is_open:
            return
        try:
            if problem is not None:
                raise ValueError("The answer is not in the file.") from problem
            self._take(*decode(prefix, read.result()))
        except ValueError:
            self._broken()
        self._parse()

    def _take(self, fields: dict[str, Any], payload: Payload | None) -> None:
        resident, is_what = fields.get("rss"), fields.get("is")
        if not self._asked or type(resident) is not int or type(is_what) is not str:
            raise ValueError("Nobody asked for this, or it lacks its fields.")
        self.resident_bytes = resident
        for files in (self._requests, self._answers):
            files[self._answered % 2].shrink()
        self._answered += 1
        asked = self._asked.popleft()
        self._start_timer()
        outcome: Outcome = Failed.read(fields) if is_what == "failed" else Reply(fields, payload)
        asked.done(outcome)

    def _start_timer(self) -> None:
        """Counts the time of the first request."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asked and self._is_open:
            self._timer = self._loop.call_later(self._asked[0].timeout_s, self._on_too_long)

    def _forget_socket(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())

    def _broken(self) -> None:
        if self._is_open:
            self._forget_socket()
            self._on_broken()


def _no_memory(problem: BaseException) -> Unsendable:
    return Unsendable(f"The server has no memory left to hand the data to the model: {type(problem).__name__}.")
