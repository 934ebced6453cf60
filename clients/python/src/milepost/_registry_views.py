"""What can be read of a registered model or of a version; the handles of both clients build on it."""

from __future__ import annotations

import enum
from datetime import datetime

from milepost import v1 as pb
from milepost._values import from_timestamp, parse_member


class ModelStatus(str, enum.Enum):
    """Whether the files of a model are complete. A status that this client does not know reads as `PENDING`."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    def to_version_proto(self) -> pb.ModelVersion.Status.ValueType:
        """The value for a version of a registered model."""
        return pb.ModelVersion.Status.Value(f"STATUS_{self.value}")

    def to_logged_proto(self) -> pb.LoggedModel.Status.ValueType:
        """The value for a logged model."""
        return pb.LoggedModel.Status.Value(f"STATUS_{self.value}")

    @classmethod
    def parse(cls, text: str) -> ModelStatus:
        """The status of a name in any case. Raises `ValueError` that lists the names."""
        return parse_member(cls, text, "status of a model")


class ModelStage(str, enum.Enum):
    """Place of a version in a process of release. A stage that this client does not know reads as `NONE`."""

    NONE = "NONE"
    STAGING = "STAGING"
    PRODUCTION = "PRODUCTION"
    ARCHIVED = "ARCHIVED"

    def to_proto(self) -> pb.ModelVersion.Stage.ValueType:
        """The proto's value."""
        return pb.ModelVersion.Stage.Value(f"STAGE_{self.value}")

    @classmethod
    def parse(cls, text: str) -> ModelStage:
        """The stage of a name in any case. Raises `ValueError` that lists the names."""
        return parse_member(cls, text, "stage of a version")


_STAGES = {stage.to_proto(): stage for stage in ModelStage}
_STATUSES = {status.to_version_proto(): status for status in ModelStatus}


class RegisteredModelView:
    """A registered model as it was when it was read.

    Args:
        proto: The resource.
    """

    def __init__(self, proto: pb.RegisteredModel) -> None:
        self.proto = proto

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, latest_version={self.latest_version})"

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
    def aliases(self) -> dict[str, int]:
        """Number of the version that each alias points to, by the alias."""
        return dict(self.proto.aliases)

    @property
    def protected_aliases(self) -> dict[str, list[str]]:
        """Who may move an alias, for each protected one."""
        return {alias: list(protection.principals) for alias, protection in self.proto.protected_aliases.items()}

    @property
    def latest_version(self) -> int:
        """Greatest number of a version that exists. 0 without one."""
        return self.proto.latest_version

    @property
    def version_count(self) -> int:
        """Number of versions that exist."""
        return self.proto.version_count

    @property
    def create_time(self) -> datetime:
        """When it was created, in UTC."""
        return from_timestamp(self.proto.create_time)

    @property
    def update_time(self) -> datetime:
        """When it, its aliases or the set of its versions last changed, in UTC."""
        return from_timestamp(self.proto.update_time)

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return self.proto.etag


class ModelVersionView:
    """A version of a registered model as it was when it was read.

    Args:
        proto: The resource.
    """

    def __init__(self, proto: pb.ModelVersion) -> None:
        self.proto = proto

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, version={self.version}, status={self.status.value})"

    @property
    def name(self) -> str:
        """Name of the registered model."""
        return self.proto.name

    @property
    def version(self) -> int:
        """The number."""
        return self.proto.version

    @property
    def uri(self) -> str:
        """What `milepost.load_model` takes: `models:/NAME/VERSION`."""
        return f"models:/{self.name}/{self.version}"

    @property
    def description(self) -> str:
        """Free text."""
        return self.proto.description

    @property
    def model_card(self) -> str:
        """The model card. Lists leave it out unless they are asked for it."""
        return self.proto.model_card

    @property
    def tags(self) -> dict[str, str]:
        """Labels by key."""
        return dict(self.proto.tags)

    @property
    def aliases(self) -> list[str]:
        """Aliases that point to it."""
        return list(self.proto.aliases)

    @property
    def stage(self) -> ModelStage:
        """Its place in a process of release."""
        return _STAGES.get(self.proto.stage, ModelStage.NONE)

    @property
    def status(self) -> ModelStatus:
        """Whether its files are complete."""
        return _STATUSES.get(self.proto.status, ModelStatus.PENDING)

    @property
    def model_id(self) -> str:
        """Id of the logged model that it consists of. Empty for none."""
        return self.proto.model_id

    @property
    def run_id(self) -> str:
        """The run whose artifacts hold its files. Empty for none."""
        return self.proto.run_id

    @property
    def path(self) -> str:
        """Directory of its files below the run's artifact folder."""
        return self.proto.path

    @property
    def source_uri(self) -> str:
        """Where its files are, when the server does not keep them."""
        return self.proto.source_uri

    @property
    def sha256(self) -> str:
        """Digest of the list of its files. Empty when it is not known."""
        return self.proto.sha256

    @property
    def size(self) -> int:
        """Bytes of its files. 0 when the server does not keep them."""
        return self.proto.size

    @property
    def inputs(self) -> list[pb.DatasetInput]:
        """Datasets that its run had read when it was created."""
        return list(self.proto.inputs)

    @property
    def user(self) -> str:
        """Who created it."""
        return self.proto.user

    @property
    def create_time(self) -> datetime:
        """When it was created, in UTC."""
        return from_timestamp(self.proto.create_time)

    @property
    def update_time(self) -> datetime:
        """When it was last changed, in UTC."""
        return from_timestamp(self.proto.update_time)

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return self.proto.etag
