"""What can be read of an experiment or a run; the handles of both clients build on it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from milepost import v1 as pb
from milepost._values import from_param, from_timestamp, parse_member


class RunState(str, enum.Enum):
    """Where a run stands. A state that this client does not know reads as `RUNNING`."""

    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def final(self) -> bool:
        """Whether the run has ended."""
        return self not in (RunState.SCHEDULED, RunState.RUNNING)

    def to_proto(self) -> pb.Run.State.ValueType:
        """The proto's value."""
        return pb.Run.State.Value(f"STATE_{self.value}")

    @classmethod
    def from_proto(cls, state: pb.Run.State.ValueType) -> RunState:
        """The state of a proto's value."""
        return _STATES.get(state, cls.RUNNING)

    @classmethod
    def parse(cls, text: str) -> RunState:
        """The state of a name in any case. Raises `ValueError` that lists the names."""
        return parse_member(cls, text, "state of a run")


_STATES = {state.to_proto(): state for state in RunState}


class ExperimentView:
    """An experiment as it was when it was read.

    Args:
        proto: The resource.
    """

    def __init__(self, proto: pb.Experiment) -> None:
        self.proto = proto

    def __repr__(self) -> str:
        return f"{type(self).__name__}(experiment_id={self.experiment_id!r}, name={self.name!r})"

    @property
    def experiment_id(self) -> str:
        """The id."""
        return self.proto.experiment_id

    @property
    def name(self) -> str:
        """The unique name."""
        return self.proto.name

    @property
    def description(self) -> str:
        """Free text."""
        return self.proto.description

    @property
    def tags(self) -> dict[str, str]:
        """Labels by key."""
        return dict(self.proto.tags)

    @property
    def artifact_root(self) -> str:
        """URL of the folder of its runs' artifacts."""
        return self.proto.artifact_root

    @property
    def create_time(self) -> datetime:
        """When it was created, in UTC."""
        return from_timestamp(self.proto.create_time)

    @property
    def update_time(self) -> datetime:
        """When it was last changed, in UTC."""
        return from_timestamp(self.proto.update_time)

    @property
    def deleted(self) -> bool:
        """Whether it is deleted and not purged yet."""
        return self.proto.HasField("delete_time")

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return self.proto.etag


class RunView:
    """A run as it was when it was read.

    Args:
        proto: The resource. Replaced, never changed.
    """

    def __init__(self, proto: pb.Run) -> None:
        self._proto = proto

    def __repr__(self) -> str:
        return f"{type(self).__name__}(run_id={self.run_id!r}, name={self.name!r}, state={self.state.value})"

    @property
    def proto(self) -> pb.Run:
        """The resource."""
        return self._proto

    @property
    def run_id(self) -> str:
        """The id."""
        return self.proto.run_id

    @property
    def experiment_id(self) -> str:
        """The id of its experiment."""
        return self.proto.experiment_id

    @property
    def name(self) -> str:
        """The name shown in lists."""
        return self.proto.name

    @property
    def state(self) -> RunState:
        """Where it stands."""
        return RunState.from_proto(self.proto.state)

    @property
    def start_time(self) -> datetime:
        """When it began, in UTC."""
        return from_timestamp(self.proto.start_time)

    @property
    def end_time(self) -> datetime | None:
        """When it ended, in UTC. None while it goes on."""
        return from_timestamp(self.proto.end_time) if self.proto.HasField("end_time") else None

    @property
    def description(self) -> str:
        """Free text."""
        return self.proto.description

    @property
    def user(self) -> str:
        """Who started it."""
        return self.proto.user

    @property
    def parent_run_id(self) -> str:
        """The run that it is nested in. Empty for none."""
        return self.proto.parent_run_id

    @property
    def params(self) -> dict[str, Any]:
        """Params by key: str, int, float or bool; JSON params decoded."""
        return {key: from_param(value) for key, value in self.proto.params.items()}

    @property
    def tags(self) -> dict[str, str]:
        """Labels by key."""
        return dict(self.proto.tags)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric by key; last by step, then time."""
        return {key: summary.last for key, summary in self.proto.metrics.items()}

    @property
    def metric_summaries(self) -> dict[str, pb.MetricSummary]:
        """First, last, smallest and greatest value and count of each metric by key."""
        return dict(self.proto.metrics)

    @property
    def inputs(self) -> list[pb.DatasetInput]:
        """Datasets that it read."""
        return list(self.proto.inputs)

    @property
    def model_inputs(self) -> list[str]:
        """Ids of logged models that it used."""
        return [model.model_id for model in self.proto.model_inputs]

    @property
    def model_outputs(self) -> dict[str, int]:
        """Step of each logged model that it made, by the model's id, in order of the steps."""
        return {model.model_id: model.step for model in self.proto.model_outputs}

    @property
    def artifact_root(self) -> str:
        """URL of the folder of its artifacts."""
        return self.proto.artifact_root

    @property
    def deleted(self) -> bool:
        """Whether it is deleted and not purged yet."""
        return self.proto.HasField("delete_time")

    @property
    def etag(self) -> str:
        """Changes with every change of its fields."""
        return self.proto.etag
