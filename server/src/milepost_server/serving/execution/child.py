"""A child process whose end can be awaited."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Mapping, Sequence


class Child:
    """A running process. Belongs to one event loop.

    It is started by `subprocess`, which uses `vfork`. uvloop uses `fork`, after which gRPC starts its threads anew in
    the copy, and crashes it now and then before it has become the program.

    Args:
        process: Which has just been started.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.pid = process.pid
        threading.Thread(target=self._watch, name=f"child {self.pid}", daemon=True).start()

    @classmethod
    def start(cls, command: Sequence[str], variables: Mapping[str, str], descriptors: Sequence[int]) -> Child:
        """Starts a process in a session of its own, without input; takes a millisecond.

        Args:
            command: The program and its arguments.
            variables: All of its environment.
            descriptors: Files that it gets under the same numbers.

        Raises:
            OSError: It cannot be started.
        """
        return cls(
            subprocess.Popen(  # noqa: S603  # the program is our own
                command,
                stdin=subprocess.DEVNULL,
                env=variables,
                pass_fds=descriptors,
                start_new_session=True,
            )
        )

    @property
    def returncode(self) -> int | None:
        """What it ended with; negative for a signal, None as long as it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    async def wait(self) -> None:
        """Returns when it has ended."""
        await asyncio.shield(self._ended)

    def _watch(self) -> None:
        self._process.wait()
        try:
            self._loop.call_soon_threadsafe(self._ended.set_result, None)
        except RuntimeError:  # the loop was closed before
            return
