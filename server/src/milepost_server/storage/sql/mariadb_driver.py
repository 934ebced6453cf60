"""MariaDB's driver: how a database URL becomes a connection, and what its errors mean.

MySQL 8 speaks the same protocol, so a server of it is recognised and called by its own name.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from asyncmy import connect, converters
from asyncmy.connection import Connection
from asyncmy.constants import FIELD_TYPE
from asyncmy.errors import Error, MySQLError
from sqlalchemy.dialects.mysql.asyncmy import MySQLDialect_asyncmy
from sqlalchemy.dialects.mysql.mariadb import loader
from sqlalchemy.engine import URL, Dialect

from milepost import v1 as pb
from milepost_server.errors import DomainError, ResourceExhausted
from milepost_server.storage.sql.outages import busy, disk_full, unavailable

# The driver would log each warning of the server, and most are about spellings that are right for other databases.
logging.getLogger("asyncmy").setLevel(logging.ERROR)

_DIALECTS: dict[str, Dialect] = {
    "mariadb": loader("asyncmy")(paramstyle="format"),
    "mysql": MySQLDialect_asyncmy(paramstyle="format"),
}

RECOMMENDED_PACKET = 64 * 1024 * 1024
"""What the server should take at once: more than the largest message, whose texts are kept twice."""

_OLDEST = {"mariadb": (10, 11), "mysql": (8, 0)}
_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO',"
    " default_storage_engine = 'InnoDB', foreign_key_checks = 1, innodb_lock_wait_timeout = 5,"
    # The server would cut longer results, and only warn.
    " group_concat_max_len = 4294967295"
)
_CONNECT_TIMEOUT_S = 10
_STATEMENTS = 256

_DUPLICATE = {1062}
# A row changed after the snapshot; a lock was waited for too long; two waited for each other.
_CONFLICTS = _DUPLICATE | {1020, 1205, 1213}
_TOO_MANY_CONNECTIONS = {1040, 1203, 1226}
_DISK_FULL = {1021, 1026, 1114}
_ENGINE_FAILED, _NO_SPACE = 1030, "error 28 "
_UNAVAILABLE = {
    1045,  # access denied: the password was changed
    1053,  # shutdown in progress
    1152,  # connection aborted
    1184,
    1290,  # read only, as a server is that another has replaced
    1317,  # killed
    1792,
    1836,
    1927,
    2003,  # cannot connect
    2006,  # gone away
    2013,  # lost
}


def arguments(url: URL) -> dict[str, Any]:
    """Arguments of the driver for a database URL, whose query may hold `ssl_ca`, `ssl_cert` and `ssl_key`."""
    _, given = _DIALECTS["mariadb"].create_connect_args(url)
    # Sums of integers come as decimals; there are no others.
    decoders = {**converters.conversions, FIELD_TYPE.NEWDECIMAL: int}
    return {
        # Rows are counted that a statement found, as other databases do, not those that it changed.
        **given,
        "charset": "utf8mb4",
        "autocommit": True,
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "conv": decoders,
        "init_command": _SESSION,
        "program_name": "milepost",
        "stmt_cache_size": _STATEMENTS,
    }


@dataclass(frozen=True, slots=True)
class Server:
    """A database server.

    Args:
        kind: `mariadb` or `mysql`.
        largest_packet: So many bytes of a statement or a value it does not take any more.
    """

    kind: str
    largest_packet: int

    @property
    def dialect(self) -> Dialect:
        """What its SQL is written by."""
        return _DIALECTS[self.kind]


async def connected(url: URL) -> tuple[Connection, Server]:
    """Opens one connection, and says what is at its other end.

    Raises:
        MySQLError: There is no such server or database, or it does not let us in.
        ValueError: The server is too old.
    """
    connection = await connect(**arguments(url))
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT VERSION(), @@max_allowed_packet")
        version, largest = await cursor.fetchone()
    kind = "mariadb" if "mariadb" in version.lower() else "mysql"
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < _OLDEST[kind]:
        await connection.ensure_closed()
        needed = ".".join(map(str, _OLDEST[kind]))
        raise ValueError(f"the database server has version {version}; Milepost needs at least {needed}")
    return connection, Server(kind, largest)


def is_duplicate(error: MySQLError) -> bool:
    """Whether a row was there already."""
    return _number(error) in _DUPLICATE


def is_conflict(error: MySQLError) -> bool:
    """Whether the transaction may succeed when it is run again, since it only met with another."""
    return _number(error) in _CONFLICTS


def translate(error: BaseException) -> BaseException:
    """What a caller is told of a failure of the database; an unexpected one stays as it is."""
    number = _number(error)
    if number in _DISK_FULL or (number == _ENGINE_FAILED and _NO_SPACE in str(error)):
        return disk_full()
    if number in _TOO_MANY_CONNECTIONS:
        return busy()
    # The driver numbers its own failures 0: a connection that was closed meanwhile.
    if isinstance(error, OSError) or number in _UNAVAILABLE or (isinstance(error, Error) and number == 0):
        return unavailable(error)
    return error


def too_large(server: Server) -> DomainError:
    """A statement or a value is larger than the server allows."""
    return ResourceExhausted(
        f"This takes more than the {server.largest_packet} bytes that the database server allows at once. "
        "Have its setting max_allowed_packet raised, or send less.",
        reason=pb.ERROR_REASON_MESSAGE_TOO_LARGE,
    )


def _number(error: BaseException) -> int:
    """The number of the server's or the driver's error; -1 for another error."""
    if isinstance(error, MySQLError) and error.args and isinstance(error.args[0], int):
        return error.args[0]
    return -1
