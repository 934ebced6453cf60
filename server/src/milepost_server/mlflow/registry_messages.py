"""Registered models and versions of the native API as MLflow's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.errors import invalid_field, quote
from milepost_server.mlflow import tags
from milepost_server.mlflow.native import milliseconds
from milepost_server.services.mlflow_sources import run_of, shown_source

_STATUSES = {
    pb.ModelVersion.STATUS_PENDING: mlflow_pb.PENDING_REGISTRATION,
    pb.ModelVersion.STATUS_READY: mlflow_pb.READY,
    pb.ModelVersion.STATUS_FAILED: mlflow_pb.FAILED_REGISTRATION,
}
_STAGES = {
    pb.ModelVersion.STAGE_NONE: "None",
    pb.ModelVersion.STAGE_STAGING: "Staging",
    pb.ModelVersion.STAGE_PRODUCTION: "Production",
    pb.ModelVersion.STAGE_ARCHIVED: "Archived",
}
_BY_NAME = {name.lower(): stage for stage, name in _STAGES.items()}


def native_stage(name: str, field: str) -> pb.ModelVersion.Stage.ValueType:
    """The stage of a name in any case; `field` is where it came, for the error of one that is none."""
    stage = _BY_NAME.get(name.lower())
    if stage is None:
        raise invalid_field(field, f"{quote(name)} is no stage; use one of {', '.join(_STAGES.values())}")
    return stage


def registered_model(native: pb.RegisteredModel, latest: Iterable[pb.ModelVersion]) -> mlflow_pb.RegisteredModel:
    """A registered model; `latest` has the newest version of each of its stages."""
    return mlflow_pb.RegisteredModel(
        name=native.name,
        creation_timestamp=milliseconds(native.create_time),
        last_updated_timestamp=milliseconds(native.update_time),
        description=native.description or None,
        latest_versions=[model_version(version) for version in latest],
        tags=[mlflow_pb.RegisteredModelTag(key=key, value=value) for key, value in tags.shown(native.tags)],
        aliases=[
            mlflow_pb.RegisteredModelAlias(alias=alias, version=str(version))
            for alias, version in sorted(native.aliases.items())
        ],
    )


def model_version(native: pb.ModelVersion) -> mlflow_pb.ModelVersion:
    """A version."""
    return mlflow_pb.ModelVersion(
        name=native.name,
        version=str(native.version),
        creation_timestamp=milliseconds(native.create_time),
        last_updated_timestamp=milliseconds(native.update_time),
        user_id=native.user or None,
        current_stage=_STAGES[native.stage],
        description=native.description,
        source=shown_source(native),
        run_id=run_of(native),
        status=_STATUSES[native.status],
        status_message=native.status_message or None,
        tags=[mlflow_pb.ModelVersionTag(key=key, value=value) for key, value in tags.shown(native.tags)],
        run_link=native.tags.get(tags.RUN_LINK, ""),
        aliases=native.aliases,
        model_id=native.model_id or None,
    )


def model_versions(natives: Sequence[pb.ModelVersion]) -> list[mlflow_pb.ModelVersion]:
    """Versions in their order."""
    return [model_version(native) for native in natives]
