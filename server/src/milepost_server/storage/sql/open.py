"""Opens the database that a URL names."""

from __future__ import annotations

from pathlib import Path

from milepost_server.storage.base import Storage
from milepost_server.storage.sql.connecting import opening, parse_url
from milepost_server.storage.sql.sqlite import SqliteStorage


async def open_storage(url: str, artifact_root: str, *, synchronous: str, pool_size: int) -> Storage:
    """Opens a database that has the current schema.

    Args:
        url: `sqlite:///PATH`, or `postgresql://` or `mariadb://` with `USER:PASSWORD@HOST:PORT/NAME`.
        artifact_root: URL of the folder that holds the experiments' folders.
        synchronous: For SQLite, `FULL` or `NORMAL`.
        pool_size: Most connections to a database server.

    Raises:
        Unavailable: The database cannot be opened.
        ValueError: The URL names a database of another kind.
    """
    parsed = parse_url(url)
    with opening(parsed):
        if parsed.drivername == "sqlite":
            return SqliteStorage(Path(parsed.database or ""), artifact_root, synchronous)
        # The embedded database starts sooner without what only the others need.
        if parsed.drivername == "postgresql":
            from milepost_server.storage.sql.postgresql import PostgresqlStorage

            return await PostgresqlStorage.connect(url, artifact_root, pool_size)
        from milepost_server.storage.sql.mariadb import MariadbStorage

        return await MariadbStorage.connect(parsed, artifact_root, pool_size)
