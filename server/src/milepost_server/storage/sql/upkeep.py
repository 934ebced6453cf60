"""How large and how well kept the database is, and the planner's statistics."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Table, func, select, text

from milepost import v1 as pb
from milepost_server.storage.sql.schema import run, series
from milepost_server.storage.sql.statements import Connection, Statement

# Tables with more rows are not counted: the planner's estimate will do.
_MOST_COUNTED = 1_000_000
# Rows of an index that are looked at, which bounds the time that writers wait.
_SAMPLED = 1000

_NEWEST = {table.name: Statement(select(func.max(table.c.id))) for table in (run, series)}
_COUNT = {table.name: Statement(select(func.count()).select_from(table)) for table in (run, series)}

_SQLITE_PAGES = Statement(
    text(
        "SELECT page_count * page_size, freelist_count * page_size"
        " FROM pragma_page_count, pragma_page_size, pragma_freelist_count"
    )
)
_SQLITE_ANALYZED = Statement(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"))
_SQLITE_ESTIMATES = Statement(
    text("SELECT tbl, max(CAST(substr(stat, 1, instr(stat || ' ', ' ')) AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl")
)
_SQLITE_ANALYZE = [
    Statement(text(sql))
    for sql in (
        f"PRAGMA analysis_limit = {_SAMPLED}",
        # Other connections read statistics with the schema, which changes when the table is made, and only then.
        "DROP TABLE IF EXISTS sqlite_stat1",
        "ANALYZE",
    )
]

_POSTGRESQL_SIZE = Statement(text("SELECT pg_database_size(current_database())"))
_POSTGRESQL_TABLES = Statement(
    text(
        "SELECT s.relname, c.reltuples, s.n_live_tup, s.n_dead_tup, pg_total_relation_size(c.oid)"
        " FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid WHERE s.schemaname = current_schema()"
    )
)
_POSTGRESQL_ANALYZED = Statement(
    text("SELECT 1 FROM pg_stats WHERE schemaname = current_schema() AND tablename = 'run' LIMIT 1")
)

_MARIADB_TABLES = Statement(
    text(
        "SELECT table_name, table_rows, data_length + index_length + data_free, data_free"
        " FROM information_schema.tables WHERE table_schema = database()"
    )
)


@dataclass
class _Found:
    """What the database says of itself: bytes, and rows of tables by the planner's estimate."""

    size_bytes: int = 0
    free_bytes: int = 0
    analyzed: bool = False
    estimates: dict[str, int] = field(default_factory=dict)


class UpkeepRows:
    """See `storage.base.Upkeep`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def status(self) -> pb.DatabaseStatus:
        look = {
            "sqlite": self._sqlite,
            "postgresql": self._postgresql,
            "mariadb": self._mariadb,
            "mysql": self._mariadb,
        }
        found = await look[self._connection.dialect.name]()
        return pb.DatabaseStatus(
            size_bytes=found.size_bytes,
            free_bytes=found.free_bytes,
            analyzed=found.analyzed,
            runs=await self._count(run, found),
            metric_series=await self._count(series, found),
        )

    async def newest(self) -> int:
        return sum([await self._highest(table) for table in (run, series)])

    async def analyze(self) -> None:
        if self._connection.dialect.name == "sqlite":
            for statement in _SQLITE_ANALYZE:
                await self._connection.execute(statement)

    async def _count(self, table: Table, found: _Found) -> int:
        highest = await self._highest(table)
        if highest > _MOST_COUNTED:
            return found.estimates.get(table.name, highest)
        rows = await self._connection.fetch(_COUNT[table.name])
        return int(rows[0][0])

    async def _highest(self, table: Table) -> int:
        rows = await self._connection.fetch(_NEWEST[table.name])
        return rows[0][0] or 0

    async def _sqlite(self) -> _Found:
        (pages,) = await self._connection.fetch(_SQLITE_PAGES)
        found = _Found(*pages)
        if await self._connection.fetch(_SQLITE_ANALYZED):
            found.estimates = dict(await self._connection.fetch(_SQLITE_ESTIMATES))
            found.analyzed = run.name in found.estimates
        return found

    async def _postgresql(self) -> _Found:
        found = _Found(size_bytes=(await self._connection.fetch(_POSTGRESQL_SIZE))[0][0])
        found.analyzed = bool(await self._connection.fetch(_POSTGRESQL_ANALYZED))
        for name, rows, live, dead, size in await self._connection.fetch(_POSTGRESQL_TABLES):
            if rows >= 0:
                found.estimates[name] = int(rows)
            # A guess: how full its pages are is known only to those who read them all.
            found.free_bytes += size * dead // max(live + dead, 1)
        return found

    async def _mariadb(self) -> _Found:
        # InnoDB keeps statistics by itself.
        found = _Found(analyzed=True)
        for name, rows, size, free in await self._connection.fetch(_MARIADB_TABLES):
            found.estimates[name] = int(rows or 0)
            found.size_bytes += int(size or 0)
            found.free_bytes += int(free or 0)
        return found
