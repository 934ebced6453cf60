"""The tables of an MLflow database as they are: of whatever version, some tables and columns are missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

IDS_AT_ONCE = 200
"""Runs or models asked for in one query."""

Row = Mapping[str, Any]


class Tables:
    """Reads tables of a database of MLflow.

    Args:
        url: URL of the database as SQLAlchemy takes it, or path of an SQLite file.
        workspace: The workspace to read, where the schema has them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no database of MLflow, or cannot be opened.
    """

    def __init__(self, url: str, workspace: str) -> None:
        self.url = database_url(url)
        self._workspace = workspace
        try:
            self.engine = sa.create_engine(self.url)
            inspector = sa.inspect(self.engine)
            names = inspector.get_table_names()
            self._columns = {name: {one["name"] for one in inspector.get_columns(name)} for name in names}
        except sa.exc.SQLAlchemyError as error:
            raise ValueError(f"{self.url.render_as_string()} cannot be opened as a database: {_cause(error)}") from None
        self._tables: dict[str, sa.TableClause] = {}
        missing = {"experiments", "runs", "metrics"} - self._columns.keys()
        if missing:
            self.engine.dispose()
            raise ValueError(
                f"{self.url.render_as_string()} is no database of MLflow: it has no table {', '.join(sorted(missing))}."
            )
        self.connection = self.engine.connect()

    @property
    def location(self) -> str:
        """What was opened, without the password."""
        return str(self.folder_file) if self.sqlite else self.url.render_as_string()

    @property
    def folder_file(self) -> Path:
        """The file of SQLite."""
        return Path(unquote((self.url.database or "").removeprefix("file:")))

    @property
    def sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.engine.dialect.name == "sqlite"

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def has(self, name: str, column: str) -> bool:
        """Whether the table is there and has the column."""
        return column in self._columns.get(name, ())

    def is_indexed(self, name: str, column: str) -> bool:
        """Whether an index of the table begins with the column."""
        return any(index["column_names"][0] == column for index in sa.inspect(self.engine).get_indexes(name))

    def table(self, name: str) -> sa.TableClause:
        """A table with the columns that it has; the same object each time, as queries need it."""
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = sa.table(name, *map(sa.column, sorted(self._columns[name])))
        return found

    def rows(
        self,
        name: str,
        *conditions: tuple[str, Any],
        order: Sequence[str] = (),
    ) -> Iterator[Row]:
        """The rows of a table, as mappings with the columns that it has; none when there is no such table.

        Args:
            name: The table.
            conditions: Columns with the value that they must have, or a list of such values.
            order: Columns to sort by.
        """
        if name not in self:
            return
        table = self.table(name)
        query = sa.select(table).where(*(self._condition(table.c[column], value) for column, value in conditions))
        if self.has(name, "workspace"):
            query = query.where(table.c.workspace == self._workspace)
        query = query.order_by(*(table.c[column] for column in order if column in table.c))
        with self.reading():
            for row in self.connection.execution_options(yield_per=1000).execute(query).mappings():
                yield {str(key): value for key, value in row.items()}

    def grouped(self, name: str, column: str, values: Sequence[Any]) -> dict[Any, list[Row]]:
        """The rows of a table where a column has one of some values, by this value."""
        found: dict[Any, list[Row]] = {}
        for start in range(0, len(values), IDS_AT_ONCE):
            for row in self.rows(name, (column, values[start : start + IDS_AT_ONCE])):
                found.setdefault(row[column], []).append(row)
        return found

    def count(self, query: sa.Select[Any]) -> int:
        """The number that a query selects."""
        with self.reading():
            return int(self.connection.execute(query).scalar_one())

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turns errors of the database into `ValueError`s that name it."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise ValueError(f"{self.location} cannot be read: {_cause(error)}") from error

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()
        self.engine.dispose()

    @staticmethod
    def _condition(column: sa.ColumnClause[Any], value: Any) -> ColumnElement[bool]:
        return column.in_(value) if isinstance(value, (list, tuple)) else column == value


def database_url(text: str) -> sa.URL:
    """The URL of a database; files of SQLite are opened for reading only. Raises as `Tables`."""
    if "://" not in text:
        path = Path(text)
        if not path.is_file():
            raise FileNotFoundError(2, "there is no such file", text)
        return _sqlite_file(path)
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise ValueError(f"{text!r} is no URL of a database, such as sqlite:///mlflow.db.") from None
    if url.get_backend_name() != "sqlite" or not url.database:
        return url
    if not Path(url.database).is_file():
        raise FileNotFoundError(2, "there is no such file", url.database)
    return _sqlite_file(Path(url.database))


def _sqlite_file(path: Path) -> sa.URL:
    # SQLite would make an empty database of a name that was mistyped. `mode=ro` also keeps us from writing to it; a
    # journal that a crash of MLflow left is then an error, which says so.
    location = f"file:{quote(str(path.resolve()))}"
    return sa.URL.create("sqlite", database=location, query={"mode": "ro", "uri": "true"})


def _cause(error: BaseException) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())


def text(value: Any) -> str:
    """A column of text; what is missing is empty."""
    return "" if value is None else str(value)


def time_ms(value: Any) -> int | None:
    """A column of milliseconds."""
    return None if value is None else int(value)
