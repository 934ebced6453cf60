"""What MLflow's filters and orders may name: its spelling of the names of `schema.py`, and what it keeps as tags."""

from __future__ import annotations

from dataclasses import replace

from milepost_server.filters import schema

_NOTE = "mlflow.note.content"

MODEL_SOURCE = "milepost.model_source"
"""Tag of a version: its source as a client gave it, where that is no URI of files elsewhere."""
PROMPT = "mlflow.prompt.is_prompt"
"""Tag of registered models and versions that are prompts."""

RUNS = replace(
    schema.RUNS,
    summaries=False,
    tag_attributes={"mlflow.runName": "name", _NOTE: "description"},
    twin_tags={"mlflow.parentRunId": "parent_run_id"},
    text_params=True,
    # MLflow has no runs for models that no run made.
    absent_tag="milepost.holds_model",
)

EXPERIMENTS = replace(schema.EXPERIMENTS, tag_attributes={_NOTE: "description"})

REGISTERED_MODELS = replace(
    schema.REGISTERED_MODELS,
    aliases={**schema.REGISTERED_MODELS.aliases, "timestamp": "update_time"},
    hiding_tag=PROMPT,
)

MODEL_VERSIONS = replace(
    schema.MODEL_VERSIONS,
    attribute_tags={"source_path": MODEL_SOURCE},
    twin_tags={MODEL_SOURCE: "source_uri"},
    hiding_tag=PROMPT,
)

LOGGED_MODELS = replace(
    schema.LOGGED_MODELS,
    aliases={
        **schema.LOGGED_MODELS.aliases,
        "creation_timestamp_ms": "create_time",
        "last_updated_timestamp_ms": "update_time",
    },
    text_params=True,
)
