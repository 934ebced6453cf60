"""Opens the database that a URL names."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

from milepost_server.storage.base import Storage
from milepost_server.storage.sql.postgresql import PostgresqlStorage
from milepost_server.storage.sql.sqlite import SqliteStorage


async def open_storage(url: str, artifact_root: str, *, synchronous: str, pool_size: int) -> Storage:
    """Opens a database that has the current schema.

    Args:
        url: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
        artifact_root: URL of the folder that holds the experiments' folders.
        synchronous: For SQLite, `FULL` or `NORMAL`.
        pool_size: For PostgreSQL, most connections.

    Raises:
        ValueError: The URL names a database of another kind.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database:
            return SqliteStorage(Path(parsed.database), artifact_root, synchronous)
        case "postgresql":
            return await PostgresqlStorage.connect(url, artifact_root, pool_size)
        case other:
            raise ValueError(
                f"database URL of kind {other!r}; use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
            )
