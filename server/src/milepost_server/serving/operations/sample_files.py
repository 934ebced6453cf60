"""Parquet files of samples, which appear when they are complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from milepost_server.serving.operations.sample_tables import Sample, to_table

# What waits in memory to become a row group of a file. Row groups of few rows make large files that are slow to read.
_GROUP_BYTES = 4 * 1024 * 1024
_GROUP_ROWS = 10_000
_MOST_OPEN = 16
_MOST_NAME = 150
# Those of a server that was killed; one that runs writes to its files more often than that.
_ABANDONED_S = 24 * 3600
_PART = ".part"


class SampleFiles:
    """Appends samples to files `FOLDER/MODEL/VERSION/TIME-….parquet`. For one thread.

    Folders and files are for their owner only. A file has one schema: samples that differ in it go to other files.

    Args:
        folder: Made when it is not there.
        max_bytes: Size from which a file is complete.
        max_age_s: Age from which a file is complete.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, folder: Path, max_bytes: int, max_age_s: float) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        # The one that was opened first comes first.
        self._open: dict[tuple[str, int, pa.Schema], _File] = {}
        self._process = secrets.token_hex(4)
        self._number = 0
        _remove_abandoned(folder)

    def append(self, sample: Sample) -> None:
        """Adds the rows of a sample.

        Raises:
            OSError: A file cannot be written.
            ArrowException: The sample cannot be a table, or not one of Parquet. No file is changed by it.
            TypeError: So.
            ValueError: So.
        """
        table = to_table(sample)
        key = (sample.model, sample.version, table.schema)
        file = self._open.get(key)
        if file is None:
            if len(self._open) >= _MOST_OPEN:
                self._complete(next(iter(self._open)))
            file = self._open[key] = self._new_file(sample.model, sample.version, table.schema)
        file.append(table)
        if file.size >= self._max_bytes:
            self._complete(key)

    def complete_old(self) -> float:
        """Completes the files whose age is reached; says in how many seconds the next one's is.

        Raises:
            OSError: A file cannot be written.
        """
        oldest = time.monotonic() - self._max_age_s
        for key in [key for key, file in self._open.items() if file.opened <= oldest]:
            self._complete(key)
        return min((file.opened - oldest for file in self._open.values()), default=self._max_age_s)

    def close(self) -> None:
        """Completes all files.

        Raises:
            OSError: A file cannot be written.
        """
        for key in list(self._open):
            self._complete(key)

    def abandon(self) -> None:
        """Removes the files that are not complete."""
        for file in self._open.values():
            file.abandon()
        self._open.clear()

    def _complete(self, key: tuple[str, int, pa.Schema]) -> None:
        self._open[key].complete()
        del self._open[key]

    def _new_file(self, model: str, version: int, schema: pa.Schema) -> _File:
        folder = self._folder / folder_name(model) / str(version)
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
        self._number += 1
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return _File(folder / f"{now}-{self._process}-{self._number:06d}.parquet", schema)


class _File:
    """A file that is being written under a name which readers of folders pass over."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}{_PART}")
        self.opened = time.monotonic()
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._sink = os.fdopen(descriptor, "wb", buffering=0)
        try:
            self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd")
        except BaseException:
            self._remove()
            raise
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    @property
    def size(self) -> int:
        """Bytes of the file, and of what waits."""
        return self._sink.tell() + self._waiting_bytes

    def append(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        self._waiting_bytes += table.nbytes
        if self._waiting_rows >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._write_group()

    def complete(self) -> None:
        if self._waiting:
            self._write_group()
        self._writer.close()
        os.fsync(self._sink.fileno())
        self._sink.close()
        self._part.rename(self._path)

    def abandon(self) -> None:
        # What the disk has no room for is tried once more by this, since Arrow does it in any case later.
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._sink.close()
        with contextlib.suppress(OSError):
            self._part.unlink()

    def _write_group(self) -> None:
        self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting.clear()
        self._waiting_rows = self._waiting_bytes = 0


def folder_name(model: str) -> str:
    """The folder of a model, another one for each name, whatever is in it: letters, digits, `-`, `_`, `.`, else `%XX`.

    Long ones are cut and get `~` and the SHA-256 of the whole name.
    """
    safe = quote(model, safe="").replace("~", "%7E")
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if len(safe) > _MOST_NAME:
        return f"{safe[: _MOST_NAME - 65]}~{hashlib.sha256(model.encode()).hexdigest()}"
    return safe


def _remove_abandoned(folder: Path) -> None:
    before = time.time() - _ABANDONED_S
    for part in folder.glob(f"*/*/.*{_PART}"):
        # Another server that shares the folder may complete or remove it at this moment.
        with contextlib.suppress(OSError):
            if part.stat().st_mtime < before:
                part.unlink()
