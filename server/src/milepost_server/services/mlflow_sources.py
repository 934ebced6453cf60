"""What versions of registered models consist of, as MLflow writes it."""

from __future__ import annotations

from urllib.parse import unquote

from milepost import v1 as pb
from milepost_server.filters.mlflow import MODEL_SOURCE

TEXT_SCHEME = "text:"
"""Begins the `source_uri` of a version whose source is no place, percent-encoded."""


def source(native: pb.ModelVersion) -> str:
    """Where the model of a version is, as far as the version itself says."""
    if native.copied_from.name and not native.copied_from.server:
        return f"models:/{native.copied_from.name}/{native.copied_from.version}"
    if native.source_uri:
        return place(native.source_uri)
    if native.model_id:
        return f"models:/{native.model_id}"
    return f"runs:/{native.run_id}/{native.path}"


def shown_source(native: pb.ModelVersion) -> str:
    """The source that clients are told: as it was given, where that is known."""
    return native.tags.get(MODEL_SOURCE) or source(native)


def place(source_uri: str) -> str:
    """What a `source_uri` stands for."""
    return unquote(source_uri.removeprefix(TEXT_SCHEME)) if source_uri.startswith(TEXT_SCHEME) else source_uri


def run_of(native: pb.ModelVersion | pb.LoggedModel) -> str:
    """The run that made a model. A run with the model's own id only holds it."""
    return "" if native.run_id == native.model_id else native.run_id
