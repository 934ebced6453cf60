"""What services may ask of a database about registered models and their versions. See `storage.base`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from milepost import v1 as pb

if TYPE_CHECKING:
    from milepost_server.storage.base import Page, Query


@dataclass(frozen=True)
class ModelKey:
    """Where a registered model is stored, for the methods that write it.

    Args:
        row: Its number in the database.
        name: Its name.
    """

    row: int
    name: str


@dataclass(frozen=True)
class VersionKey:
    """Where a version is stored, for the methods that write it.

    Args:
        row: Its number in the database.
        version: Its number within the model.
        stage: Its stage.
    """

    row: int
    version: int
    stage: pb.ModelVersion.Stage.ValueType


class RegisteredModels(Protocol):
    """Registered models with their tags and aliases.

    Whoever changes a model, its aliases or its versions locks the model first: all changes of one follow each other.
    """

    async def create(self, model: pb.RegisteredModel, now_us: int) -> ModelKey | None:
        """Stores a new model with its tags and protected aliases, and locks it; None when the name is taken."""

    async def get(self, name: str) -> pb.RegisteredModel | None:
        """The model."""

    async def exists(self, name: str) -> bool:
        """Whether there is a model of that name."""

    async def lock(self, name: str) -> ModelKey | None:
        """Where the model is stored, kept from changing until the transaction ends."""

    async def list(self, query: Query) -> Page[pb.RegisteredModel]:
        """A page of models."""

    async def update(self, key: ModelKey, model: pb.RegisteredModel, fields: Collection[str], now_us: int) -> None:
        """Writes those of `description` and `protected_aliases` that are named, and when the model last changed."""

    async def set_times(self, key: ModelKey, create_us: int, update_us: int) -> None:
        """Writes when the model was created and last changed."""

    async def rename(self, key: ModelKey, name: str, now_us: int) -> bool:
        """Gives the model another name; false when that is taken. Versions get no number that either name ever had."""

    async def delete(self, key: ModelKey) -> None:
        """Removes the model with all that belongs to it, but remembers the greatest number of its versions."""

    async def set_tags(self, key: ModelKey, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""

    async def delete_tags(self, key: ModelKey, keys: Collection[str]) -> None:
        """Removes tags."""

    async def set_alias(self, key: ModelKey, alias: str, version: VersionKey) -> None:
        """Points an alias to a version."""

    async def delete_aliases(self, key: ModelKey, aliases: Collection[str]) -> None:
        """Removes aliases."""


class ModelVersions(Protocol):
    """Versions of registered models with their tags and aliases."""

    async def create(self, model: ModelKey, version: pb.ModelVersion, now_us: int) -> int:
        """Stores a new version with its tags and returns its number: the next one."""

    async def create_numbered(
        self, model: ModelKey, version: pb.ModelVersion, create_us: int, update_us: int
    ) -> VersionKey:
        """Stores a new version with its tags under the number that it has, which must be free."""

    async def last_number(self, model: ModelKey) -> int:
        """The greatest number ever given to a version under the model's name; 0 when there was none."""

    async def raise_last_number(self, model: ModelKey, number: int) -> None:
        """Has versions that are created from now on get numbers greater than one, and than all given before."""

    async def get(self, name: str, version: int) -> pb.ModelVersion | None:
        """The version."""

    async def by_alias(self, name: str, alias: str) -> pb.ModelVersion | None:
        """The version that an alias points to."""

    async def latest(self, name: str) -> pb.ModelVersion | None:
        """The version with the greatest number."""

    async def latest_of_stages(self, names: Collection[str]) -> Sequence[pb.ModelVersion]:
        """Of each model and stage the version with the greatest number, by that number. Model cards are not filled."""

    async def key(self, model: ModelKey, version: int) -> VersionKey | None:
        """Where the version is stored."""

    async def in_stage(self, model: ModelKey, stage: pb.ModelVersion.Stage.ValueType) -> Sequence[VersionKey]:
        """The model's versions of a stage, by number."""

    async def list(self, query: Query) -> Page[pb.ModelVersion]:
        """A page of versions; the model card is filled only when the fields name it."""

    async def update(self, key: VersionKey, version: pb.ModelVersion, fields: Collection[str], now_us: int) -> None:
        """Writes those of `description`, `model_card`, `status` and `status_message` that are named, and when."""

    async def set_stage(self, keys: Sequence[VersionKey], stage: pb.ModelVersion.Stage.ValueType, now_us: int) -> None:
        """Moves versions to a stage."""

    async def delete(self, key: VersionKey) -> None:
        """Removes the version with its tags and the aliases that point to it."""

    async def set_tags(self, key: VersionKey, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""

    async def delete_tags(self, key: VersionKey, keys: Collection[str]) -> None:
        """Removes tags."""
