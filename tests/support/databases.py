"""Databases for tests that need no server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from milepost_server.storage.base import Storage
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema

SERVERS = {"postgresql": "postgres", "mariadb": "mariadb"}
"""The fixture of each kind of database that is a server: a `DatabaseServer` that all tests share."""
KINDS = ("sqlite", *SERVERS)
"""All kinds of databases."""


class DatabaseServer(Protocol):
    """A real database server, running until `stop` or `crash`."""

    def create_database(self) -> str:
        """Creates an empty database and returns its URL."""

    def create_busy_database(self) -> str:
        """Creates an empty database that takes one connection at a time, and returns its URL."""

    def end_transactions(self, url: str) -> None:
        """Ends the connections to a database that are in a transaction."""

    def start(self) -> None:
        """Starts the server again; returns when it answers."""

    def crash(self) -> None:
        """Ends the server and all connections at once. The data stay for `start`."""

    def stop(self) -> None:
        """Stops the server and removes its data."""


def new_url(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    """URL of an empty database of one of `KINDS`, which for SQLite is a file in `folder`."""
    if kind == "sqlite":
        return sqlite_url(folder)
    server: DatabaseServer = request.getfixturevalue(SERVERS[kind])
    return server.create_database()


def sqlite_url(folder: Path) -> str:
    """URL of a SQLite file in a folder."""
    return f"sqlite:///{folder / 'milepost.db'}"


@asynccontextmanager
async def opened(url: str, *, pool_size: int = 4) -> AsyncIterator[Storage]:
    """The database of a URL, created when it is empty, and closed at the end."""
    await ensure_schema(url, upgrade=False)
    storage = await open_storage(url, "file:///artifacts", synchronous="FULL", pool_size=pool_size)
    try:
        yield storage
    finally:
        await storage.close()
