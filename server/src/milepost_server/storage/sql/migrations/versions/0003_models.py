"""Logged models, the model registry and its webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from milepost_server.storage.sql.columns import blob, row_id, text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the revision."""
    _registry()
    _webhooks()
    _logged_models()


def _registry() -> None:
    op.create_table(
        "registered_model",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("name", text(250), nullable=False),
        sa.Column("description", text(), nullable=False),
        sa.Column("protection", blob(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registered_model"),
        sa.UniqueConstraint("name", name="uq_registered_model_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_registered_model_create_us", "registered_model", ["create_us"])
    op.create_table(
        "model_number",
        sa.Column("name", text(250), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model_number"),
    )
    op.create_table(
        "registered_model_tag",
        sa.Column("model_id", row_id(), nullable=False),
        sa.Column("key", text(250), nullable=False),
        sa.Column("value", text(), nullable=False),
        sa.Column("head", text(128), nullable=False),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["registered_model.id"],
            name="fk_registered_model_tag_model_id_registered_model",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", "key", name="pk_registered_model_tag"),
    )
    op.create_index("ix_registered_model_tag_head", "registered_model_tag", ["key", "head", "model_id"])
    op.create_table(
        "model_version",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("model_id", row_id(), nullable=False),
        sa.Column("name", text(250), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("description", text(), nullable=False),
        sa.Column("model_card", text(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("status_message", text(), nullable=False),
        sa.Column("logged_model_id", text(34), nullable=False),
        sa.Column("run_id", text(64), nullable=False),
        sa.Column("path", text(1024), nullable=False),
        sa.Column("source_uri", text(2000), nullable=False),
        sa.Column("sha256", text(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("user", text(250), nullable=False),
        sa.Column("lineage", blob(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registered_model.id"], name="fk_model_version_model_id_registered_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_version"),
        sa.UniqueConstraint("model_id", "version", name="uq_model_version_model_id_version"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_model_version_create_us", "model_version", ["create_us"])
    op.create_index("ix_model_version_name", "model_version", ["name", "version"])
    op.create_index("ix_model_version_logged_model_id", "model_version", ["logged_model_id"])
    op.create_index("ix_model_version_run_id", "model_version", ["run_id"])
    op.create_table(
        "model_version_tag",
        sa.Column("version_id", row_id(), nullable=False),
        sa.Column("key", text(250), nullable=False),
        sa.Column("value", text(), nullable=False),
        sa.Column("head", text(128), nullable=False),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["model_version.id"],
            name="fk_model_version_tag_version_id_model_version",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "key", name="pk_model_version_tag"),
    )
    op.create_index("ix_model_version_tag_head", "model_version_tag", ["key", "head", "version_id"])
    op.create_table(
        "model_alias",
        sa.Column("model_id", row_id(), nullable=False),
        sa.Column("alias", text(255), nullable=False),
        sa.Column("version_id", row_id(), nullable=False),
        sa.Column("entry", blob(), nullable=False),
        sa.Column("version_entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registered_model.id"], name="fk_model_alias_model_id_registered_model", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_version.id"], name="fk_model_alias_version_id_model_version", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "alias", name="pk_model_alias"),
    )
    op.create_index("ix_model_alias_alias", "model_alias", ["alias"])
    op.create_index("ix_model_alias_version_id", "model_alias", ["version_id"])
    op.create_table(
        "registry_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_clock"),
    )
    op.create_table(
        "registry_event",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("name", text(250), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("event", blob(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_registry_event"),
    )
    op.create_index("ix_registry_event_model_id", "registry_event", ["model_id", "sequence"])
    op.create_index("ix_registry_event_name", "registry_event", ["name", "sequence"])
    clock = sa.table("registry_clock", sa.column("id", sa.Integer()), sa.column("sequence", sa.BigInteger()))
    op.bulk_insert(clock, [{"id": 1, "sequence": 0}])


def _webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("webhook_id", text(64), nullable=False),
        sa.Column("definition", blob(), nullable=False),
        sa.Column("secret", text(250), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_try_us", sa.BigInteger(), nullable=True),
        sa.Column("retry_us", sa.BigInteger(), nullable=True),
        sa.Column("lease_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
        sa.UniqueConstraint("webhook_id", name="uq_webhook_webhook_id"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("webhook_id", row_id(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("delivery", blob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name="fk_webhook_delivery_webhook_id_webhook", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
    )
    op.create_index("ix_webhook_delivery_time_us", "webhook_delivery", ["time_us"])
    op.create_index("ix_webhook_delivery_webhook_id", "webhook_delivery", ["webhook_id", "id"])


def _logged_models() -> None:
    op.create_table(
        "logged_model",
        sa.Column("id", row_id(), autoincrement=True, nullable=False),
        sa.Column("model_id", text(34), nullable=False),
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("run_key", text(64), nullable=False),
        sa.Column("experiment_id", sa.BigInteger(), nullable=False),
        sa.Column("name", text(250), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("model_type", text(250), nullable=False),
        sa.Column("description", blob(), nullable=False),
        sa.Column("sha256", text(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("update_us", sa.BigInteger(), nullable=False),
        sa.Column("delete_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_logged_model_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_logged_model"),
        sa.UniqueConstraint("model_id", name="uq_logged_model_model_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_logged_model_create_us", "logged_model", ["create_us", "id"])
    op.create_index("ix_logged_model_experiment_id", "logged_model", ["experiment_id", "create_us", "id"])
    op.create_index("ix_logged_model_run_id", "logged_model", ["run_id", "id"])
    op.create_index("ix_logged_model_run_key", "logged_model", ["run_key", "name", "create_us", "id"])
    op.create_table(
        "logged_model_param",
        sa.Column("model_id", row_id(), nullable=False),
        sa.Column("key_id", row_id(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("text", text(), nullable=False),
        sa.Column("head", text(128), nullable=False),
        sa.Column("integer", sa.BigInteger(), nullable=True),
        sa.Column("number_kind", sa.SmallInteger(), nullable=True),
        sa.Column("number", sa.Double(), nullable=True),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_logged_model_param_key_id_attribute_key"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["logged_model.id"], name="fk_logged_model_param_model_id_logged_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "key_id", name="pk_logged_model_param"),
    )
    op.create_index("ix_logged_model_param_head", "logged_model_param", ["key_id", "kind", "head", "model_id"])
    op.create_table(
        "logged_model_tag",
        sa.Column("model_id", row_id(), nullable=False),
        sa.Column("key_id", row_id(), nullable=False),
        sa.Column("value", text(), nullable=False),
        sa.Column("head", text(128), nullable=False),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_logged_model_tag_key_id_attribute_key"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["logged_model.id"], name="fk_logged_model_tag_model_id_logged_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "key_id", name="pk_logged_model_tag"),
    )
    op.create_index("ix_logged_model_tag_head", "logged_model_tag", ["key_id", "head", "model_id"])
    op.create_table(
        "logged_model_metric",
        sa.Column("model_id", row_id(), nullable=False),
        sa.Column("key_id", row_id(), nullable=False),
        sa.Column("dataset_name", text(500), nullable=False),
        sa.Column("dataset_digest", text(128), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("value_kind", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["attribute_key.id"], name="fk_logged_model_metric_key_id_attribute_key"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["logged_model.id"], name="fk_logged_model_metric_model_id_logged_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "key_id", "dataset_name", "dataset_digest", name="pk_logged_model_metric"),
    )
    op.create_index("ix_logged_model_metric_value", "logged_model_metric", ["key_id", "value", "model_id"])
