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
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from milepost_server.storage.sql.columns import blob, indexed_path, row_id, text

HEAD_LENGTH = 128
"""Characters at the beginning of a text that are indexed, and by which texts are sorted: indexes take no long texts."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

experiment = Table(
    "experiment",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("name", text(250), nullable=False, unique=True),
    Column("description", text(), nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    Column("delete_us", BigInteger),
    Column("version", Integer, nullable=False),
    # Numbers of purged experiments are not given out again: their artifacts may be remembered elsewhere.
    sqlite_autoincrement=True,
)

# The greatest number given to an experiment, in one row; imported ones may be greater, see `experiment_numbers`.
experiment_number = Table(
    "experiment_number",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

experiment_tag = Table(
    "experiment_tag",
    metadata,
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True),
    Column("key", text(250), primary_key=True),
    Column("value", text(), nullable=False),
)

attribute_key = Table(
    "attribute_key",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("name", text(500), nullable=False, unique=True),
)

run = Table(
    "run",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("run_id", text(64), nullable=False, unique=True),
    Column("experiment_id", ForeignKey("experiment.id"), nullable=False),
    Column("name", text(250), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger),
    Column("description", text(), nullable=False),
    Column("user", text(250), nullable=False),
    Column("parent_run_id", text(64), nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    Column("delete_us", BigInteger),
    # When its removal for good began, which takes several transactions; it cannot be restored any more.
    Column("purge_us", BigInteger),
    # Set for a run that its experiment's deletion took, and that the experiment's restoration gives back.
    Column("deleted_with_experiment", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    # When anything of the run last changed, written at most once a second: what a resumed watch looks through.
    Column("touch_us", BigInteger, nullable=False),
    Index(None, "experiment_id", "touch_us"),
    Index("ix_run_start", "experiment_id", "start_us", "id"),
    Index("ix_run_start_anywhere", "start_us", "id"),
    Index("ix_run_deleted", "experiment_id", "delete_us", "id"),
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
    # A run never moves to another experiment, so its own is repeated here for indexes that stay within one.
    Column("experiment_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    # The value as text, whatever its kind: what text comparisons and LIKE see.
    Column("text", text(), nullable=False),
    Column("head", text(HEAD_LENGTH), nullable=False),
    # The value of an integer or a boolean.
    Column("integer", BigInteger),
    # The value of an integer or a float as a sortable pair, for comparison and order.
    Column("number_kind", SmallInteger),
    Column("number", Double),
    Column("entry", blob(), nullable=False),
    # Search goes through the values of one key in one experiment: these are the filters and orders it is quick at.
    Index("ix_run_param_head", "key_id", "experiment_id", "kind", "head", "run_id"),
    sqlite_with_rowid=False,
)
_is_number = run_param.c.number.is_not(None)
Index(
    "ix_run_param_number",
    *(run_param.c[name] for name in ("key_id", "experiment_id", "number", "run_id")),
    postgresql_where=_is_number,
    sqlite_where=_is_number,
)

run_tag = Table(
    "run_tag",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey("attribute_key.id"), primary_key=True),
    Column("experiment_id", BigInteger, nullable=False),
    Column("value", text(), nullable=False),
    Column("head", text(HEAD_LENGTH), nullable=False),
    Column("entry", blob(), nullable=False),
    Index("ix_run_tag_head", "key_id", "experiment_id", "head", "run_id"),
    sqlite_with_rowid=False,
)


def _sortable_columns() -> list[Column[int | float]]:
    """Each value of a summary as a sortable pair of kind and finite float, both null when there is none."""
    columns: list[Column[int | float]] = []
    for point in ("last", "first", "min", "max"):
        columns += [Column(f"{point}_kind", SmallInteger), Column(f"{point}_value", Double)]
    return columns


# One row for each run and metric. Tables, searches and orders read only this.
series = Table(
    "series",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("key_id", ForeignKey("attribute_key.id"), nullable=False),
    Column("experiment_id", BigInteger, nullable=False),
    Column("entry", blob(), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("nan_count", BigInteger, nullable=False),
    *_sortable_columns(),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    # Null, as the values, where every value is NaN.
    Column("min_step", BigInteger),
    Column("max_step", BigInteger),
    # No point has a later time; points that were taken back may have had this one. Null in series of older versions.
    Column("high_time_ms", BigInteger),
    # Number that the next point gets in order of arrival; `count` is less once points were taken back.
    Column("next_sequence", BigInteger, nullable=False),
    # Counts how often points were taken back, so that watchers notice.
    Column("epoch", Integer, nullable=False),
    # The chunks from this sequence on have not been folded into full ones.
    Column("open_sequence", BigInteger, nullable=False),
    # How many of these are small.
    Column("small_chunks", Integer, nullable=False),
    # When they are to be folded; null when there is nothing to fold.
    Column("fold_us", BigInteger, index=True),
    UniqueConstraint("run_id", "key_id"),
    Index("ix_series_last", "key_id", "experiment_id", "last_value", "run_id"),
    Index("ix_series_min", "key_id", "experiment_id", "min_value", "run_id"),
    Index("ix_series_max", "key_id", "experiment_id", "max_value", "run_id"),
    # Numbers of removed series are not given out again: resume tokens remember how far each was told.
    sqlite_autoincrement=True,
)

# Points in order of arrival, many in one row. `docs/metric-format.md` specifies `data` and `summary`.
metric_chunk = Table(
    "metric_chunk",
    metadata,
    Column("series_id", ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    # Number of the first point. Numbers of points that were taken back are not given out again.
    Column("sequence", BigInteger, primary_key=True),
    Column("count", Integer, nullable=False),
    # What the points come to, for charts that need not decode them; null for a few points.
    Column("summary", blob()),
    Column("data", blob(), nullable=False),
    # With a row id, unlike other tables of two keys: without one, SQLite reads whole rows where it compares keys.
)

# How far each writer of a metric stream has come: written in the transaction of the points.
metric_writer = Table(
    "metric_writer",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("writer_id", text(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Batches of streams that were refused, until the client has been told for sure.
metric_rejection = Table(
    "metric_rejection",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("writer_id", text(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    # Serialized `google.rpc.Status`.
    Column("error", blob(), nullable=False),
    sqlite_with_rowid=False,
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), nullable=False),
    Column("name", text(500), nullable=False),
    Column("digest", text(128), nullable=False),
    Column("source_type", text(100), nullable=False),
    Column("source", text(), nullable=False),
    Column("schema", text(), nullable=False),
    Column("profile", text(), nullable=False),
    UniqueConstraint("experiment_id", "name", "digest"),
)

run_input = Table(
    "run_input",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("context", text(250), nullable=False),
    UniqueConstraint("run_id", "dataset_id", "context"),
)

run_input_tag = Table(
    "run_input_tag",
    metadata,
    Column("input_id", ForeignKey("run_input.id", ondelete="CASCADE"), primary_key=True),
    Column("key", text(250), primary_key=True),
    Column("value", text(), nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("path", indexed_path(), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", text(64), nullable=False),
    Column("content_type", text(255), nullable=False),
    Column("update_us", BigInteger, nullable=False),
    # Name of the staged file that still has to be moved into place; null once it is there.
    Column("staged", text(100)),
    sqlite_with_rowid=False,
)
_unfinished = artifact.c.staged.is_not(None)
Index("ix_artifact_staged", artifact.c.staged, postgresql_where=_unfinished, sqlite_where=_unfinished)

artifact_upload = Table(
    "artifact_upload",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("upload_id", text(64), primary_key=True),
    Column("path", text(1024), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_type", text(255), nullable=False),
    Column("staged", text(100), nullable=False),
    Column("update_us", BigInteger, nullable=False, index=True),
)

replay = Table(
    "replay",
    metadata,
    Column("method", text(100), primary_key=True),
    Column("request_id", text(128), primary_key=True),
    Column("request_hash", blob(), nullable=False),
    Column("response", blob(), nullable=False),
    Column("create_us", BigInteger, nullable=False, index=True),
)
