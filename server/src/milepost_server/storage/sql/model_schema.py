"""The tables of logged models, of the model registry and of its webhooks. What `schema` says holds here too.

With these, `metadata` has all tables: import it from here.
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
    SmallInteger,
    Table,
    UniqueConstraint,
)

from milepost_server.storage.sql.columns import blob, row_id, text
from milepost_server.storage.sql.schema import HEAD_LENGTH
from milepost_server.storage.sql.schema import metadata as metadata

registered_model = Table(
    "registered_model",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("name", text(250), nullable=False, unique=True),
    Column("description", text(), nullable=False),
    # Serialized `RegisteredModel` that has `protected_aliases` only.
    Column("protection", blob(), nullable=False),
    Column("create_us", BigInteger, nullable=False, index=True),
    Column("update_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    # Numbers of deleted models are not given out again: events remember them.
    sqlite_autoincrement=True,
)

# The greatest number ever given to a version under a name. Kept when the model is deleted or renamed.
model_number = Table(
    "model_number",
    metadata,
    Column("name", text(250), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# The columns `entry` of tags and aliases hold a serialized `RegisteredModel` or `ModelVersion` with this one, as those
# of runs do.
registered_model_tag = Table(
    "registered_model_tag",
    metadata,
    Column("model_id", ForeignKey("registered_model.id", ondelete="CASCADE"), primary_key=True),
    Column("key", text(250), primary_key=True),
    Column("value", text(), nullable=False),
    Column("head", text(HEAD_LENGTH), nullable=False),
    Column("entry", blob(), nullable=False),
    Index("ix_registered_model_tag_head", "key", "head", "model_id"),
)

model_version = Table(
    "model_version",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("model_id", ForeignKey("registered_model.id", ondelete="CASCADE"), nullable=False),
    # The model's, by which versions are looked up and searched.
    Column("name", text(250), nullable=False),
    # The number of the version; `edition` counts changes of the row.
    Column("version", BigInteger, nullable=False),
    Column("description", text(), nullable=False),
    Column("model_card", text(), nullable=False),
    Column("stage", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("status_message", text(), nullable=False),
    # Ids, not references: a version outlives what it was made of when its files are elsewhere.
    Column("logged_model_id", text(34), nullable=False),
    Column("run_id", text(64), nullable=False),
    Column("path", text(1024), nullable=False),
    Column("source_uri", text(2000), nullable=False),
    Column("sha256", text(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("user", text(250), nullable=False),
    # Serialized `ModelVersion` that has `inputs` and `copied_from` only.
    Column("lineage", blob(), nullable=False),
    Column("create_us", BigInteger, nullable=False, index=True),
    Column("update_us", BigInteger, nullable=False),
    Column("edition", Integer, nullable=False),
    UniqueConstraint("model_id", "version"),
    Index("ix_model_version_name", "name", "version"),
    Index("ix_model_version_run_id", "run_id"),
    Index("ix_model_version_logged_model_id", "logged_model_id"),
    sqlite_autoincrement=True,
)

model_version_tag = Table(
    "model_version_tag",
    metadata,
    Column("version_id", ForeignKey("model_version.id", ondelete="CASCADE"), primary_key=True),
    Column("key", text(250), primary_key=True),
    Column("value", text(), nullable=False),
    Column("head", text(HEAD_LENGTH), nullable=False),
    Column("entry", blob(), nullable=False),
    Index("ix_model_version_tag_head", "key", "head", "version_id"),
)

model_alias = Table(
    "model_alias",
    metadata,
    Column("model_id", ForeignKey("registered_model.id", ondelete="CASCADE"), primary_key=True),
    Column("alias", text(255), primary_key=True),
    Column("version_id", ForeignKey("model_version.id", ondelete="CASCADE"), nullable=False, index=True),
    # Of the model, and of the version.
    Column("entry", blob(), nullable=False),
    Column("version_entry", blob(), nullable=False),
    Index("ix_model_alias_alias", "alias"),
)

# Number of the last event: one row, which every change of the registry locks, so that events are committed in order.
registry_clock = Table(
    "registry_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
)

registry_event = Table(
    "registry_event",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    # Number of the registered model, which may be gone.
    Column("model_id", BigInteger, nullable=False),
    Column("name", text(250), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    # Serialized `RegistryEvent`.
    Column("event", blob(), nullable=False),
    Index("ix_registry_event_model_id", "model_id", "sequence"),
    Index("ix_registry_event_name", "name", "sequence"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("webhook_id", text(64), nullable=False, unique=True),
    # Serialized `Webhook` as a client sets it, without its secret.
    Column("definition", blob(), nullable=False),
    Column("secret", text(250), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    # Number of the last event that was delivered, given up or passed over.
    Column("sequence", BigInteger, nullable=False),
    # How often the next event has been tried, since when, and when it is tried again.
    Column("attempts", Integer, nullable=False),
    Column("first_try_us", BigInteger),
    Column("retry_us", BigInteger),
    # Until when one server has it for itself.
    Column("lease_us", BigInteger, nullable=False),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("webhook_id", ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("time_us", BigInteger, nullable=False, index=True),
    # Serialized `WebhookDelivery`.
    Column("delivery", blob(), nullable=False),
    Index("ix_webhook_delivery_webhook_id", "webhook_id", "id"),
)

logged_model = Table(
    "logged_model",
    metadata,
    Column("id", row_id(), primary_key=True, autoincrement=True),
    Column("model_id", text(34), nullable=False, unique=True),
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    # The run's own id, by which `runs:/RUN_ID/NAME` is looked up in one index.
    Column("run_key", text(64), nullable=False),
    # A run never moves to another experiment.
    Column("experiment_id", BigInteger, nullable=False),
    Column("name", text(250), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("model_type", text(250), nullable=False),
    # Serialized `LoggedModel` that has `status_message`, `flavors` and `signature_json` only.
    Column("description", blob(), nullable=False),
    Column("sha256", text(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    Column("delete_us", BigInteger),
    Index("ix_logged_model_run_id", "run_id", "id"),
    Index("ix_logged_model_run_key", "run_key", "name", "create_us", "id"),
    Index("ix_logged_model_experiment_id", "experiment_id", "create_us", "id"),
    Index("ix_logged_model_create_us", "create_us", "id"),
    sqlite_autoincrement=True,
)

# The columns `entry` hold a serialized `LoggedModel` with this one param, tag or metric, as those of runs do.
logged_model_param = Table(
    "logged_model_param",
    metadata,
    Column("model_id", ForeignKey("logged_model.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey("attribute_key.id"), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("text", text(), nullable=False),
    Column("head", text(HEAD_LENGTH), nullable=False),
    Column("integer", BigInteger),
    Column("number_kind", SmallInteger),
    Column("number", Double),
    Column("entry", blob(), nullable=False),
    Index("ix_logged_model_param_head", "key_id", "kind", "head", "model_id"),
)

logged_model_tag = Table(
    "logged_model_tag",
    metadata,
    Column("model_id", ForeignKey("logged_model.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey("attribute_key.id"), primary_key=True),
    Column("value", text(), nullable=False),
    Column("head", text(HEAD_LENGTH), nullable=False),
    Column("entry", blob(), nullable=False),
    Index("ix_logged_model_tag_head", "key_id", "head", "model_id"),
)

logged_model_metric = Table(
    "logged_model_metric",
    metadata,
    Column("model_id", ForeignKey("logged_model.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey("attribute_key.id"), primary_key=True),
    Column("dataset_name", text(500), primary_key=True),
    Column("dataset_digest", text(128), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    # Whether it is the one measured last of all datasets, by which models are sorted.
    Column("is_last", Boolean, nullable=False),
    # The value as a sortable pair; the latter is null for NaN.
    Column("value_kind", SmallInteger, nullable=False),
    Column("value", Double),
    Column("entry", blob(), nullable=False),
    Index("ix_logged_model_metric_value", "key_id", "value", "model_id"),
)

# Logged models that runs used or made. The column `entry` holds a serialized `Run` with this one, as that of a param.
run_model = Table(
    "run_model",
    metadata,
    Column("run_id", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    # An id, not a reference: what is known of a run outlives the model, which may be of another run.
    Column("model_id", text(34), primary_key=True),
    # 1: the run used the model. 2: it made it.
    Column("role", SmallInteger, primary_key=True, autoincrement=False),
    Column("entry", blob(), nullable=False),
    sqlite_with_rowid=False,
)
