"""Open files of the local file system."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from milepost_server.storage.artifacts.failures import offset_mismatch, upload_in_progress
from milepost_server.storage.artifacts.folders import FILE_MODE

# How much is written before the disk is told to begin: small enough that the fsync at the end finds little left to do.
_WRITE_BACK_BYTES = 8 * 1024 * 1024


class LocalWriter:
    """See `BlockingWriter`. What was written and not committed stays, as far as it got.

    Args:
        parent: Descriptor of the folder. Not closed.
        name: Name of the file; made if it is missing.
        offset: Where to go on; what follows in the file is dropped.

    Raises:
        FailedPrecondition: `OFFSET_MISMATCH`, the file has fewer bytes than `offset`.
        Aborted: `CONFLICT`, another writer, of any process of this machine, has the file open.
    """

    def __init__(self, parent: int, name: str, offset: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(name, flags, FILE_MODE, dir_fd=parent)
        try:
            self._lock()
            size = os.fstat(self._file).st_size
            if size < offset:
                raise offset_mismatch(offset, size)
            os.ftruncate(self._file, offset)
            self._parent = os.dup(parent)
        except BaseException:
            os.close(self._file)
            raise
        self._position = self._flushed = offset

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise upload_in_progress() from error

    def write(self, data: bytes) -> None:
        """See `BlockingWriter.write`."""
        left = memoryview(data)
        while left:
            written = os.pwrite(self._file, left, self._position)
            self._position += written
            left = left[written:]
        if self._position - self._flushed >= _WRITE_BACK_BYTES:
            self._begin_write_back()

    def _begin_write_back(self) -> None:
        # On Linux this advice starts writing dirty pages out without waiting for them, so that the disk works while the
        # network does; elsewhere it is harmless or missing.
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, self._flushed, self._position - self._flushed, os.POSIX_FADV_DONTNEED)
        self._flushed = self._position

    def commit(self) -> None:
        """See `BlockingWriter.commit`."""
        os.fsync(self._file)
        os.fsync(self._parent)

    def close(self) -> None:
        """See `BlockingWriter.close`. Lets the next writer in."""
        os.close(self._parent)
        os.close(self._file)


class LocalReader:
    """See `BlockingReader`.

    Args:
        parent: Descriptor of the folder. Not closed.
        name: Name of the file.

    Raises:
        FileNotFoundError: There is no regular file of this name; links and devices count as none.
    """

    def __init__(self, parent: int, name: str) -> None:
        try:
            # Without blocking, since opening a pipe for reading waits for a writer.
            self._file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise FileNotFoundError(*error.args) from error
            raise
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._file)
            raise FileNotFoundError(errno.ENOENT, "no regular file")
        self._size = found.st_size

    @property
    def size(self) -> int:
        """See `BlockingReader.size`."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """See `BlockingReader.read`."""
        return os.pread(self._file, length, offset)

    def sync(self) -> None:
        """Makes the file's bytes durable."""
        os.fsync(self._file)

    def close(self) -> None:
        """See `BlockingReader.close`."""
        os.close(self._file)
