"""Resources of Milepost as entities of MLflow."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.migration.mlflow import entities
from milepost.migration.mlflow.mapping import ARTIFACT_URI, CONTEXT, NOTE, PARENT, RUN_NAME
from milepost.migration.mlflow.mapping_registry import RUN_LINK_TAG, SOURCE_TAG, shown_source

_STAGES = {
    pb.ModelVersion.STAGE_STAGING: "Staging",
    pb.ModelVersion.STAGE_PRODUCTION: "Production",
    pb.ModelVersion.STAGE_ARCHIVED: "Archived",
}
_STATUS = {
    pb.ModelVersion.STATUS_PENDING: "PENDING_REGISTRATION",
    pb.ModelVersion.STATUS_FAILED: "FAILED_REGISTRATION",
}


def experiment(given: pb.Experiment) -> entities.Experiment:
    """An experiment, without a location of its artifacts."""
    return entities.Experiment(
        experiment_id=given.experiment_id,
        name=given.name,
        deleted=given.HasField("delete_time"),
        create_ms=_ms(given, "create_time"),
        update_ms=_ms(given, "update_time"),
        tags={**_tags(given), **({NOTE: given.description} if given.description else {})},
    )


def run(given: pb.Run) -> entities.Run:
    """A run without its points. `artifact_uri` is set only where the artifacts are elsewhere."""
    fields = {RUN_NAME: given.name, NOTE: given.description, PARENT: given.parent_run_id}
    return entities.Run(
        run_id=given.run_id,
        experiment_id=given.experiment_id,
        name=given.name,
        status=pb.Run.State.Name(given.state).removeprefix("STATE_"),
        start_ms=_ms(given, "start_time"),
        end_ms=_ms(given, "end_time"),
        deleted=given.HasField("delete_time"),
        delete_ms=_ms(given, "delete_time"),
        user=given.user,
        artifact_uri=given.tags.get(ARTIFACT_URI, ""),
        params={key: param_text(value) for key, value in given.params.items()},
        tags={**_tags(given), **{key: value for key, value in fields.items() if value}},
        datasets=[_dataset(one) for one in given.inputs],
        model_inputs=[one.model_id for one in given.model_inputs],
        model_outputs=[(one.model_id, one.step) for one in given.model_outputs],
    )


def logged_model(given: pb.LoggedModel) -> entities.LoggedModel:
    """A logged model. One that is held by a run of its own id has no source run."""
    return entities.LoggedModel(
        model_id=given.model_id,
        experiment_id=given.experiment_id,
        name=given.name,
        artifact_location=given.tags.get(ARTIFACT_URI, ""),
        status=pb.LoggedModel.Status.Name(given.status).removeprefix("STATUS_"),
        status_message=given.status_message,
        model_type=given.model_type,
        source_run_id="" if given.run_id == given.model_id else given.run_id,
        deleted=given.HasField("delete_time"),
        create_ms=_ms(given, "create_time"),
        update_ms=_ms(given, "update_time"),
        params={key: param_text(value) for key, value in given.params.items()},
        tags=_tags(given),
        metrics=[
            entities.ModelMetric(
                one.key,
                one.value,
                one.step,
                one.timestamp_ms,
                one.run_id or given.run_id,
                one.dataset_name,
                one.dataset_digest,
            )
            for one in given.metrics
        ],
    )


def registered_model(given: pb.RegisteredModel, versions: list[pb.ModelVersion]) -> entities.RegisteredModel:
    """A registered model with its versions."""
    return entities.RegisteredModel(
        name=given.name,
        create_ms=_ms(given, "create_time"),
        update_ms=_ms(given, "update_time"),
        description=given.description,
        tags=dict(given.tags),
        aliases=dict(given.aliases),
        versions=[_version(one) for one in versions],
        last_number=max((one.version for one in versions), default=0),
    )


def param_text(value: pb.ParamValue) -> str:
    """The value of a param as text, as servers show it to clients of MLflow."""
    kind = value.WhichOneof("kind")
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return repr(value.double_value) if kind == "double_value" else str(getattr(value, kind or "string_value"))


def _version(given: pb.ModelVersion) -> entities.ModelVersion:
    hidden = (SOURCE_TAG, RUN_LINK_TAG)
    return entities.ModelVersion(
        name=given.name,
        version=given.version,
        create_ms=_ms(given, "create_time"),
        update_ms=_ms(given, "update_time"),
        description=given.description,
        user=given.user,
        stage=_STAGES.get(given.stage, "None"),
        source=shown_source(given),
        run_id="" if given.run_id == given.model_id else given.run_id,
        run_link=given.tags.get(RUN_LINK_TAG, ""),
        model_id=given.model_id,
        status=_STATUS.get(given.status, "READY"),
        status_message=given.status_message,
        tags={key: value for key, value in given.tags.items() if key not in hidden},
    )


def _dataset(given: pb.DatasetInput) -> entities.DatasetInput:
    data = given.dataset
    return entities.DatasetInput(
        name=data.name,
        digest=data.digest,
        source_type=data.source_type,
        source=data.source,
        schema=data.schema,
        profile=data.profile,
        tags={**given.tags, **({CONTEXT: given.context} if given.context else {})},
    )


def _tags(given: pb.Experiment | pb.Run | pb.LoggedModel) -> dict[str, str]:
    return {key: value for key, value in given.tags.items() if key != ARTIFACT_URI}


def _ms(
    given: pb.Experiment | pb.Run | pb.LoggedModel | pb.RegisteredModel | pb.ModelVersion, field: str
) -> int | None:
    if not given.HasField(field):  # type: ignore[arg-type]
        return None
    stamp: Timestamp = getattr(given, field)
    return stamp.ToMilliseconds()
