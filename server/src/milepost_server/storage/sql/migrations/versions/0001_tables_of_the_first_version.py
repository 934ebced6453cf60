"""Tables of the first version, and the experiment `Default`."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    plain = sa.String(length) if length else sa.Text()
    return plain.with_variant(type(plain)(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Applies the revision."""
    op.create_table(
        "attribute_key",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", _text(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attribute_key"),
        sa.UniqueConstraint("name", name="uq_attribute_key_name"),
    )
    op.create_table(
        "experiment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", _text(250), nullable=False),
        sa.Column("description", _text(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("delete_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_experiment"),
        sa.UniqueConstraint("name", name="uq_experiment_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "replay",
        sa.Column("method", _text(100), nullable=False),
        sa.Column("request_id", _text(128), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("method", "request_id", name="pk_replay"),
    )
    op.create_index("ix_replay_create_us", "replay", ["create_us"])
    op.create_table(
        "dataset",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("name", _text(500), nullable=False),
        sa.Column("digest", _text(128), nullable=False),
        sa.Column("source_type", _text(100), nullable=False),
        sa.Column("source", _text(), nullable=False),
        sa.Column("schema", _text(), nullable=False),
        sa.Column("profile", _text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_dataset_experiment_id_experiment", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dataset"),
        sa.UniqueConstraint("experiment_id", "name", "digest", name="uq_dataset_experiment_id_name_digest"),
    )
    op.create_table(
        "experiment_tag",
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("key", _text(250), nullable=False),
        sa.Column("value", _text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_experiment_tag_experiment_id_experiment", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "key", name="pk_experiment_tag"),
    )
    op.create_table(
        "run",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("run_id", _text(64), nullable=False),
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("name", _text(250), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=True),
        sa.Column("description", _text(), nullable=False),
        sa.Column("user", _text(250), nullable=False),
        sa.Column("parent_run_id", _text(64), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("delete_us", sa.BigInteger(), nullable=True),
        sa.Column("deleted_with_experiment", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiment.id"], name="fk_run_experiment_id_experiment"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("run_id", name="uq_run_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_experiment_id_run_start_us_run_run_id", "run", ["experiment_id", "start_us", "run_id"])
    op.create_index("ix_run_parent_run_id", "run", ["parent_run_id"])
    op.create_index("ix_run_start_us_run_run_id", "run", ["start_us", "run_id"])
    op.create_table(
        "artifact",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("path", _text(1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", _text(64), nullable=False),
        sa.Column("content_type", _text(255), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("staged", _text(100), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_artifact_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "path", name="pk_artifact"),
        sqlite_with_rowid=False,
    )
    unfinished = sa.text("staged IS NOT NULL")
    op.create_index("ix_artifact_staged", "artifact", ["staged"], postgresql_where=unfinished, sqlite_where=unfinished)
    op.create_table(
        "artifact_upload",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("upload_id", _text(64), nullable=False),
        sa.Column("path", _text(1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", _text(255), nullable=False),
        sa.Column("staged", _text(100), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_artifact_upload_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "upload_id", name="pk_artifact_upload"),
    )
    op.create_index("ix_artifact_upload_update_us", "artifact_upload", ["update_us"])
    op.create_table(
        "run_input",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("dataset_id", _ID, nullable=False),
        sa.Column("context", _text(250), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name="fk_run_input_dataset_id_dataset", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_input_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run_input"),
        sa.UniqueConstraint("run_id", "dataset_id", "context", name="uq_run_input_run_id_dataset_id_context"),
    )
    op.create_index("ix_run_input_dataset_id", "run_input", ["dataset_id"])
    op.create_table(
        "run_param",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("text", _text(), nullable=False),
        sa.Column("integer", sa.BigInteger(), nullable=True),
        sa.Column("number_kind", sa.SmallInteger(), nullable=True),
        sa.Column("number", sa.Double(), nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_run_param_key_id_attribute_key"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_param_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_run_param"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_tag",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("value", _text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_run_tag_key_id_attribute_key"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_tag_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_run_tag"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "series",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_kind", sa.SmallInteger()),
        sa.Column("last_value", sa.Double()),
        sa.Column("first_kind", sa.SmallInteger()),
        sa.Column("first_value", sa.Double()),
        sa.Column("min_kind", sa.SmallInteger()),
        sa.Column("min_value", sa.Double()),
        sa.Column("max_kind", sa.SmallInteger()),
        sa.Column("max_value", sa.Double()),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_series_key_id_attribute_key"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_series_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("run_id", "key_id", name="uq_series_run_id_key_id"),
    )
    op.create_table(
        "metric_point",
        sa.Column("series_id", _ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("bits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name="fk_metric_point_series_id_series", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "sequence", name="pk_metric_point"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_input_tag",
        sa.Column("input_id", _ID, nullable=False),
        sa.Column("key", _text(250), nullable=False),
        sa.Column("value", _text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["input_id"], ["run_input.id"], name="fk_run_input_tag_input_id_run_input", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("input_id", "key", name="pk_run_input_tag"),
    )
    now = time.time_ns() // 1000
    experiment = sa.table(
        "experiment", *(sa.column(name) for name in ("id", "name", "description", "create_us", "update_us", "version"))
    )
    op.execute(
        experiment.insert().values(id=0, name="Default", description="", create_us=now, update_us=now, version=1)
    )
