"""Spool files: batches that wait on disk while their server is away, or after their program ended.

A file begins with `MPSPOOL1` and, as a uint64, the offset up to which all records were answered. Records follow: the
length of the content and its CRC-32 as two uint32, then the content. All numbers are little-endian. The content of the
first record is the server's address. That of the others is a batch: the lengths of `run_id` and `writer_id` as two
uint8, `sequence` as a uint64 and `values` as a uint32, then the two ids and `wire`.

A file belongs to the process that holds its lock. What is written survives the end of the process, however it comes;
it is not flushed to the disk, so a loss of power may cost the last seconds.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from milepost._batches import Batch

SUFFIX = ".spool"

_MAGIC = b"MPSPOOL1"
_MARK = struct.Struct("<Q")
_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<BBQI")
_FIRST_RECORD = len(_MAGIC) + _MARK.size
_MAX_CONTENT = 64 * 1024 * 1024
# `struct flock`: type, whence, start, length, process; native sizes and padding.
_FLOCK = struct.Struct("hhqqi0q")


class SpoolDamaged(Exception):
    """A record cannot be read: it was not written to its end, or changed since."""


class SpoolInUse(Exception):
    """Another process holds the file, or it cannot be told whether one does."""


class SpoolFull(OSError):
    """The file would become larger than it may."""


class Spool:
    """One file of this process, open and locked.

    Args:
        path: The file.
        file: Its descriptor.
        address: Server of its batches.
        first: Offset of the first record that was not answered.
    """

    def __init__(self, path: Path, file: int, address: str, first: int) -> None:
        self.path = path
        self.address = address
        self.first = first
        self.size = os.fstat(file).st_size
        self._file = file

    @classmethod
    def create(cls, directory: Path, address: str) -> Spool:
        """A new file. Raises `OSError`."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with contextlib.suppress(SpoolInUse):  # without locks, nobody else takes the file either
            _lock(file)
        content = address.encode()
        record = _FRAME.pack(len(content), zlib.crc32(content)) + content
        _write(file, 0, _MAGIC + _MARK.pack(_FIRST_RECORD + len(record)) + record)
        return cls(path, file, address, _FIRST_RECORD + len(record))

    @classmethod
    def adopt(cls, path: Path) -> Spool:
        """A file that another process left.

        Raises:
            SpoolInUse: That process still runs, or somebody else was faster.
            SpoolDamaged: Not even the beginning can be read.
            OSError: The file cannot be opened.
        """
        file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            _lock(file)
            if not path.exists():  # sent and removed by the one who held the lock
                raise SpoolInUse(str(path))
            address, begin = _read_record(file, _FIRST_RECORD)
            head = _read(file, 0, _FIRST_RECORD)
            (first,) = _MARK.unpack(head[len(_MAGIC) :])
            if not head.startswith(_MAGIC) or not begin <= first <= os.fstat(file).st_size:
                raise SpoolDamaged(str(path))
            return cls(path, file, address.decode(), first)
        except BaseException:
            os.close(file)
            raise

    def append(self, batch: Batch, limit: int) -> int:
        """Writes a batch behind the others. Returns where it ends.

        Raises:
            SpoolFull: The file would become larger than `limit`.
            OSError: The disk refused it.
        """
        run_id, writer_id = batch.run_id.encode(), batch.writer_id.encode()
        head = _HEAD.pack(len(run_id), len(writer_id), batch.sequence, batch.values) + run_id + writer_id
        size = len(head) + len(batch.wire)
        if self.size + _FRAME.size + size > limit:
            raise SpoolFull(f"{self.path} has reached {limit:,} bytes")
        frame = _FRAME.pack(size, zlib.crc32(batch.wire, zlib.crc32(head)))
        try:
            _write(self._file, self.size, frame + head + batch.wire)
        except OSError:
            with contextlib.suppress(OSError):  # else the next record overwrites it
                os.ftruncate(self._file, self.size)
            raise
        self.size += _FRAME.size + size
        return self.size

    def read(self, offset: int) -> tuple[Batch, int]:
        """The batch that begins at `offset`, and where it ends. Raises `SpoolDamaged` and `OSError`."""
        content, end = _read_record(self._file, offset)
        try:
            run_length, writer_length, sequence, values = _HEAD.unpack_from(content)
            run_end = _HEAD.size + run_length
            run_id = content[_HEAD.size : run_end].decode()
            writer_id = content[run_end : run_end + writer_length].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise SpoolDamaged(f"{self.path} at {offset}") from error
        return Batch(run_id, values, content[run_end + writer_length :], writer_id, sequence), end

    def mark(self, offset: int) -> None:
        """Notes that all before `offset` was answered, so that it is not sent again. Raises `OSError`."""
        self.first = offset
        _write(self._file, len(_MAGIC), _MARK.pack(offset))

    def cut(self, offset: int) -> int:
        """Removes what follows `offset`. Returns how many bytes that were. Raises `OSError`."""
        lost = self.size - offset
        os.ftruncate(self._file, offset)
        self.size = offset
        return lost

    def remove(self) -> None:
        """Deletes the file."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Leaves the file to whoever takes it."""
        with contextlib.suppress(OSError):
            os.close(self._file)


def left_spools(directory: Path) -> Iterator[Path]:
    """The spool files in a folder, oldest first. Some may be in use."""
    try:
        found = [(entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(directory) if _is_spool(entry)]
    except OSError:
        return
    for _, path in sorted(found):
        yield Path(path)


def _is_spool(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False)


def _read_record(file: int, offset: int) -> tuple[bytes, int]:
    frame = _read(file, offset, _FRAME.size)
    if len(frame) < _FRAME.size:
        raise SpoolDamaged(f"no record at {offset}")
    length, checksum = _FRAME.unpack(frame)
    content = _read(file, offset + _FRAME.size, length) if length <= _MAX_CONTENT else b""
    if len(content) != length or zlib.crc32(content) != checksum:
        raise SpoolDamaged(f"bad record at {offset}")
    return content, offset + _FRAME.size + length


def _read(file: int, offset: int, length: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    parts = []
    while length > 0 and (part := os.read(file, length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _write(file: int, offset: int, data: bytes) -> None:
    os.lseek(file, offset, os.SEEK_SET)
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _lock(file: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, _MAX_CONTENT, os.SEEK_SET)  # a place that nobody reads: such a lock forbids reading too
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if sys.platform == "linux":
                # Java takes record locks, which on Linux do not exclude those of flock, but do exclude these.
                whole_file = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                fcntl.fcntl(file, fcntl.F_OFD_SETLK, whole_file)
    except OSError as error:
        raise SpoolInUse("the file is locked, or its file system has no locks") from error
