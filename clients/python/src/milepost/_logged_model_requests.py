"""What each verb on logged models sends and how its answer is read; see `milepost._requests`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._registry_views import ModelStatus
from milepost._requests import Op, PagedOp, View, _mask, _view, op
from milepost._values import ModelMetrics, to_model_metrics, to_params


def _logged_model(response: Any) -> pb.LoggedModel:
    model: pb.LoggedModel = response.logged_model
    return model


def create_logged_model(
    run_id: str | None,
    name: str,
    *,
    experiment_id: str,
    output_step: int | None,
    model_id: str,
    model_type: str,
    flavors: Iterable[str],
    signature_json: str,
    params: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    request_id: str,
) -> Op[pb.LoggedModel]:
    """See `LoggedModels.create`."""
    model = pb.LoggedModel(
        run_id=run_id or "",
        experiment_id=experiment_id,
        name=name,
        model_id=model_id,
        model_type=model_type,
        flavors=flavors,
        signature_json=signature_json,
        params=to_params(params or {}),
        tags=tags or {},
    )
    request = pb.CreateLoggedModelRequest(logged_model=model, request_id=request_id, output_step=output_step)
    return op(rpc.CREATE_LOGGED_MODEL, request, _logged_model)


def finalize_logged_model(
    model_id: str,
    status: ModelStatus,
    *,
    files: Iterable[pb.ModelFile],
    stored_files: bool,
    status_message: str,
    flavors: Iterable[str],
    signature_json: str,
) -> Op[pb.LoggedModel]:
    """See `LoggedModels.finalize`."""
    request = pb.FinalizeLoggedModelRequest(
        model_id=model_id,
        status=status.to_logged_proto(),
        files=files,
        stored_files=stored_files,
        status_message=status_message,
        flavors=flavors,
        signature_json=signature_json,
    )
    return op(rpc.FINALIZE_LOGGED_MODEL, request, _logged_model)


def get_logged_model(model_id: str) -> Op[pb.LoggedModel]:
    """See `LoggedModels.get`."""
    return op(rpc.GET_LOGGED_MODEL, pb.GetLoggedModelRequest(model_id=model_id), _logged_model)


MeasuredOn: TypeAlias = "str | tuple[str, str]"
"""A dataset that metrics of models were measured on: its name, or name and digest."""


def list_logged_models(
    filter: str,
    order_by: str,
    view: View,
    fields: Sequence[str] | None,
    datasets: Sequence[MeasuredOn],
    order_dataset: MeasuredOn | None,
) -> PagedOp[pb.LoggedModel]:
    """See `LoggedModels.list`."""
    request = pb.ListLoggedModelsRequest(
        filter=filter,
        order_by=order_by,
        view=_view(view),
        read_mask=_mask(fields),
        datasets=[_dataset(one) for one in datasets],
        order_dataset=None if order_dataset is None else _dataset(order_dataset),
    )
    return PagedOp(rpc.LIST_LOGGED_MODELS, request, lambda response: response.logged_models)


def _dataset(given: MeasuredOn) -> pb.ModelDataset:
    name, digest = (given, "") if isinstance(given, str) else given
    return pb.ModelDataset(name=name, digest=digest)


def update_logged_model(
    model_id: str,
    *,
    params: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    delete_tags: Iterable[str],
    metrics: ModelMetrics | None,
) -> Op[pb.LoggedModel]:
    """See `LoggedModels.update`."""
    request = pb.UpdateLoggedModelRequest(
        model_id=model_id,
        params=to_params(params or {}),
        tags=tags or {},
        delete_tags=delete_tags,
        metrics=to_model_metrics(metrics or ()),
    )
    return op(rpc.UPDATE_LOGGED_MODEL, request, _logged_model)


def delete_logged_model(model_id: str) -> Op[pb.LoggedModel]:
    """See `LoggedModels.delete`."""
    return op(rpc.DELETE_LOGGED_MODEL, pb.DeleteLoggedModelRequest(model_id=model_id), _logged_model)


def restore_logged_model(model_id: str) -> Op[pb.LoggedModel]:
    """See `LoggedModels.restore`."""
    return op(rpc.RESTORE_LOGGED_MODEL, pb.RestoreLoggedModelRequest(model_id=model_id), _logged_model)
