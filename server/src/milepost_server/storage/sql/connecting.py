"""What all that opens a database has in common: its URL, and what is told when it cannot be opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from milepost import v1 as pb
from milepost_server.errors import Unavailable

_SERVERS = ("postgresql", "mariadb", "mysql")
_KINDS = "sqlite:///PATH, or postgresql:// or mariadb:// with USER:PASSWORD@HOST:PORT/NAME"


def parse_url(url: str) -> URL:
    """The parts of a database URL.

    Raises:
        ValueError: It is none, or names a database of another kind.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text may hold a password.
        raise ValueError(f"the database URL cannot be read; use {_KINDS}") from None
    if parsed.drivername not in ("sqlite", *_SERVERS) or not parsed.database:
        shown = parsed.render_as_string(hide_password=True)
        raise ValueError(f"the database URL {shown!r} is of another kind or names no database; use {_KINDS}")
    return parsed


@contextmanager
def opening(url: URL) -> Iterator[None]:
    """Turns failures to open a database into `Unavailable`, which names it and says what the driver said."""
    try:
        yield
    except (OSError, DBAPIError, _driver_error(url)) as error:
        cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
        raise Unavailable(
            f"The database {url.render_as_string(hide_password=True)} cannot be opened: {_said(cause)}",
            reason=pb.ERROR_REASON_DATABASE_UNAVAILABLE,
        ) from error


def _said(cause: BaseException | None) -> object:
    # MariaDB's driver gives a number and a text.
    match cause:
        case BaseException(args=(int(), str(text))) if not isinstance(cause, OSError):
            return text
    return cause


def _driver_error(url: URL) -> type[Exception]:
    if url.drivername == "sqlite":
        return sqlite3.Error
    # The embedded database starts sooner without what only the others need.
    if url.drivername == "postgresql":
        import asyncpg

        error: type[Exception] = asyncpg.PostgresError
        return error
    if find_spec("asyncmy") is None:
        raise ValueError("MariaDB needs its driver: install milepost[mariadb]")
    from asyncmy.errors import MySQLError

    return MySQLError
