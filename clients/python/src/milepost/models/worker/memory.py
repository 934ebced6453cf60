"""Files of memory by which two processes hand each other what is too large for a socket.

They are read and written by calls and never mapped: a file that the other process cuts short is then an error and no
signal, and what was read cannot change any more.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT_BYTES = 64 << 20
"""A file that has grown beyond this is emptied after use."""


class MemoryFile:
    """A file without a name, which is gone with the last process that holds it. One side writes, the other reads.

    Args:
        descriptor: Of the open file; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def make(cls) -> MemoryFile:
        """A new one, in memory where the system has such files, else among the temporary files."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("milepost", os.MFD_CLOEXEC))
        with tempfile.TemporaryFile(prefix="milepost-") as file:
            return cls(os.dup(file.fileno()))

    def write(self, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Writes bytes at their offsets.

        Raises:
            OSError: There is no memory left for them.
        """
        for start, part in parts:
            done = 0
            while done < len(part):
                done += os.pwrite(self.descriptor, part[done:], start + done)

    def read(self, size: int) -> NDArray[Any]:
        """A copy of the first `size` bytes.

        Raises:
            ValueError: The file is shorter.
        """
        if os.fstat(self.descriptor).st_size < size:
            raise ValueError("The memory file is shorter than the message that should be in it.")
        buffer = np.empty(size, dtype=np.uint8)
        view, done = buffer.data, 0
        while done < size:
            count = os.preadv(self.descriptor, [view[done:]], done)
            if count == 0:
                raise ValueError("The memory file was cut short while it was read.")
            done += count
        return buffer

    def shrink(self) -> None:
        """Gives the memory back, if it is much. The caller knows that the other process does not use it now."""
        if os.fstat(self.descriptor).st_size > KEPT_BYTES:
            os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Closes this process's hold of it."""
        os.close(self.descriptor)
