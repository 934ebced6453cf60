"""Registered models, versions and logged models with verbs, as the synchronous client returns them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from milepost import v1 as pb
from milepost._logged_model_views import LoggedModelView
from milepost._pages import Pages
from milepost._registry_views import ModelStage, ModelStatus, ModelVersionView, RegisteredModelView
from milepost._values import ModelMetrics

if TYPE_CHECKING:
    from milepost.client import Client


class RegisteredModel(RegisteredModelView):
    """A registered model, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: Client, proto: pb.RegisteredModel) -> None:
        super().__init__(proto)
        self._client = client

    def refresh(self) -> RegisteredModel:
        """Reads it again. Returns this handle."""
        self.proto = self._client.registered_models.get(self.name).proto
        return self

    def update(
        self,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        protected_aliases: Mapping[str, Iterable[str]] | None = None,
    ) -> RegisteredModel:
        """Changes what is not None; `tags` and `protected_aliases` replace all. Returns this handle."""
        changed = self._client.registered_models.update(
            self.name, description=description, tags=tags, protected_aliases=protected_aliases
        )
        self.proto = changed.proto
        return self

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""
        self.proto = self._client.registered_models.update_tags(self.name, set=tags).proto

    def delete_tags(self, *keys: str) -> None:
        """Removes tags. Raises `TagNotFound` when there is no such tag."""
        self.proto = self._client.registered_models.update_tags(self.name, delete=keys).proto

    def set_alias(self, alias: str, version: int, *, expected_version: int | None = None) -> None:
        """Points an alias to a version; arguments as of `RegisteredModels.set_alias`."""
        changed = self._client.registered_models.set_alias(self.name, alias, version, expected_version=expected_version)
        self.proto = changed.proto

    def delete_alias(self, alias: str, *, expected_version: int | None = None) -> None:
        """Removes an alias. Raises `AliasNotFound`, `AliasMoved`."""
        changed = self._client.registered_models.delete_alias(self.name, alias, expected_version=expected_version)
        self.proto = changed.proto

    def version(self, version: int | str) -> ModelVersion:
        """One of its versions, by number or by alias. Raises `ModelVersionNotFound`, `AliasNotFound`."""
        if isinstance(version, int):
            return self._client.model_versions.get(self.name, version)
        return self._client.model_versions.get_by_alias(self.name, version)

    def versions(self, filter: str = "", order_by: str = "", **options: Any) -> Pages[ModelVersion]:
        """Its versions; arguments as of `ModelVersions.list`."""
        return self._client.model_versions.list(self.name, filter=filter, order_by=order_by, **options)

    def rename(self, new_name: str) -> RegisteredModel:
        """Gives it another name. Returns this handle."""
        self.proto = self._client.registered_models.rename(self.name, new_name).proto
        return self

    def delete(self) -> None:
        """Removes it with its versions and aliases for good."""
        self._client.registered_models.delete(self.name)


class ModelVersion(ModelVersionView):
    """A version of a registered model, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: Client, proto: pb.ModelVersion) -> None:
        super().__init__(proto)
        self._client = client

    def refresh(self) -> ModelVersion:
        """Reads it again. Returns this handle."""
        self.proto = self._client.model_versions.get(self.name, self.version).proto
        return self

    def update(
        self,
        *,
        description: str | None = None,
        model_card: str | None = None,
        tags: Mapping[str, str] | None = None,
        status: ModelStatus | str | None = None,
        status_message: str | None = None,
    ) -> ModelVersion:
        """Changes what is not None; `tags` replaces all tags. Returns this handle."""
        changed = self._client.model_versions.update(
            self.name,
            self.version,
            description=description,
            model_card=model_card,
            tags=tags,
            status=status,
            status_message=status_message,
        )
        self.proto = changed.proto
        return self

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""
        self.proto = self._client.model_versions.update_tags(self.name, self.version, set=tags).proto

    def delete_tags(self, *keys: str) -> None:
        """Removes tags. Raises `TagNotFound` when there is no such tag."""
        self.proto = self._client.model_versions.update_tags(self.name, self.version, delete=keys).proto

    def set_alias(self, alias: str, *, expected_version: int | None = None) -> None:
        """Points an alias to it; arguments as of `RegisteredModels.set_alias`."""
        self._client.registered_models.set_alias(self.name, alias, self.version, expected_version=expected_version)
        self.refresh()

    def transition(self, stage: ModelStage | str, *, archive_existing: bool = False) -> list[int]:
        """Moves it to a stage. Returns the numbers of the versions that were archived."""
        changed, archived = self._client.model_versions.transition(
            self.name, self.version, stage, archive_existing=archive_existing
        )
        self.proto = changed.proto
        return archived

    def copy(self, destination: str, *, create_model: bool = False) -> ModelVersion:
        """Makes the next version of another registered model of the same files. Returns that."""
        return self._client.model_versions.copy(self.name, self.version, destination, create_model=create_model)

    def delete(self) -> None:
        """Removes it and its aliases for good."""
        self._client.model_versions.delete(self.name, self.version)


class LoggedModel(LoggedModelView):
    """A logged model, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: Client, proto: pb.LoggedModel) -> None:
        super().__init__(proto)
        self._client = client

    def refresh(self) -> LoggedModel:
        """Reads it again, with its files. Returns this handle."""
        self.proto = self._client.logged_models.get(self.model_id).proto
        return self

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs params. Raises `ParamConflict` for one that has another value."""
        self.proto = self._client.logged_models.update(self.model_id, params=params).proto

    def log_metrics(self, metrics: ModelMetrics) -> None:
        """Logs a value by key, or metrics with their datasets and steps."""
        self.proto = self._client.logged_models.update(self.model_id, metrics=metrics).proto

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""
        self.proto = self._client.logged_models.update(self.model_id, tags=tags).proto

    def delete_tags(self, *keys: str) -> None:
        """Removes tags. Raises `TagNotFound` when there is no such tag."""
        self.proto = self._client.logged_models.update(self.model_id, delete_tags=keys).proto

    def delete(self) -> None:
        """Marks it as deleted. Raises `ModelInUse` while versions of registered models consist of it."""
        self.proto = self._client.logged_models.delete(self.model_id).proto

    def restore(self) -> None:
        """Takes `delete` back."""
        self.proto = self._client.logged_models.restore(self.model_id).proto
