"""The points of a database of MLflow, as fast as its driver gives them.

Those of one metric come in the same order each time, since an import that broke off goes on by position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from milepost.migration.mlflow._columns import of_run, of_runs
from milepost.migration.mlflow._tables import IDS_AT_ONCE, Tables
from milepost.migration.source import Points

_ROWS_AT_ONCE = 65_536
_COLUMNS = ("key", "step", "timestamp", "value", "is_nan")


def points(tables: Tables, run_ids: Sequence[str]) -> Iterator[Points]:
    """All points of some runs, in constant memory."""
    if tables.sqlite and tables.is_indexed("metrics", "run_uuid"):
        return _of_sqlite(tables, run_ids)
    return _of_server(tables, run_ids)


def _of_sqlite(tables: Tables, run_ids: Sequence[str]) -> Iterator[Points]:
    """One query for each run, by the bare cursor: SQLAlchemy's rows, and the run's id in each, take twice as long."""
    chosen = _query(tables, False).where(sa.column("run_uuid") == sa.bindparam("run"))
    query = str(chosen.order_by(sa.literal_column("rowid")).compile(tables.engine))
    connection = tables.engine.raw_connection()
    try:
        cursor: Any = connection.cursor()
        with tables.reading():
            for run_id in run_ids:
                cursor.execute(query, (run_id,))
                while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                    yield of_run(run_id, rows)
    finally:
        connection.close()


def _of_server(tables: Tables, run_ids: Sequence[str]) -> Iterator[Points]:
    """One query for many runs, since each has to wait for its answer."""
    table = tables.table("metrics")
    order = [table.c[name] for name in ("run_uuid", *_COLUMNS) if name in table.c]
    for start in range(0, len(run_ids), IDS_AT_ONCE):
        query = _query(tables, True).where(table.c.run_uuid.in_(run_ids[start : start + IDS_AT_ONCE]))
        options = {"stream_results": True, "max_row_buffer": _ROWS_AT_ONCE}
        with tables.reading(), tables.engine.connect().execution_options(**options) as connection:
            result = connection.execute(query.order_by(*order))
            while rows := result.fetchmany(_ROWS_AT_ONCE):
                yield from of_runs(rows)


def _query(tables: Tables, with_run: bool) -> sa.Select[Any]:
    table = tables.table("metrics")
    columns = [table.c[name] if name in table.c else sa.literal_column("0") for name in _COLUMNS]
    return sa.select(*columns, *([table.c.run_uuid] if with_run else []))
