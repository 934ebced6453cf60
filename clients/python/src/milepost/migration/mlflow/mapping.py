"""Entities of MLflow as resources of Milepost. What has no place is a tag, or reported."""

from __future__ import annotations

from collections.abc import Container

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.migration.mlflow import entities
from milepost.migration.report import Problems

RUN_NAME = "mlflow.runName"
NOTE = "mlflow.note.content"
PARENT = "mlflow.parentRunId"
CONTEXT = "mlflow.data.context"
ARTIFACT_URI = "milepost.artifact_uri"
HOLDS_MODEL = "milepost.holds_model"

LARGEST_FINITE = 1.7976931348623157e308
"""What a database of MLflow keeps in place of infinity."""

_STATES = {
    "SCHEDULED": pb.Run.STATE_SCHEDULED,
    "RUNNING": pb.Run.STATE_RUNNING,
    "FINISHED": pb.Run.STATE_FINISHED,
    "FAILED": pb.Run.STATE_FAILED,
    "KILLED": pb.Run.STATE_KILLED,
}
_MODEL_STATUS = {
    "PENDING": pb.LoggedModel.STATUS_PENDING,
    "READY": pb.LoggedModel.STATUS_READY,
    "FAILED": pb.LoggedModel.STATUS_FAILED,
}
_FIRST_MS = -62135596800_000
_LAST_MS = 253402300799_999


