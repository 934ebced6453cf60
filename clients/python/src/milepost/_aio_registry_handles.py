"""Registered models, versions and logged models with verbs, those of `milepost.client` to be awaited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from milepost import v1 as pb
from milepost._logged_model_views import LoggedModelView
from milepost._pages import AsyncPages
from milepost._registry_views import ModelStage, ModelStatus, ModelVersionView, RegisteredModelView
from milepost._values import ModelMetrics

if TYPE_CHECKING:
    from milepost.aio import AsyncClient


class AsyncRegisteredModel(RegisteredModelView):
    """A registered model, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: AsyncClient, proto: pb.RegisteredModel) -> None:
        super().__init__(proto)
        self._client = client

    async def refresh(self) -> AsyncRegisteredModel:
        """See `RegisteredModel.refresh`."""
        self.proto = (await self._client.registered_models.get(self.name)).proto
        return self

    async def update(
        self,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        protected_aliases: Mapping[str, Iterable[str]] | None = None,
    ) -> AsyncRegisteredModel:
        """See `RegisteredModel.update`."""
        changed = await self._client.registered_models.update(
            self.name, description=description, tags=tags, protected_aliases=protected_aliases
        )
        self.proto = changed.proto
        return self

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `RegisteredModel.set_tags`."""
        self.proto = (await self._client.registered_models.update_tags(self.name, set=tags)).proto

    async def delete_tags(self, *keys: str) -> None:
        """See `RegisteredModel.delete_tags`."""
        self.proto = (await self._client.registered_models.update_tags(self.name, delete=keys)).proto

    async def set_alias(self, alias: str, version: int, *, expected_version: int | None = None) -> None:
        """See `RegisteredModel.set_alias`."""
        changed = await self._client.registered_models.set_alias(
            self.name, alias, version, expected_version=expected_version
        )
        self.proto = changed.proto

    async def delete_alias(self, alias: str, *, expected_version: int | None = None) -> None:
        """See `RegisteredModel.delete_alias`."""
        changed = await self._client.registered_models.delete_alias(self.name, alias, expected_version=expected_version)
        self.proto = changed.proto

    async def version(self, version: int | str) -> AsyncModelVersion:
        """See `RegisteredModel.version`."""
        if isinstance(version, int):
            return await self._client.model_versions.get(self.name, version)
        return await self._client.model_versions.get_by_alias(self.name, version)

    def versions(self, filter: str = "", order_by: str = "", **options: Any) -> AsyncPages[AsyncModelVersion]:
        """See `RegisteredModel.versions`."""
        return self._client.model_versions.list(self.name, filter=filter, order_by=order_by, **options)

    async def rename(self, new_name: str) -> AsyncRegisteredModel:
        """See `RegisteredModel.rename`."""
        self.proto = (await self._client.registered_models.rename(self.name, new_name)).proto
        return self

    async def delete(self) -> None:
        """See `RegisteredModel.delete`."""
        await self._client.registered_models.delete(self.name)


class AsyncModelVersion(ModelVersionView):
    """A version of a registered model, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: AsyncClient, proto: pb.ModelVersion) -> None:
        super().__init__(proto)
        self._client = client

    async def refresh(self) -> AsyncModelVersion:
        """See `ModelVersion.refresh`."""
        self.proto = (await self._client.model_versions.get(self.name, self.version)).proto
        return self

    async def update(
        self,
        *,
        description: str | None = None,
        model_card: str | None = None,
        tags: Mapping[str, str] | None = None,
        status: ModelStatus | str | None = None,
        status_message: str | None = None,
    ) -> AsyncModelVersion:
        """See `ModelVersion.update`."""
        changed = await self._client.model_versions.update(
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

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `ModelVersion.set_tags`."""
        self.proto = (await self._client.model_versions.update_tags(self.name, self.version, set=tags)).proto

    async def delete_tags(self, *keys: str) -> None:
        """See `ModelVersion.delete_tags`."""
        self.proto = (await self._client.model_versions.update_tags(self.name, self.version, delete=keys)).proto

    async def set_alias(self, alias: str, *, expected_version: int | None = None) -> None:
        """See `ModelVersion.set_alias`."""
        await self._client.registered_models.set_alias(
            self.name, alias, self.version, expected_version=expected_version
        )
        await self.refresh()

    async def transition(self, stage: ModelStage | str, *, archive_existing: bool = False) -> list[int]:
        """See `ModelVersion.transition`."""
        changed, archived = await self._client.model_versions.transition(
            self.name, self.version, stage, archive_existing=archive_existing
        )
        self.proto = changed.proto
        return archived

    async def copy(self, destination: str, *, create_model: bool = False) -> AsyncModelVersion:
        """See `ModelVersion.copy`."""
        return await self._client.model_versions.copy(self.name, self.version, destination, create_model=create_model)

    async def delete(self) -> None:
        """See `ModelVersion.delete`."""
        await self._client.model_versions.delete(self.name, self.version)


class AsyncLoggedModel(LoggedModelView):
    """A logged model, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: AsyncClient, proto: pb.LoggedModel) -> None:
        super().__init__(proto)
        self._client = client

    async def refresh(self) -> AsyncLoggedModel:
        """See `LoggedModel.refresh`."""
        self.proto = (await self._client.logged_models.get(self.model_id)).proto
        return self

    async def log_params(self, params: Mapping[str, Any]) -> None:
        """See `LoggedModel.log_params`."""
        self.proto = (await self._client.logged_models.update(self.model_id, params=params)).proto

    async def log_metrics(self, metrics: ModelMetrics) -> None:
        """See `LoggedModel.log_metrics`."""
        self.proto = (await self._client.logged_models.update(self.model_id, metrics=metrics)).proto

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `LoggedModel.set_tags`."""
        self.proto = (await self._client.logged_models.update(self.model_id, tags=tags)).proto

    async def delete_tags(self, *keys: str) -> None:
        """See `LoggedModel.delete_tags`."""
        self.proto = (await self._client.logged_models.update(self.model_id, delete_tags=keys)).proto

    async def delete(self) -> None:
        """See `LoggedModel.delete`."""
        self.proto = (await self._client.logged_models.delete(self.model_id)).proto

    async def restore(self) -> None:
        """See `LoggedModel.restore`."""
        self.proto = (await self._client.logged_models.restore(self.model_id)).proto
