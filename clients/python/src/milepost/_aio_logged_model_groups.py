"""The verbs of the asynchronous client on logged models: those of `milepost.client`, to be awaited."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from milepost import _logged_model_requests as req
from milepost import v1 as pb
from milepost._aio_groups import _Group
from milepost._aio_registry_handles import AsyncLoggedModel
from milepost._logged_model_requests import MeasuredOn
from milepost._pages import AsyncPages
from milepost._registry_views import ModelStatus
from milepost._requests import Op, View
from milepost._values import ModelMetrics


class AsyncLoggedModels(_Group):
    """Verbs on logged models. `milepost.log_model` makes one of a model in memory."""

    async def create(
        self,
        run_id: str | None,
        name: str,
        *,
        experiment_id: str = "",
        output_step: int | None = None,
        model_id: str = "",
        model_type: str = "",
        flavors: Iterable[str] = (),
        signature_json: str = "",
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> AsyncLoggedModel:
        """See `LoggedModels.create`."""
        op = req.create_logged_model(
            run_id,
            name,
            experiment_id=experiment_id,
            output_step=output_step,
            model_id=model_id,
            model_type=model_type,
            flavors=flavors,
            signature_json=signature_json,
            params=params,
            tags=tags,
            request_id=request_id,
        )
        return await self._one(op, timeout)

    async def finalize(
        self,
        model_id: str,
        status: ModelStatus | str = ModelStatus.READY,
        *,
        files: Iterable[pb.ModelFile] = (),
        stored_files: bool = False,
        status_message: str = "",
        flavors: Iterable[str] = (),
        signature_json: str = "",
        timeout: float | None = None,
    ) -> AsyncLoggedModel:
        """See `LoggedModels.finalize`."""
        op = req.finalize_logged_model(
            model_id,
            ModelStatus.parse(status),
            files=files,
            stored_files=stored_files,
            status_message=status_message,
            flavors=flavors,
            signature_json=signature_json,
        )
        return await self._one(op, timeout)

    async def get(self, model_id: str, *, timeout: float | None = None) -> AsyncLoggedModel:
        """See `LoggedModels.get`."""
        return await self._one(req.get_logged_model(model_id), timeout)

    def list(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        fields: Sequence[str] | None = None,
        datasets: Sequence[MeasuredOn] = (),
        order_dataset: MeasuredOn | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[AsyncLoggedModel]:
        """See `LoggedModels.list`."""
        op = req.list_logged_models(filter, order_by, view, fields, datasets, order_dataset)

        async def fetch(token: str, size: int) -> tuple[builtins.list[AsyncLoggedModel], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(await self._experiment_ids(experiment_ids, experiment))
            protos, next_token = await self._transport.call(op.page(token, size), timeout)
            return [AsyncLoggedModel(self._client, proto) for proto in protos], next_token

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def update(
        self,
        model_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        delete_tags: Iterable[str] = (),
        metrics: ModelMetrics | None = None,
        timeout: float | None = None,
    ) -> AsyncLoggedModel:
        """See `LoggedModels.update`."""
        op = req.update_logged_model(model_id, params=params, tags=tags, delete_tags=delete_tags, metrics=metrics)
        return await self._one(op, timeout)

    async def delete(self, model_id: str, *, timeout: float | None = None) -> AsyncLoggedModel:
        """See `LoggedModels.delete`."""
        return await self._one(req.delete_logged_model(model_id), timeout)

    async def restore(self, model_id: str, *, timeout: float | None = None) -> AsyncLoggedModel:
        """See `LoggedModels.restore`."""
        return await self._one(req.restore_logged_model(model_id), timeout)

    async def _one(self, op: Op[pb.LoggedModel], timeout: float | None) -> AsyncLoggedModel:
        return AsyncLoggedModel(self._client, await self._transport.call(op, timeout))
