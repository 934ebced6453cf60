"""One worker: its process and the connection to it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from milepost.models.worker.memory import MemoryFile
from milepost.models.worker.payload import Payload
from milepost_server.serving.execution.child import Child
from milepost_server.serving.execution.connection import Connection
from milepost_server.serving.execution.launch import Launch
from milepost_server.serving.execution.replies import Done, Failed, Lost, Outcome, Reply

# A process that was told to end may clean up for so long.
_END_S = 5.0


class LoadFailed(Exception):
    """A worker did not load its model."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


class WorkerProcess:
    """A process that has loaded a model. Made by `start`.

    Args:
        process: Which has just been started.
        on_end: Called once when the process has ended, in whatever way.
    """

    def __init__(self, process: Child, on_end: Callable[[WorkerProcess], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._on_end = on_end
        self._connection: Connection | None = None
        self._took_too_long = False
        self._is_going = False
        self._waiting = self._loop.create_task(self._wait())
        self.ended = False
        self.stopping = False
        self.streams: set[int] = set()
        """Generators that are open in it."""
        self.ready_at = 0.0
        self.answered_at = 0.0
        """When it gave its last answer, on the clock of `time.monotonic`; set by who asks it."""
        self.flavor = ""
        self.can_stream = False

    @classmethod
    async def start(cls, launch: Launch, on_end: Callable[[WorkerProcess], None]) -> WorkerProcess:
        """Starts a process and has it load the model.

        Args:
            launch: What it is started with.
            on_end: Called once when the process has ended after it was ready.

        Raises:
            LoadFailed: It did not load the model, or not in time. The process is gone.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        files = [MemoryFile.make() for _ in range(4)]
        everything: list[socket.socket | MemoryFile] = [ours, *files]
        try:
            with theirs:
                process = _spawn(launch, (theirs.fileno(), *(file.descriptor for file in files)))
        except BaseException as error:
            for file in everything:
                file.close()
            if isinstance(error, OSError):
                raise LoadFailed(Failed("ModelError", f"No process can be started: {error.strerror}.")) from error
            raise
        worker = cls(process, lambda _: None)
        worker._connection = Connection(ours, files[:2], files[2:], worker.kill, worker._too_long)
        try:
            await worker._load(launch)
        except BaseException:
            worker.kill()
            await asyncio.shield(worker._waiting)
            raise
        worker._on_end = on_end
        return worker

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def busy(self) -> bool:
        """Whether it cannot begin with a request now."""
        return self._connection is None or self._is_going or self._connection.busy

    @property
    def full(self) -> bool:
        """Whether it can be given no other request, not even one to do next."""
        return self._connection is None or self._is_going or self._connection.full

    @property
    def occupied(self) -> bool:
        """Whether ending it would break something off."""
        return bool(self.streams) or (self._connection is not None and self._connection.busy)

    @property
    def how_it_ended(self) -> str:
        """As a part of a sentence, such as "was ended by SIGKILL"."""
        return self._lost().how

    @property
    def resident_bytes(self) -> int:
        """Resident memory, as the process last told."""
        return 0 if self._connection is None else self._connection.resident_bytes

    def ask(self, fields: Mapping[str, Any], payload: Payload | None, timeout_s: float, done: Done) -> None:
        """Sends a request; the worker is not full.

        Args:
            fields: Of the message.
            payload: What goes with it.
            timeout_s: Most seconds that it may take once it is begun; the process is ended then.
            done: Told what came of it, in the event loop, never from here.
        """
        if self._connection is None or self.ended:
            self._loop.call_soon(done, self._lost())
            return
        self._connection.ask(fields, payload, timeout_s, done)

    def kill(self) -> None:
        """Ends the process at once."""
        self._is_going = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """Has the process end by itself, and ends it when it does not do so soon, or is at work."""
        self.stopping = self._is_going = True
        if self._connection is not None:
            if self._connection.busy:
                self.kill()
            self._connection.close(Lost("was stopped"))
        try:
            await asyncio.wait_for(asyncio.shield(self._waiting), _END_S)
        except TimeoutError:
            self.kill()
            await asyncio.shield(self._waiting)

    async def _load(self, launch: Launch) -> None:
        loaded: asyncio.Future[Outcome] = self._loop.create_future()

        def done(outcome: Outcome) -> None:
            if not loaded.done():  # cancelled
                loaded.set_result(outcome)

        self.ask(launch.load, None, launch.timeout_s, done)
        outcome = await loaded
        if isinstance(outcome, Lost):
            how = f"took longer than {launch.timeout_s:g} s to load it" if outcome.took_too_long else outcome.how
            raise LoadFailed(Failed("ModelError", f"The process of the model {how}."))
        if isinstance(outcome, Failed):
            raise LoadFailed(outcome)
        if not isinstance(outcome, Reply) or outcome.fields["is"] != "ready":
            raise LoadFailed(Failed("ModelError", "The process of the model does not answer as it should."))
        self.flavor = str(outcome.fields.get("flavor", ""))
        self.can_stream = bool(outcome.fields.get("can_stream"))
        self.ready_at = time.monotonic()

    def _too_long(self) -> None:
        self._took_too_long = True
        self.kill()

    async def _wait(self) -> None:
        await self._process.wait()
        self.ended = self._is_going = True
        if self._connection is not None:
            self._connection.close(self._lost())
        self._on_end(self)

    def _lost(self) -> Lost:
        code = self._process.returncode
        if code is not None and code < 0:
            return Lost(f"was ended by {_signal_name(-code)}", self._took_too_long)
        return Lost(f"ended with code {code}", self._took_too_long)


def _spawn(launch: Launch, descriptors: tuple[int, ...]) -> Child:
    # -I: neither variables of this process nor files beside it decide what is imported there.
    command = [str(launch.python), "-I", "-m", "milepost.models.worker", *map(str, descriptors)]
    return Child.start(command, launch.variables, descriptors)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
