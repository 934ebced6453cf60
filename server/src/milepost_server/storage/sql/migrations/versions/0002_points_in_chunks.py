"""Points in chunks instead of rows, writers of streams, and what watches and searches of many runs need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op

from milepost import v1 as pb
from milepost_server.storage.sql.columns import blob, row_id, text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Rows that are read at once, points of a full chunk, and chunks that are written at once: some 30 MB in memory.
_PAGE_POINTS = 16_384
_CHUNK_POINTS = 4096
_CHUNKS = 64
_PAGE_SERIES = 1000

_COUNTED = ("nan_count", "first_step", "last_step")
_OPTIONAL = ("min_step", "max_step")


def upgrade() -> None:
    """Applies the revision."""
    op.add_column("run", sa.Column("purge_us", sa.BigInteger(), nullable=True))
    with _given_numbers_kept("run"):
        _add_filled("run", {"touch_us": (sa.BigInteger(), "update_us")}, table_kwargs={"sqlite_autoincrement": True})
    op.create_index("ix_run_experiment_id_run_touch_us", "run", ["experiment_id", "touch_us"])
    for table, value in (("run_param", "text"), ("run_tag", "value")):
        head: tuple[sa.types.TypeEngine[Any], str] = text(128), f"substr({value}, 1, 128)"
        columns = {"experiment_id": _experiment_of(table), "head": head}
        _add_filled(table, columns, table_kwargs={"sqlite_with_rowid": False})
    _series()
    _chunks()
    _writers()
    _search()


def _experiment_of(table: str) -> tuple[sa.BigInteger, str]:
    return sa.BigInteger(), f"(SELECT experiment_id FROM run WHERE run.id = {table}.run_id)"


def _add_filled(
    table: str, columns: Mapping[str, tuple[sa.types.TypeEngine[Any], str]], table_kwargs: dict[str, bool]
) -> None:
    """Adds columns that are never null, and fills those of old rows with SQL expressions.

    Args:
        table: Name of the table.
        columns: Type and expression by name.
        table_kwargs: What alembic does not find out by itself when it copies a table of SQLite.
    """
    for name, (kind, _) in columns.items():
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.execute(f"UPDATE {table} SET " + ", ".join(f"{name} = {value}" for name, (_, value) in columns.items()))
    with op.batch_alter_table(table, table_kwargs=table_kwargs) as batch:
        for name, (kind, _) in columns.items():
            batch.alter_column(name, existing_type=kind, nullable=False)


@contextmanager
def _given_numbers_kept(table: str) -> Iterator[None]:
    """SQLite would forget the numbers of purged rows with the table that is copied, and give them out again."""
    connection, numbers = op.get_bind(), sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
    if connection.dialect.name != "sqlite":
        yield
        return
    last = connection.scalar(sa.select(numbers.c.seq).where(numbers.c.name == table))
    yield
    connection.execute(sa.delete(numbers).where(numbers.c.name == table))
    connection.execute(sa.insert(numbers).values(name=table, seq=last or 0))


def _series() -> None:
    for name in ("fold_us", *_OPTIONAL):
        op.add_column("series", sa.Column(name, sa.BigInteger(), nullable=True))
    columns = {
        "experiment_id": _experiment_of("series"),
        "next_sequence": (sa.BigInteger(), "count"),
        "epoch": (sa.Integer(), "0"),
        "open_sequence": (sa.BigInteger(), f"count - count % {_CHUNK_POINTS}"),
        "small_chunks": (sa.Integer(), "0"),
        **dict.fromkeys(_COUNTED, (sa.BigInteger(), "0")),
    }
    _add_filled("series", columns, table_kwargs={"sqlite_autoincrement": True})
    op.create_index("ix_series_fold_us", "series", ["fold_us"])
    _fill_summaries(op.get_bind())


def _fill_summaries(connection: sa.Connection) -> None:
    """Takes from the summaries, which are messages, what has columns of its own now."""
    series = sa.table("series", *(sa.column(name) for name in ("id", "entry", *_COUNTED, *_OPTIONAL)))
    last: sa.BindParameter[int] = sa.bindparam("last")
    page = sa.select(series.c.id, series.c.entry).where(series.c.id > last).order_by(series.c.id).limit(_PAGE_SERIES)
    number: sa.BindParameter[int] = sa.bindparam("number")
    fill = sa.update(series).where(series.c.id == number)
    rows = connection.execute(page, {"last": -1}).all()
    while rows:
        values = [{"number": row.id, **_counted(row.entry)} for row in rows]
        connection.execute(fill.values({name: sa.bindparam(name) for name in (*_COUNTED, *_OPTIONAL)}), values)
        rows = connection.execute(page, {"last": rows[-1].id}).all()


def _counted(entry: bytes) -> dict[str, int | None]:
    (summary,) = pb.Run.FromString(bytes(entry)).metrics.values()
    counted: dict[str, int | None] = {name: getattr(summary, name) for name in _COUNTED}
    known = summary.HasField("min")
    return counted | {name: getattr(summary, name) if known else None for name in _OPTIONAL}


def _chunks() -> None:
    op.create_table(
        "metric_chunk",
        sa.Column("series_id", row_id(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("summary", blob(), nullable=True),
        sa.Column("data", blob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name="fk_metric_chunk_series_id_series", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "sequence", name="pk_metric_chunk"),
    )
    connection = op.get_bind()
    chunk = sa.table(
        "metric_chunk", *(sa.column(name) for name in ("series_id", "sequence", "count", "summary", "data"))
    )
    chunks = _encoded(_points(connection))
    while some := list(islice(chunks, _CHUNKS)):
        connection.execute(sa.insert(chunk), some)
    op.drop_table("metric_point")


def _points(connection: sa.Connection) -> Iterator[sa.Row[Any]]:
    """All points by series and order of arrival, read page by page."""
    names = ("series_id", "sequence", "step", "time_ms", "bits")
    point = sa.table("metric_point", *(sa.column(name, sa.BigInteger()) for name in names))
    last_series: sa.BindParameter[int] = sa.bindparam("series")
    last: sa.BindParameter[int] = sa.bindparam("last")
    page = (
        sa.select(*point.c)
        .where(
            # The first condition is for the index, which databases do not use for the second alone.
            point.c.series_id >= last_series,
            (point.c.series_id > last_series) | (point.c.sequence > last),
        )
        .order_by(point.c.series_id, point.c.sequence)
        .limit(_PAGE_POINTS)
    )
    rows = connection.execute(page, {"series": -1, "last": -1}).all()
    while rows:
        yield from rows
        rows = connection.execute(page, {"series": rows[-1].series_id, "last": rows[-1].sequence}).all()


def _encoded(points: Iterable[sa.Row[Any]]) -> Iterator[dict[str, Any]]:
    """Rows of `metric_chunk` for points."""
    for series_id, of_series in groupby(points, key=lambda point: point.series_id):
        while some := list(islice(of_series, _CHUNK_POINTS)):
            summary, data = _pack(some)
            yield {
                "series_id": series_id,
                "sequence": some[0].sequence,
                "count": len(some),
                "summary": summary,
                "data": data,
            }


def _pack(points: list[sa.Row[Any]]) -> tuple[bytes, bytes]:
    """Summary and data of a chunk."""
    # A new database has no points, and starts sooner without numpy.
    import numpy as np

    from milepost_server.points.codec import encode
    from milepost_server.points.columns import Points
    from milepost_server.points.summary import summarize

    values = np.array([point.bits for point in points], np.int64).view(np.float64)
    packed = Points.of([point.step for point in points], [point.time_ms for point in points], values)
    return summarize(packed).tobytes(), encode(packed)


def _search() -> None:
    """Indexes for filters and orders, in place of those by the id of a run."""
    op.create_index("ix_run_start", "run", ["experiment_id", "start_us", "id"])
    op.create_index("ix_run_start_anywhere", "run", ["start_us", "id"])
    op.create_index("ix_run_deleted", "run", ["experiment_id", "delete_us", "id"])
    op.drop_index("ix_run_experiment_id_run_start_us_run_run_id", "run")
    op.drop_index("ix_run_start_us_run_run_id", "run")
    op.create_index("ix_run_param_head", "run_param", ["key_id", "experiment_id", "kind", "head", "run_id"])
    op.create_index("ix_run_tag_head", "run_tag", ["key_id", "experiment_id", "head", "run_id"])
    is_number = sa.text("number IS NOT NULL")
    number = ["key_id", "experiment_id", "number", "run_id"]
    op.create_index("ix_run_param_number", "run_param", number, postgresql_where=is_number, sqlite_where=is_number)
    for value in ("last", "min", "max"):
        op.create_index(f"ix_series_{value}", "series", ["key_id", "experiment_id", f"{value}_value", "run_id"])


def _writers() -> None:
    op.create_table(
        "metric_writer",
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("writer_id", text(64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_metric_writer_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "writer_id", name="pk_metric_writer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "metric_rejection",
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("writer_id", text(64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("error", blob(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_metric_rejection_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "writer_id", "sequence", name="pk_metric_rejection"),
        sqlite_with_rowid=False,
    )
