"""Processes that end: with a time limit, no shell, and what they complain of kept to a bearable length."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

_MAX_COMPLAINT = 2048
_GRACE_S = 5.0


class ProcessFailed(Exception):
    """A process ended with another code than 0, or took too long. The text is the end of what it wrote to stderr."""


def run(command: Sequence[str], *, timeout_s: float, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Runs a command to its end, its output discarded.

    Args:
        command: Program and arguments.
        timeout_s: Seconds after which it and all processes of its group are ended.
        cwd: Folder that it runs in.
        env: Its environment; None for this process's.

    Raises:
        ProcessFailed: It failed or took too long.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # an argument list
            list(command),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessFailed(f"{command[0]} cannot be started: {error.strerror}.") from None
    complaint = _Tail(cast(BinaryIO, process.stderr))
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise ProcessFailed(f"{Path(command[0]).name} took longer than {timeout_s:g} s.") from None
    finally:
        _end(process)
    if code != 0:
        raise ProcessFailed(complaint.text() or f"{Path(command[0]).name} ended with code {code}.")


class _Tail:
    """Reads a stream to its end in a thread of its own, and keeps the last of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept = bytearray()
        self._cut = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 65536):
                self._kept += chunk
                self._cut |= len(self._kept) > _MAX_COMPLAINT
                del self._kept[:-_MAX_COMPLAINT]

    def text(self) -> str:
        """What was read once the writer has ended; from the beginning of a line if it was too much."""
        # A process that the writer left behind may hold the other end for ever.
        self._thread.join(_GRACE_S)
        text = bytes(self._kept).decode(errors="replace").strip()
        return "… " + text.partition("\n")[2] if self._cut else text


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that still runs, and all those of its group."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
