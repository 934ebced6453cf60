"""The verbs of the asynchronous client on versions of registered models: those of `milepost.client`, to be awaited."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence

from milepost import _registry_requests as req
from milepost import v1 as pb
from milepost._aio_groups import _Group
from milepost._aio_registry_handles import AsyncModelVersion
from milepost._pages import AsyncPages
from milepost._registry_views import ModelStage, ModelStatus
from milepost._requests import Op


class AsyncModelVersions(_Group):
    """Verbs on versions of registered models."""

    async def create(
        self,
        name: str,
        *,
        model_id: str = "",
        run_id: str = "",
        path: str = "",
        source_uri: str = "",
        description: str = "",
        model_card: str = "",
        tags: Mapping[str, str] | None = None,
        status: ModelStatus | str = ModelStatus.READY,
        sha256: str = "",
        copied_from: pb.ModelVersionOrigin | None = None,
        user: str | None = None,
        create_model: bool = False,
        request_id: str = "",
        timeout: float | None = None,
    ) -> AsyncModelVersion:
        """See `ModelVersions.create`."""
        version = pb.ModelVersion(
            name=name,
            model_id=model_id,
            run_id=run_id,
            path=path,
            source_uri=source_uri,
            description=description,
            model_card=model_card,
            tags=tags or {},
            status=ModelStatus.parse(status).to_version_proto(),
            sha256=sha256,
            copied_from=copied_from,
            user=req.creator(user),
        )
        return await self._one(req.create_model_version(version, create_model, request_id), timeout)

    async def get(self, name: str, version: int, *, timeout: float | None = None) -> AsyncModelVersion:
        """See `ModelVersions.get`."""
        return await self._one(req.get_model_version(name, version), timeout)

    async def get_by_alias(self, name: str, alias: str, *, timeout: float | None = None) -> AsyncModelVersion:
        """See `ModelVersions.get_by_alias`."""
        return await self._one(req.get_model_version_by_alias(name, alias), timeout)

    def list(
        self,
        name: str = "",
        *,
        filter: str = "",
        order_by: str = "",
        fields: Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[AsyncModelVersion]:
        """See `ModelVersions.list`."""
        op = req.list_model_versions(req.of_model(name, filter), order_by, fields)

        async def fetch(token: str, size: int) -> tuple[builtins.list[AsyncModelVersion], str]:
            protos, next_token = await self._transport.call(op.page(token, size), timeout)
            return [AsyncModelVersion(self._client, proto) for proto in protos], next_token

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def update(
        self,
        name: str,
        version: int,
        *,
        description: str | None = None,
        model_card: str | None = None,
        tags: Mapping[str, str] | None = None,
        status: ModelStatus | str | None = None,
        status_message: str | None = None,
        etag: str = "",
        timeout: float | None = None,
    ) -> AsyncModelVersion:
        """See `ModelVersions.update`."""
        op = req.update_model_version(
            name,
            version,
            description=description,
            model_card=model_card,
            tags=tags,
            status=None if status is None else ModelStatus.parse(status),
            status_message=status_message,
            etag=etag,
        )
        return await self._one(op, timeout)

    async def update_tags(
        self,
        name: str,
        version: int,
        set: Mapping[str, str] | None = None,
        delete: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> AsyncModelVersion:
        """See `ModelVersions.update_tags`."""
        response = await self._transport.call(req.update_model_tags(name, version, set, delete), timeout)
        return AsyncModelVersion(self._client, response.model_version)

    async def transition(
        self,
        name: str,
        version: int,
        stage: ModelStage | str,
        *,
        archive_existing: bool = False,
        timeout: float | None = None,
    ) -> tuple[AsyncModelVersion, builtins.list[int]]:
        """See `ModelVersions.transition`."""
        op = req.transition_model_version(name, version, ModelStage.parse(stage), archive_existing)
        response = await self._transport.call(op, timeout)
        return AsyncModelVersion(self._client, response.model_version), [*response.archived_versions]

    async def delete(self, name: str, version: int, *, timeout: float | None = None) -> None:
        """See `ModelVersions.delete`."""
        await self._transport.call(req.delete_model_version(name, version), timeout)

    async def copy(
        self,
        name: str,
        version: int,
        destination: str,
        *,
        create_model: bool = False,
        timeout: float | None = None,
    ) -> AsyncModelVersion:
        """See `ModelVersions.copy`."""
        return await self._one(req.copy_model_version(name, version, destination, create_model), timeout)

    async def _one(self, op: Op[pb.ModelVersion], timeout: float | None) -> AsyncModelVersion:
        return AsyncModelVersion(self._client, await self._transport.call(op, timeout))
