"""SQLite: writes in groups, point reads in the event loop, scans on a few threads."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from milepost_server.storage.base import ChangeListener
from milepost_server.storage.sql.sqlite_connection import SqliteConnection, Work, translate, use_wal
from milepost_server.storage.sql.sqlite_writer import GroupWriter

_SCAN_THREADS = 3

T = TypeVar("T")


class SqliteStorage:
    """A SQLite database in WAL mode, owned by this process.

    Args:
        path: The database file, which has the current schema.
        artifact_root: URL of the folder that holds the experiments' folders.
        synchronous: `FULL` (every commit is on disk before it is acknowledged) or `NORMAL`.
    """

    kind = "sqlite"
    recheck_s: float | None = None

    def __init__(self, path: Path, artifact_root: str, synchronous: str = "FULL") -> None:
        self._writer = SqliteConnection(str(path), artifact_root, synchronous=synchronous)
        use_wal(self._writer.driver)
        self._reader = SqliteConnection(str(path), artifact_root, read_only=True)
        self._versions = self._reader.driver.cursor()
        self._path, self._artifact_root = str(path), artifact_root
        self._scanners = threading.local()
        self._scan_connections: list[SqliteConnection] = []
        self._pool = ThreadPoolExecutor(_SCAN_THREADS, thread_name_prefix="milepost-scan")
        self._groups = GroupWriter(self._writer)
        # The file itself must survive a power loss as its content does.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def read(self, work: Work[T]) -> T:
        return self._reader.snapshot(work)

    async def scan(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._scan, work)

    def _scan(self, work: Work[T]) -> T:
        connection: SqliteConnection | None = getattr(self._scanners, "connection", None)
        if connection is None:
            connection = self._scanners.connection = SqliteConnection(self._path, self._artifact_root, read_only=True)
            self._scan_connections.append(connection)
        return connection.snapshot(work)

    async def write(self, work: Work[T], *, light: bool = False) -> T:
        return await self._groups.write(work, light=light)

    def listen(self, listener: ChangeListener) -> None:
        self._groups.listener = listener

    def version(self) -> int | None:
        version: tuple[int] = self._versions.execute("PRAGMA data_version").fetchone()
        return version[0]

    async def ready(self) -> None:
        try:
            self._reader.driver.execute("SELECT 1").fetchone()
        except sqlite3.Error as error:
            raise translate(error) from error

    async def close(self) -> None:
        if self._groups.closed:
            return
        await self._groups.close()
        await asyncio.to_thread(self._pool.shutdown)
        for connection in (*self._scan_connections, self._reader, self._writer):
            connection.driver.close()
