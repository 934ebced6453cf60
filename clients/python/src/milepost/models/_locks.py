"""Locks between processes, held by an open file: whoever dies gives them up."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.05


class NotLocked(TimeoutError):
    """Another process held the lock all the time."""


@contextmanager
def locked(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Holds the lock of a file, which is made if need be and stays.

    Args:
        path: The file, in a folder that exists. It is nothing but the lock.
        timeout_s: Seconds to wait for it; 0 to try once.

    Raises:
        NotLocked: It was not to be had in that time.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + timeout_s
        while not _taken(file):
            if time.monotonic() >= deadline:
                raise NotLocked(f"{path}: another process has held this lock for {timeout_s:g} s.")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def share(path: Path) -> int:
    """Holds the lock of a file together with others that share it, which keeps `locked` out.

    Windows has no shared locks of this kind; there nothing is locked, and open files cannot be removed anyway.

    Args:
        path: As of `locked`.

    Returns:
        A descriptor. The lock is held until it is closed, or the process and those forked from it have ended.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_SH)
    return file