class Mapping:
    """Makes resources.

    Args:
        problems: Where values go that have no place.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def experiment(self, given: entities.Experiment) -> pb.Experiment:
        """An experiment; `delete_time` says that it is deleted."""
        what = f"experiment {given.experiment_id}"
        tags = dict(given.tags)
        made = pb.Experiment(
            experiment_id=given.experiment_id, name=given.name, description=tags.pop(NOTE, ""), tags=tags
        )
        self.times(what, made, given.create_ms, given.update_ms)
        if given.deleted:
            made.delete_time.CopyFrom(self.deletion(what, given.update_ms))
        return made

    def run(self, given: entities.Run, parents: Container[str]) -> pb.Run:
        """A run; `delete_time` says that it is deleted.

        Args:
            given: The run.
            parents: Ids of the runs of the same experiment that may be its parent.
        """
        what = f"run {given.run_id}"
        tags = dict(given.tags)
        parent = tags.get(PARENT, "")
        if parent in parents:
            del tags[PARENT]
        made = pb.Run(
            run_id=given.run_id,
            experiment_id=given.experiment_id,
            name=self._name(what, given.name, tags),
            state=self._state(what, given.status),
            description=tags.pop(NOTE, ""),
            user=given.user,
            parent_run_id=parent if parent in parents else "",
            params={key: pb.ParamValue(string_value=value) for key, value in given.params.items()},
            tags=tags,
            inputs=[dataset_input(one) for one in given.datasets],
            model_inputs=[pb.ModelInput(model_id=one) for one in given.model_inputs],
            model_outputs=[pb.ModelOutput(model_id=one, step=step) for one, step in given.model_outputs],
        )
        self.time(what, "start_time", made.start_time, given.start_ms)
        self.time(what, "end_time", made.end_time, given.end_ms)
        if given.deleted:
            made.delete_time.CopyFrom(self.deletion(what, given.delete_ms))
        return made

    def logged_model(self, given: entities.LoggedModel, run_id: str) -> pb.LoggedModel:
        """A logged model whose files are with a run; `delete_time` says that it is deleted."""
        what = f"logged model {given.model_id}"
        made = pb.LoggedModel(
            model_id=given.model_id,
            run_id=run_id,
            name=given.name,
            status=_MODEL_STATUS.get(given.status, pb.LoggedModel.STATUS_PENDING),
            status_message=given.status_message,
            model_type=given.model_type,
            params={key: pb.ParamValue(string_value=value) for key, value in given.params.items()},
            tags=given.tags,
            metrics=self._last_metrics(given),
        )
        self.times(what, made, given.create_ms, given.update_ms)
        if given.deleted:
            made.delete_time.CopyFrom(self.deletion(what, given.update_ms))
        return made

    def holder(self, given: entities.LoggedModel) -> pb.Run:
        """The run that holds the files of a model that no run made."""
        made = pb.Run(
            run_id=given.model_id,
            experiment_id=given.experiment_id,
            name=given.name,
            state=pb.Run.STATE_FINISHED,
            tags={HOLDS_MODEL: given.model_id},
        )
        for field in (made.start_time, made.end_time):
            self.time(f"logged model {given.model_id}", "create_time", field, given.create_ms)
        return made

    def _last_metrics(self, given: entities.LoggedModel) -> list[pb.ModelMetric]:
        """The last value for each key and dataset; the others are among the points of the runs that measured them."""
        last: dict[tuple[str, str, str], entities.ModelMetric] = {}
        for one in sorted(given.metrics, key=lambda metric: (metric.step, metric.timestamp_ms)):
            last[one.key, one.dataset_name, one.dataset_digest] = one
        if len(last) < len(given.metrics):
            self._problems.note(
                "metrics of logged models that a later value of the same key and dataset replaces; runs keep them all",
                len(given.metrics) - len(last),
            )
        return [_model_metric(one) for one in last.values()]

    def _name(self, what: str, name: str, tags: dict[str, str]) -> str:
        """The name, which MLflow keeps twice."""
        tagged = tags.get(RUN_NAME, "")
        if name and tagged and tagged != name:
            self._problems.add(what, f"tags.{RUN_NAME}", f"{tagged!r} is not the run's name {name!r}; left out.")
        tags.pop(RUN_NAME, None)
        return name or tagged

    def _state(self, what: str, status: str) -> pb.Run.State.ValueType:
        state = _STATES.get(status)
        if state is None:
            self._problems.add(what, "status", f"{status!r} is none that is known; imported as RUNNING.")
            return pb.Run.STATE_RUNNING
        return state

    def times(
        self,
        what: str,
        made: pb.Experiment | pb.LoggedModel | pb.RegisteredModel | pb.ModelVersion,
        create_ms: int | None,
        update_ms: int | None,
    ) -> None:
        """Sets the times of creation and last change, when they are plausible."""
        self.time(what, "create_time", made.create_time, create_ms)
        if update_ms is None:
            return
        if create_ms is not None and update_ms < create_ms:
            self._problems.add(what, "update_time", f"{update_ms} ms is before the creation; left out.")
            return
        self.time(what, "update_time", made.update_time, update_ms)

    def time(self, what: str, field: str, stamp: Timestamp, time_ms: int | None) -> None:
        """Sets a time, when there is one that protobuf can hold."""
        if time_ms is None:
            return
        if not _FIRST_MS <= time_ms <= _LAST_MS:
            self._problems.add(what, field, f"{time_ms} ms is no time of the years 1 to 9999; left out.")
            return
        stamp.FromMilliseconds(time_ms)
        stamp.SetInParent()

    def deletion(self, what: str, time_ms: int | None) -> Timestamp:
        """When something was deleted; the epoch when nobody knows."""
        stamp = Timestamp()
        self.time(what, "delete_time", stamp, time_ms)
        return stamp


def dataset_input(given: entities.DatasetInput) -> pb.DatasetInput:
    """The use of a dataset."""
    tags = dict(given.tags)
    return pb.DatasetInput(
        dataset=pb.Dataset(
            name=given.name,
            digest=given.digest,
            source_type=given.source_type,
            source=given.source,
            schema=given.schema,
            profile=given.profile,
        ),
        context=tags.pop(CONTEXT, ""),
        tags=tags,
    )


def _model_metric(given: entities.ModelMetric) -> pb.ModelMetric:
    return pb.ModelMetric(
        key=given.key,
        value=given.value,
        step=given.step,
        timestamp_ms=given.timestamp_ms,
        dataset_name=given.dataset_name,
        dataset_digest=given.dataset_digest,
        run_id=given.run_id,
    )
