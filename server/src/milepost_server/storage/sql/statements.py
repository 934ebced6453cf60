"""Statements: built with SQLAlchemy Core, compiled once per database, run by the drivers themselves.

SQLAlchemy's own execution costs four to eight times more than the driver's on the hot paths, so it only writes the SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Any, Protocol, TypeVar

from sqlalchemy import BigInteger, ClauseElement, ColumnElement, FromClause, ReturnsRows, Table, Text, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType, TypeEngine

from milepost_server.storage.sql.columns import IndexedPath, JoinedBytes

Row = tuple[Any, ...]
T = TypeVar("T")


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
            compiled = self._compiled[dialect.name] = Compiled(
                made.string,
                tuple(made.positiontup or ()),
                own,
                paths=_places(self.core, IndexedPath),
                joined=_places(self.core, JoinedBytes),
                spread=tuple(name for name, bind in made.binds.items() if isinstance(bind.type, _Spread)),
            )
        return compiled


class InsertIfAbsent(Statement):
    """An insert of one row that may fail since it is there, for databases that cannot say which of both happened.

    Args:
        core: The insert.
        returning: Names of columns whose values `Connection.fetch` returns for an inserted row. One that is not among
            the given values is the number that the database gives to rows.
    """

    __slots__ = ("returning",)

    def __init__(self, core: ClauseElement, returning: Sequence[str]) -> None:
        super().__init__(core)
        self.returning = tuple(returning)


def _places(core: ClauseElement, kind: type[TypeEngine[Any]]) -> tuple[int, ...]:
    columns = core.exported_columns if isinstance(core, ReturnsRows) else ()
    return tuple(place for place, column in enumerate(columns) if isinstance(column.type, kind))


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL of one database.

    Args:
        sql: The text.
        order: Names of the parameters by position, for drivers that take a list.
        own: Values that are part of the statement, by parameter name.
        paths: Places of result columns that some databases keep as bytes of UTF-8.
        joined: Places of result columns that are empty where a database cannot give all.
        spread: Parameters that must be replaced by one for each of their values, see `spread`.
    """

    sql: str
    order: tuple[str, ...]
    own: Mapping[str, Any]
    paths: tuple[int, ...]
    joined: tuple[int, ...]
    spread: tuple[str, ...]


class Connection(Protocol):
    """Runs statements within one transaction, in the order in which they are awaited."""

    dialect: Dialect

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Row]:
        """All rows of a statement."""

    async def execute(self, statement: Statement, **values: Any) -> int:
        """Runs a statement and returns the number of rows it touched."""

    async def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Runs a statement once for each set of values."""

    async def compute(self, work: Callable[[], T]) -> T:
        """See `storage.base.Transaction.compute`."""

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


class _Spread(NullType):
    """The type of a parameter that stands for as many as there are values."""


def spread(name: str, count: int) -> tuple[str, str]:
    """What to replace in `Compiled.sql`, and by what, where the parameter `name` has `count` values."""
    found = f"/* {name} */ %s"
    return found, ", ".join([found, *["%s"] * (count - 1)])


@compiles(_AnyOf, "mariadb", "mysql")
def _any_of_mariadb(element: _AnyOf, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.column, **kw)
    if compiler.isupdate or compiler.isdelete:
        # Only for queries is a list looked up by its index; a change would go through, and lock, the whole table.
        return f"{column} IN (/* {element.name} */ {compiler.process(bindparam(element.name, type_=_Spread()), **kw)})"
    array = compiler.process(bindparam(element.name, type_=Text()), **kw)
    # The column's own type, or the index would not be used.
    item = compiler.dialect.type_compiler_instance.process(element.column.type)
    return f"{column} IN (SELECT value FROM JSON_TABLE({array}, '$[*]' COLUMNS (value {item} PATH '$')) AS items)"


class _PairOf(ColumnElement[Any]):
    inherit_cache = False
    type = NullType()

    def __init__(self, first: ColumnElement[Any], second: ColumnElement[Any], name: str) -> None:
        self.columns = first, second
        self.name = name


def pair_of(first: ColumnElement[Any], second: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether two columns of integers are one of many pairs, bound as one parameter: their `pair_list`."""
    return _PairOf(first, second, name)


def pair_list(pairs: Iterable[tuple[int, int]]) -> str:
    """Pairs in the form that `pair_of` wants for its parameter."""
    return json.dumps([list(pair) for pair in pairs])


