"""The model registry and the webhooks of a database of MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from milepost.migration.mlflow._tables import Row, Tables, text, time_ms
from milepost.migration.mlflow.entities import ModelVersion, RegisteredModel, Webhook

DELETED_STAGE = "Deleted_Internal"
"""MLflow keeps the row of a deleted version, so that its number is not given out again."""


def registered_models(tables: Tables) -> Iterator[RegisteredModel]:
    """All registered models with their versions, by name."""
    for row in [*tables.rows("registered_models", order=["name"])]:
        of_model = ("name", row["name"])
        rows = [*tables.rows("model_versions", of_model, order=["version"])]
        tags: dict[int, dict[str, str]] = {}
        for tag in tables.rows("model_version_tags", of_model):
            tags.setdefault(int(tag["version"]), {})[text(tag["key"])] = text(tag["value"])
        yield RegisteredModel(
            name=text(row["name"]),
            create_ms=time_ms(row.get("creation_time")),
            update_ms=time_ms(row.get("last_updated_time")),
            description=text(row.get("description")),
            tags={text(tag["key"]): text(tag["value"]) for tag in tables.rows("registered_model_tags", of_model)},
            aliases={
                text(one["alias"]): int(one["version"]) for one in tables.rows("registered_model_aliases", of_model)
            },
            versions=[
                _version(one, tags.get(int(one["version"]), {}))
                for one in rows
                if one.get("current_stage") != DELETED_STAGE
            ],
            last_number=max((int(one["version"]) for one in rows), default=0),
        )


def webhooks(tables: Tables) -> Iterator[Webhook]:
    """The webhooks that are not deleted."""
    for row in [*tables.rows("webhooks", order=["creation_timestamp"])]:
        if row.get("deleted_timestamp") is None:
            events = [*tables.rows("webhook_events", ("webhook_id", row["webhook_id"]), order=["entity", "action"])]
            yield _webhook(row, events)


def _webhook(row: Row, events: Sequence[Row]) -> Webhook:
    return Webhook(
        webhook_id=text(row["webhook_id"]),
        name=text(row["name"]),
        url=text(row["url"]),
        description=text(row.get("description")),
        active=row.get("status") != "DISABLED",
        events=[f"{text(one['entity']).lower()}.{text(one['action']).lower()}" for one in events],
        signed=row.get("secret") is not None,
    )


def _version(row: Row, tags: dict[str, str]) -> ModelVersion:
    return ModelVersion(
        name=text(row["name"]),
        version=int(row["version"]),
        create_ms=time_ms(row.get("creation_time")),
        update_ms=time_ms(row.get("last_updated_time")),
        description=text(row.get("description")),
        user=text(row.get("user_id")),
        stage=text(row.get("current_stage")) or "None",
        source=text(row.get("source")),
        storage_location=text(row.get("storage_location")),
        run_id=text(row.get("run_id")),
        run_link=text(row.get("run_link")),
        status=text(row.get("status")) or "READY",
        status_message=text(row.get("status_message")),
        tags=tags,
    )
