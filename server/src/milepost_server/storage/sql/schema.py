"""The tables, by SQLAlchemy Core. Portable types only: times are microseconds since the Unix epoch, ids are integers.

Keys of params, tags and metrics are interned in `attribute_key`. Floats that must survive bit for bit are kept in
serialized messages or as the int64 of the same bits; those that are searched, as a sortable pair of kind and finite
double, since databases disagree about NaN and -0.0.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for the type INTEGER.
_RowId = BigInteger().with_variant(Integer(), "sqlite")


def _text(length: int | None = None) -> String:
    """Text compared and sorted by code point on every database."""
    plain: String = String(length) if length else Text()
    exact: String = String(length, collation="C") if length else Text(collation="C")
    return plain.with_variant(exact, "postgresql")


experiment = Table(
    "experiment",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("name", _text(250), nullable=False, unique=True),
    Column("description", _text(), nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    Column("delete_us", BigInteger),
    Column("version", Integer, nullable=False),
    # Numbers of purged experiments are not given out again: their artifacts may be remembered elsewhere.
    sqlite_autoincrement=True,
)

experiment_tag = Table(
    "experiment_tag",
    metadata,
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True),
    Column("key", _text(250), primary_key=True),
    Column("value", _text(), nullable=False),
)

attribute_key = Table(
    "attribute_key",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("name", _text(500), nullable=False, unique=True),
)

run = Table(
    "run",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run_id", _text(64), nullable=False, unique=True),
    Column("experiment_id", ForeignKey("experiment.id"), nullable=False),
    Column("name", _text(250), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger),
    Column("description", _text(), nullable=False),
    Column("user", _text(250), nullable=False),
    Column("parent_run_id", _text(64), nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    Column("delete_us", BigInteger),
    # Set for a run that its experiment's deletion took, and that the experiment's restoration gives back.
    Column("deleted_with_experiment", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Index(None, "experiment_id", "start_us", "run_id"),
    Index(None, "start_us", "run_id"),
    Index(None, "parent_run_id"),
    # Row numbers are parts of page tokens and of other tables' keys: never reused.
    sqlite_autoincrement=True,
)

# The columns `entry` below hold a serialized `Run` with this one param, tag or metric. Such messages concatenated are
# the message with all of them, exact to the bit: a run is read by one statement and parsed by one call. What search
# and order need of the value is beside it in columns that databases can compare.

run_param = Table(
    "run_param",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey("attribute_key.id"), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    # The value as text, whatever its kind: what text comparisons and LIKE see.
    Column("text", _text(), nullable=False),
    # The value of an integer or a boolean.
    Column("integer", BigInteger),
    # The value of an integer or a float as a sortable pair, for comparison and order.
    Column("number_kind", SmallInteger),
    Column("number", Double),
    Column("entry", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

run_tag = Table(
    "run_tag",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey("attribute_key.id"), primary_key=True),
    Column("value", _text(), nullable=False),
    Column("entry", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


def _sortable_columns() -> list[Column[int | float]]:
    """Each value of a summary as a sortable pair of kind and finite float, both null when there is none."""
    columns: list[Column[int | float]] = []
    for point in ("last", "first", "min", "max"):
        columns += [Column(f"{point}_kind", SmallInteger), Column(f"{point}_value", Double)]
    return columns


series = Table(
    "series",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("key_id", ForeignKey("attribute_key.id"), nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("count", BigInteger, nullable=False),
    *_sortable_columns(),
    UniqueConstraint("run_id", "key_id"),
)

metric_point = Table(
    "metric_point",
    metadata,
    Column("series_id", ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("bits", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), nullable=False),
    Column("name", _text(500), nullable=False),
    Column("digest", _text(128), nullable=False),
    Column("source_type", _text(100), nullable=False),
    Column("source", _text(), nullable=False),
    Column("schema", _text(), nullable=False),
    Column("profile", _text(), nullable=False),
    UniqueConstraint("experiment_id", "name", "digest"),
)

run_input = Table(
    "run_input",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("context", _text(250), nullable=False),
    UniqueConstraint("run_id", "dataset_id", "context"),
)

run_input_tag = Table(
    "run_input_tag",
    metadata,
    Column("input_id", ForeignKey("run_input.id", ondelete="CASCADE"), primary_key=True),
    Column("key", _text(250), primary_key=True),
    Column("value", _text(), nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("path", _text(1024), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", _text(64), nullable=False),
    Column("content_type", _text(255), nullable=False),
    Column("update_us", BigInteger, nullable=False),
    # Name of the staged file that still has to be moved into place; null once it is there.
    Column("staged", _text(100)),
    sqlite_with_rowid=False,
)
_unfinished = artifact.c.staged.is_not(None)
Index("ix_artifact_staged", artifact.c.staged, postgresql_where=_unfinished, sqlite_where=_unfinished)

artifact_upload = Table(
    "artifact_upload",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("upload_id", _text(64), primary_key=True),
    Column("path", _text(1024), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_type", _text(255), nullable=False),
    Column("staged", _text(100), nullable=False),
    Column("update_us", BigInteger, nullable=False, index=True),
)

replay = Table(
    "replay",
    metadata,
    Column("method", _text(100), primary_key=True),
    Column("request_id", _text(128), primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("create_us", BigInteger, nullable=False, index=True),
)