def _pair_of(element: _PairOf, compiler: SQLCompiler, select: str, **kw: Any) -> str:
    first, second = (compiler.process(column, **kw) for column in element.columns)
    pairs = compiler.process(bindparam(element.name, type_=Text()), **kw)
    return f"({first}, {second}) IN ({select.format(pairs)})"


@compiles(_PairOf, "sqlite")
def _pair_of_sqlite(element: _PairOf, compiler: SQLCompiler, **kw: Any) -> str:
    select = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each({})"
    return _pair_of(element, compiler, select, **kw)


@compiles(_PairOf, "postgresql")
def _pair_of_postgresql(element: _PairOf, compiler: SQLCompiler, **kw: Any) -> str:
    select = "SELECT (pair->>0)::bigint, (pair->>1)::bigint FROM json_array_elements(CAST({} AS json)) AS pair"
    return _pair_of(element, compiler, select, **kw)


@compiles(_PairOf, "mariadb", "mysql")
def _pair_of_mariadb(element: _PairOf, compiler: SQLCompiler, **kw: Any) -> str:
    columns = "first_item BIGINT PATH '$[0]', second_item BIGINT PATH '$[1]'"
    select = f"SELECT first_item, second_item FROM JSON_TABLE({{}}, '$[*]' COLUMNS ({columns})) AS pair"
    return _pair_of(element, compiler, select, **kw)


@cache
def named(table: Table, role: str) -> FromClause:
    """A table under the name of its part in a statement. Made once: with all its columns that takes 0.2 ms."""
    return table.alias(role)


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
    type = JoinedBytes()

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


@compiles(_Concatenated, "mariadb", "mysql")
def _concatenated_mariadb(element: _Concatenated, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.column, **kw)
    # The server would cut it, and only warn.
    return f"IF(SUM(LENGTH({column})) >= @@max_allowed_packet, x'', GROUP_CONCAT({column} SEPARATOR ''))"


class Upsert:
    """An insert that does something else when the row is there; each database has its own spelling.

    Args:
        table: Where to insert. Every column given in `columns` takes its value by its own name.
        columns: Names of the columns to fill.
        key: Names of the columns whose values identify the row.
        update: Names of the columns to change when it is there. Empty: leave it as it is.
        returning: Names of columns to return for a row that was inserted; not together with `update`.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        key: Sequence[str],
        update: Sequence[str] = (),
        returning: Sequence[str] = (),
    ) -> None:
        assert not (update and returning)
        self.table = table
        self.values = {column: bindparam(column, type_=table.c[column].type) for column in columns}
        self.key = key
        self.update = update
        self.returning = returning
        self._statements: dict[str, Statement] = {}

    def on(self, connection: Connection) -> Statement:
        """The statement for a connection's database."""
        name = connection.dialect.name
        statement = self._statements.get(name)
        if statement is None:
            statement = self._statements[name] = _UPSERTS[name](self)
        return statement


def _on_conflict(upsert: Upsert, dialect: str) -> Statement:
    insert: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert
    core = insert(upsert.table).values(upsert.values)
    if upsert.update:
        changed = {column: core.excluded[column] for column in upsert.update}
        core = core.on_conflict_do_update(index_elements=upsert.key, set_=changed)
    else:
        core = core.on_conflict_do_nothing(index_elements=upsert.key)
    return Statement(core.returning(*(upsert.table.c[name] for name in upsert.returning)) if upsert.returning else core)


def _on_duplicate_key(upsert: Upsert) -> Statement:
    from sqlalchemy.dialects.mysql import insert

    core = insert(upsert.table).values(upsert.values)
    if upsert.returning:
        return InsertIfAbsent(core, upsert.returning)
    # A column that is set to itself leaves the row as it is. `INSERT IGNORE` would ignore all other errors too.
    unchanged = {upsert.key[0]: upsert.table.c[upsert.key[0]]}
    return Statement(
        core.on_duplicate_key_update({column: core.inserted[column] for column in upsert.update} or unchanged)
    )


_UPSERTS: Mapping[str, Callable[[Upsert], Statement]] = {
    "sqlite": partial(_on_conflict, dialect="sqlite"),
    "postgresql": partial(_on_conflict, dialect="postgresql"),
    "mariadb": _on_duplicate_key,
    "mysql": _on_duplicate_key,
}
