"""What can be read of a logged model; the handles of both clients build on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from milepost import v1 as pb
from milepost._registry_views import ModelStatus
from milepost._values import from_param, from_timestamp

_STATUSES = {status.to_logged_proto(): status for status in ModelStatus}


class LoggedModelView:
    """A logged model as it was when it was read.

    Args:
        proto: The resource.
    """

    def __init__(self, proto: pb.LoggedModel) -> None:
        self.proto = proto

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model_id={self.model_id!r}, name={self.name!r}, status={self.status.value})"

    @property
    def model_id(self) -> str:
        """The id."""
        return self.proto.model_id

    @property
    def uri(self) -> str:
        """What `milepost.load_model` takes: `models:/MODEL_ID`."""
        return f"models:/{self.model_id}"

    @property
    def name(self) -> str:
        """What it is called within its run; need not be unique."""
        return self.proto.name

    @property
    def run_id(self) -> str:
        """The run that made it."""
        return self.proto.run_id

    @property
    def experiment_id(self) -> str:
        """The run's experiment."""
        return self.proto.experiment_id

    @property
    def path(self) -> str:
        """Directory of its files below the run's artifact folder."""
        return self.proto.path

    @property
    def status(self) -> ModelStatus:
        """Whether its files are complete."""
        return _STATUSES.get(self.proto.status, ModelStatus.PENDING)

    @property
    def status_message(self) -> str:
        """Why the upload was given up."""
        return self.proto.status_message

    @property
    def model_type(self) -> str:
        """What it is for, such as `classifier`."""
        return self.proto.model_type

    @property
    def flavors(self) -> list[str]:
        """Flavors that its descriptor names."""
        return list(self.proto.flavors)

    @property
    def params(self) -> dict[str, Any]:
        """Params by key: str, int, float or bool; JSON params decoded."""
        return {key: from_param(value) for key, value in self.proto.params.items()}

    @property
    def tags(self) -> dict[str, str]:
        """Labels by key."""
        return dict(self.proto.tags)

    @property
    def metrics(self) -> list[pb.ModelMetric]:
        """One value for each key and dataset."""
        return list(self.proto.metrics)

    @property
    def files(self) -> list[pb.ModelFile]:
        """Its files with their digests. Lists leave them out."""
        return list(self.proto.files)

    @property
    def sha256(self) -> str:
        """Digest of the list of its files. Empty until it is ready."""
        return self.proto.sha256

    @property
    def size(self) -> int:
        """Bytes of its files. 0 until it is ready."""
        return self.proto.size

    @property
    def create_time(self) -> datetime:
        """When it was created, in UTC."""
        return from_timestamp(self.proto.create_time)

    @property
    def update_time(self) -> datetime:
        """When it last changed, in UTC."""
        return from_timestamp(self.proto.update_time)

    @property
    def deleted(self) -> bool:
        """Whether it is deleted and not purged yet."""
        return self.proto.HasField("delete_time")
