"""Types of columns, spelled for each database. The migrations use them too: once released, they stay as they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text
from sqlalchemy.types import TypeEngine, UserDefinedType

COLLATIONS = {"mariadb": "utf8mb4_nopad_bin", "mysql": "utf8mb4_0900_bin"}
"""The order of code points, in which spaces at the end count, by the name that a database gives it."""


class _Spelled(UserDefinedType[Any]):
    """A type by its SQL. SQLAlchemy's own types of MariaDB would cost every start 50 ms."""

    cache_ok = True

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling

    def get_col_spec(self, **_: Any) -> str:
        return self.spelling


class IndexedPath(String):
    """Text of at most 1,024 bytes in UTF-8 that is part of a key.

    MariaDB counts four bytes for each character of a key, and allows 3,072: there, the bytes are kept.
    """

    cache_ok = True


class JoinedBytes(LargeBinary):
    """Values of many rows as one, which may be longer than a server allows: then, it is empty."""

    cache_ok = True


def row_id() -> TypeEngine[int]:
    """A row's number. SQLite numbers rows by itself only for the type INTEGER."""
    return BigInteger().with_variant(Integer(), "sqlite")


def text(length: int | None = None) -> String:
    """Text compared and sorted by code point on every database, of any length or at most `length` characters."""
    plain: String = String(length) if length else Text()
    exact: String = String(length, collation="C") if length else Text(collation="C")
    made = plain.with_variant(exact, "postgresql")
    kind = f"VARCHAR({length})" if length else "LONGTEXT"
    for dialect, collation in COLLATIONS.items():
        made = made.with_variant(_Spelled(f"{kind} CHARACTER SET utf8mb4 COLLATE {collation}"), dialect)
    return made


def indexed_path() -> IndexedPath:
    """The type of a path that is part of a key."""
    made = IndexedPath(1024).with_variant(String(1024, collation="C"), "postgresql")
    for dialect in COLLATIONS:
        made = made.with_variant(_Spelled("VARBINARY(1024)"), dialect)
    return made


def blob() -> LargeBinary:
    """Bytes, as many as the database takes: MariaDB's own BLOB ends at 64 KiB."""
    made = LargeBinary()
    for dialect in COLLATIONS:
        made = made.with_variant(_Spelled("LONGBLOB"), dialect)
    return made
