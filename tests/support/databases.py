"""Databases for tests that need no server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from milepost_server.storage.base import Storage
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema


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
