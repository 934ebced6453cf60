"""Tables of the first version, and the experiment `Default`."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

from milepost_server.storage.sql.columns import blob, indexed_path, row_id, text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the revision."""
    op.create_table(
        "attribute_key",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("name", text(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attribute_key"),
        sa.UniqueConstraint("name", name="uq_attribute_key_name"),
    )
    op.create_table(
        "experiment",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("name", text(250), nullable=False),
        sa.Column("description", text(), nullable=False),
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
        sa.Column("method", text(100), nullable=False),
        sa.Column("request_id", text(128), nullable=False),
        sa.Column("request_hash", blob(), nullable=False),
        sa.Column("response", blob(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("method", "request_id", name="pk_replay"),
    )
    op.create_index("ix_replay_create_us", "replay", ["create_us"])
    op.create_table(
        "dataset",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("experiment_id", row_id(), nullable=False),
        sa.Column("name", text(500), nullable=False),
        sa.Column("digest", text(128), nullable=False),
        sa.Column("source_type", text(100), nullable=False),
        sa.Column("source", text(), nullable=False),
        sa.Column("schema", text(), nullable=False),
        sa.Column("profile", text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_dataset_experiment_id_experiment", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dataset"),
        sa.UniqueConstraint("experiment_id", "name", "digest", name="uq_dataset_experiment_id_name_digest"),
    )
    op.create_table(
        "experiment_tag",
        sa.Column("experiment_id", row_id(), nullable=False),
        sa.Column("key", text(250), nullable=False),
        sa.Column("value", text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_experiment_tag_experiment_id_experiment", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "key", name="pk_experiment_tag"),
    )
    op.create_table(
        "run",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("run_id", text(64), nullable=False),
        sa.Column("experiment_id", row_id(), nullable=False),
        sa.Column("name", text(250), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=True),
        sa.Column("description", text(), nullable=False),
        sa.Column("user", text(250), nullable=False),
        sa.Column("parent_run_id", text(64), nullable=False),
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
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("path", indexed_path(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", text(64), nullable=False),
        sa.Column("content_type", text(255), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("staged", text(100), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_artifact_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "path", name="pk_artifact"),
        sqlite_with_rowid=False,
    )
    unfinished = sa.text("staged IS NOT NULL")
    op.create_index("ix_artifact_staged", "artifact", ["staged"], postgresql_where=unfinished, sqlite_where=unfinished)
    op.create_table(
        "artifact_upload",
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("upload_id", text(64), nullable=False),
        sa.Column("path", text(1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", text(255), nullable=False),
        sa.Column("staged", text(100), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_artifact_upload_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "upload_id", name="pk_artifact_upload"),
    )
    op.create_index("ix_artifact_upload_update_us", "artifact_upload", ["update_us"])
    op.create_table(
        "run_input",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("dataset_id", row_id(), nullable=False),
        sa.Column("context", text(250), nullable=False),
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
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("key_id", row_id(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("text", text(), nullable=False),
        sa.Column("integer", sa.BigInteger(), nullable=True),
        sa.Column("number_kind", sa.SmallInteger(), nullable=True),
        sa.Column("number", sa.Double(), nullable=True),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_run_param_key_id_attribute_key"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_param_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_run_param"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_tag",
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("key_id", row_id(), nullable=False),
        sa.Column("value", text(), nullable=False),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_run_tag_key_id_attribute_key"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_tag_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_run_tag"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "series",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("key_id", row_id(), nullable=False),
        sa.Column("entry", blob(), nullable=False),
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
        sa.Column("series_id", row_id(), nullable=False),
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
        sa.Column("input_id", row_id(), nullable=False),
        sa.Column("key", text(250), nullable=False),
        sa.Column("value", text(), nullable=False),
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
