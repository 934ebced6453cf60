"""The verbs of the asynchronous client on the model registry: those of `milepost.client`, to be awaited."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence

from milepost import _methods as rpc
from milepost import _registry_requests as req
from milepost import v1 as pb
from milepost._aio_groups import _Group
from milepost._aio_registry_handles import AsyncRegisteredModel
from milepost._pages import AsyncPages
from milepost._requests import Op
from milepost._watching import AsyncWatch


class AsyncRegisteredModels(_Group):
    """Verbs on registered models and their aliases."""

    async def create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        protected_aliases: Mapping[str, Iterable[str]] | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> AsyncRegisteredModel:
        """See `RegisteredModels.create`."""
        return await self._one(
            req.create_registered_model(name, description, tags, protected_aliases, request_id), timeout
        )

    async def get(self, name: str, *, timeout: float | None = None) -> AsyncRegisteredModel:
        """See `RegisteredModels.get`."""
        return await self._one(req.get_registered_model(name), timeout)

    def list(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        fields: Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[AsyncRegisteredModel]:
        """See `RegisteredModels.list`."""
        op = req.list_registered_models(filter, order_by, fields)

        async def fetch(token: str, size: int) -> tuple[builtins.list[AsyncRegisteredModel], str]:
            protos, next_token = await self._transport.call(op.page(token, size), timeout)
            return [AsyncRegisteredModel(self._client, proto) for proto in protos], next_token

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def update(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        protected_aliases: Mapping[str, Iterable[str]] | None = None,
        etag: str = "",
        timeout: float | None = None,
    ) -> AsyncRegisteredModel:
        """See `RegisteredModels.update`."""
        return await self._one(req.update_registered_model(name, description, tags, protected_aliases, etag), timeout)

    async def update_tags(
        self,
        name: str,
        set: Mapping[str, str] | None = None,
        delete: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> AsyncRegisteredModel:
        """See `RegisteredModels.update_tags`."""
        response = await self._transport.call(req.update_model_tags(name, 0, set, delete), timeout)
        return AsyncRegisteredModel(self._client, response.registered_model)

    async def rename(self, name: str, new_name: str, *, timeout: float | None = None) -> AsyncRegisteredModel:
        """See `RegisteredModels.rename`."""
        return await self._one(req.rename_registered_model(name, new_name), timeout)

    async def delete(self, name: str, *, timeout: float | None = None) -> None:
        """See `RegisteredModels.delete`."""
        await self._transport.call(req.delete_registered_model(name), timeout)

    async def set_alias(
        self,
        name: str,
        alias: str,
        version: int,
        *,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> AsyncRegisteredModel:
        """See `RegisteredModels.set_alias`."""
        return await self._one(req.set_model_alias(name, alias, version, expected_version), timeout)

    async def delete_alias(
        self, name: str, alias: str, *, expected_version: int | None = None, timeout: float | None = None
    ) -> AsyncRegisteredModel:
        """See `RegisteredModels.delete_alias`."""
        return await self._one(req.delete_model_alias(name, alias, expected_version), timeout)

    async def _one(self, op: Op[pb.RegisteredModel], timeout: float | None) -> AsyncRegisteredModel:
        return AsyncRegisteredModel(self._client, await self._transport.call(op, timeout))


class AsyncRegistry(_Group):
    """What happened in the model registry."""

    def events(
        self,
        name: str = "",
        *,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[pb.RegistryEvent]:
        """See `Registry.events`."""
        op = req.list_registry_events(name)
        return AsyncPages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )

    def watch(
        self, name: str = "", *, resume_token: str = "", timeout: float | None = None
    ) -> AsyncWatch[pb.RegistryEvent]:
        """See `Registry.watch`."""
        request = req.watch_registry(name, resume_token)

        def read(response: pb.WatchRegistryResponse) -> builtins.list[pb.RegistryEvent]:
            return [*response.events]

        return self._watch(rpc.WATCH_REGISTRY, request, read, timeout)
