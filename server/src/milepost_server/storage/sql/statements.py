"""Statements: built with SQLAlchemy Core, compiled once per database, run by the drivers themselves.

SQLAlchemy's own execution costs four to eight times more than the driver's on the hot paths, so it only writes the SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from sqlalchemy import BigInteger, ClauseElement, ColumnElement, LargeBinary, Table, Text, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType

Row = tuple[Any, ...]


class Statement:
    """A Core statement that remembers its SQL for each database.

    Args:
        core: The statement. Values come by `bindparam` names, or are part of it when it is used only once.
    """

    __slots__ = ("_compiled", "core")

    def __init__(self, core: ClauseElement) -> None:
        self.core = core
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> Compiled:
        """The SQL for a database, made on first use."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            # Parameters of `IN` are spelled out, which needs their values: such a statement is for one use.
            made = self.core.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            assert isinstance(made, SQLCompiler)
            # A parameter without a value in the statement is required; one whose value is NULL is not.
            required = {name for name, bind in made.binds.items() if bind.required}
            own = {name: value for name, value in made.params.items() if name not in required}
            compiled = self._compiled[dialect.name] = Compiled(made.string, tuple(made.positiontup or ()), own)
        return compiled


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL of one database.

    Args:
        sql: The text.
        order: Names of the parameters by position, for drivers that take a list.
        own: Values that are part of the statement, by parameter name.
    """

    sql: str
    order: tuple[str, ...]
    own: Mapping[str, Any]


class Connection(Protocol):
    """Runs statements within one transaction, in the order in which they are awaited."""

    dialect: Dialect

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Row]:
        """All rows of a statement."""

    async def execute(self, statement: Statement, **values: Any) -> int:
        """Runs a statement and returns the number of rows it touched."""

    async def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Runs a statement once for each set of values."""

    def array(self, values: Sequence[Any]) -> Any:
        """`values` in the form that `any_of` wants for its parameter."""


class _AnyOf(ColumnElement[Any]):
    inherit_cache = False
    # Not Boolean: on SQLite that would be compared with 1, which keeps the index from being used.
    type = NullType()

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.name = name


def any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` is one of an array of integers or texts that is bound as one parameter, `Connection.array(...)`.

    Unlike `IN` with a parameter for each value, the SQL is the same for any number of values.
    """
    return _AnyOf(column, name)


@compiles(_AnyOf, "sqlite")
def _any_of_sqlite(element: _AnyOf, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.column, **kw)
    array = compiler.process(bindparam(element.name, type_=Text()), **kw)
    return f"{column} IN (SELECT value FROM json_each({array}))"


@compiles(_AnyOf, "postgresql")
def _any_of_postgresql(element: _AnyOf, compiler: SQLCompiler, **kw: Any) -> str:
    from sqlalchemy.dialects.postgresql import ARRAY  # this dialect is not loaded where it is not used

    column = compiler.process(element.column, **kw)
    item = BigInteger() if isinstance(element.column.type, BigInteger) else Text()
    array = compiler.process(bindparam(element.name, type_=ARRAY(item)), **kw)
    return f"{column} = ANY ({array})"


class _Parentheses(ColumnElement[Any]):
    inherit_cache = False
    type = NullType()

    def __init__(self, condition: ColumnElement[Any]) -> None:
        self.condition = condition


def in_parentheses(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A condition in parentheses that stay, where SQLAlchemy would make one list of `a OR (b OR c)`."""
    return _Parentheses(condition)


@compiles(_Parentheses)
def _in_parentheses(element: _Parentheses, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.condition, **kw)})"


class _Concatenated(ColumnElement[bytes]):
    inherit_cache = False
    type = LargeBinary()

    def __init__(self, column: ColumnElement[bytes]) -> None:
        self.column = column


def concatenated(column: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """The values of a column of bytes, one after the other in any order; null when there are none."""
    return _Concatenated(column)


@compiles(_Concatenated, "sqlite")
def _concatenated_sqlite(element: _Concatenated, compiler: SQLCompiler, **kw: Any) -> str:
    # The function gives text of the same bytes, which the cast takes back.
    return f"CAST(group_concat({compiler.process(element.column, **kw)}, '') AS BLOB)"


@compiles(_Concatenated, "postgresql")
def _concatenated_postgresql(element: _Concatenated, compiler: SQLCompiler, **kw: Any) -> str:
    return f"string_agg({compiler.process(element.column, **kw)}, ''::bytea)"


class Upsert:
    """An insert that does something else when the row is there; each database has its own spelling.

    Args:
        table: Where to insert. Every column given in `columns` takes its value by its own name.
        columns: Names of the columns to fill.
        key: Names of the columns whose values identify the row.
        update: Names of the columns to change when it is there. Empty: leave it as it is.
        returning: Names of columns to return for an inserted (or updated) row.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        key: Sequence[str],
        update: Sequence[str] = (),
        returning: Sequence[str] = (),
    ) -> None:
        self._table = table
        self._values = {column: bindparam(column, type_=table.c[column].type) for column in columns}
        self._key = key
        self._update = update
        self._returning = [table.c[column] for column in returning]
        self._statements: dict[str, Statement] = {}

    def on(self, connection: Connection) -> Statement:
        """The statement for a connection's database."""
        name = connection.dialect.name
        statement = self._statements.get(name)
        if statement is None:
            statement = self._statements[name] = Statement(self._core(name))
        return statement

    def _core(self, dialect: str) -> ClauseElement:
        insert: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert
        core = insert(self._table).values(self._values)
        if self._update:
            changed = {column: core.excluded[column] for column in self._update}
            core = core.on_conflict_do_update(index_elements=self._key, set_=changed)
        else:
            core = core.on_conflict_do_nothing(index_elements=self._key)
        made: ClauseElement = core.returning(*self._returning) if self._returning else core
        return made
