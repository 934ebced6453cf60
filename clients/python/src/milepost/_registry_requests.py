"""What each verb on the model registry sends and how its answer is read; see `milepost._requests`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._registry_views import ModelStage, ModelStatus
from milepost._requests import Op, PagedOp, _mask, op

# Registered models


def _registered_model(response: Any) -> pb.RegisteredModel:
    model: pb.RegisteredModel = response.registered_model
    return model


def create_registered_model(
    name: str,
    description: str,
    tags: Mapping[str, str] | None,
    protected_aliases: Mapping[str, Iterable[str]] | None,
    request_id: str,
) -> Op[pb.RegisteredModel]:
    """See `RegisteredModels.create`."""
    model = pb.RegisteredModel(
        name=name, description=description, tags=tags or {}, protected_aliases=_protections(protected_aliases or {})
    )
    request = pb.CreateRegisteredModelRequest(registered_model=model, request_id=request_id)
    return op(rpc.CREATE_REGISTERED_MODEL, request, _registered_model)


def get_registered_model(name: str) -> Op[pb.RegisteredModel]:
    """See `RegisteredModels.get`."""
    return op(rpc.GET_REGISTERED_MODEL, pb.GetRegisteredModelRequest(name=name), _registered_model)


def list_registered_models(filter: str, order_by: str, fields: Sequence[str] | None) -> PagedOp[pb.RegisteredModel]:
    """See `RegisteredModels.list`."""
    request = pb.ListRegisteredModelsRequest(filter=filter, order_by=order_by, read_mask=_mask(fields))
    return PagedOp(rpc.LIST_REGISTERED_MODELS, request, lambda response: response.registered_models)


def update_registered_model(
    name: str,
    description: str | None,
    tags: Mapping[str, str] | None,
    protected_aliases: Mapping[str, Iterable[str]] | None,
    etag: str,
) -> Op[pb.RegisteredModel]:
    """See `RegisteredModels.update`."""
    protections = None if protected_aliases is None else _protections(protected_aliases)
    given = _given(description=description, tags=tags, protected_aliases=protections)
    request = pb.UpdateRegisteredModelRequest(
        registered_model=pb.RegisteredModel(name=name, etag=etag, **given), update_mask=FieldMask(paths=given)
    )
    return op(rpc.UPDATE_REGISTERED_MODEL, request, _registered_model)


def update_model_tags(
    name: str, version: int, set: Mapping[str, str] | None, delete: Iterable[str]
) -> Op[pb.UpdateModelTagsResponse]:
    """See `RegisteredModels.update_tags`; `version` 0 for the tags of the registered model."""
    request = pb.UpdateModelTagsRequest(name=name, version=version, set=set or {}, delete=delete)
    return op(rpc.UPDATE_MODEL_TAGS, request, lambda response: response)


def rename_registered_model(name: str, new_name: str) -> Op[pb.RegisteredModel]:
    """See `RegisteredModels.rename`."""
    request = pb.RenameRegisteredModelRequest(name=name, new_name=new_name)
    return op(rpc.RENAME_REGISTERED_MODEL, request, _registered_model)


def delete_registered_model(name: str) -> Op[None]:
    """See `RegisteredModels.delete`."""
    return op(rpc.DELETE_REGISTERED_MODEL, pb.DeleteRegisteredModelRequest(name=name), lambda _: None)


def set_model_alias(name: str, alias: str, version: int, expected_version: int | None) -> Op[pb.RegisteredModel]:
    """See `RegisteredModels.set_alias`."""
    request = pb.SetModelAliasRequest(name=name, alias=alias, version=version, expected_version=expected_version)
    return op(rpc.SET_MODEL_ALIAS, request, _registered_model)


def delete_model_alias(name: str, alias: str, expected_version: int | None) -> Op[pb.RegisteredModel]:
    """See `RegisteredModels.delete_alias`."""
    request = pb.DeleteModelAliasRequest(name=name, alias=alias, expected_version=expected_version)
    return op(rpc.DELETE_MODEL_ALIAS, request, _registered_model)


# Versions


def _model_version(response: Any) -> pb.ModelVersion:
    version: pb.ModelVersion = response.model_version
    return version


def create_model_version(version: pb.ModelVersion, create_model: bool, request_id: str) -> Op[pb.ModelVersion]:
    """See `ModelVersions.create`."""
    request = pb.CreateModelVersionRequest(model_version=version, create_model=create_model, request_id=request_id)
    return op(rpc.CREATE_MODEL_VERSION, request, _model_version)


def creator(user: str | None) -> str:
    """Who creates a version: `user`, or when that is None the user of this process."""
    from milepost import _provenance

    return _provenance.user() if user is None else user


def get_model_version(name: str, version: int) -> Op[pb.ModelVersion]:
    """See `ModelVersions.get`."""
    return op(rpc.GET_MODEL_VERSION, pb.GetModelVersionRequest(name=name, version=version), _model_version)


def get_model_version_by_alias(name: str, alias: str) -> Op[pb.ModelVersion]:
    """See `ModelVersions.get_by_alias`."""
    request = pb.GetModelVersionByAliasRequest(name=name, alias=alias)
    return op(rpc.GET_MODEL_VERSION_BY_ALIAS, request, _model_version)


def list_model_versions(filter: str, order_by: str, fields: Sequence[str] | None) -> PagedOp[pb.ModelVersion]:
    """See `ModelVersions.list`."""
    request = pb.ListModelVersionsRequest(filter=filter, order_by=order_by, read_mask=_mask(fields))
    return PagedOp(rpc.LIST_MODEL_VERSIONS, request, lambda response: response.model_versions)


def of_model(name: str, filter: str) -> str:
    """`filter`, narrowed to the versions of a registered model. An empty name narrows nothing."""
    if not name:
        return filter
    quote = '"' if "'" in name else "'"
    if quote in name:
        raise ValueError(f"name: {name!r} has both kinds of quotes, and the filter language escapes none.")
    condition = f"name = {quote}{name}{quote}"
    return f"{condition} AND ({filter})" if filter.strip() else condition


def update_model_version(
    name: str,
    version: int,
    *,
    description: str | None,
    model_card: str | None,
    tags: Mapping[str, str] | None,
    status: ModelStatus | None,
    status_message: str | None,
    etag: str,
) -> Op[pb.ModelVersion]:
    """See `ModelVersions.update`."""
    given = _given(
        description=description,
        model_card=model_card,
        tags=tags,
        status=None if status is None else status.to_version_proto(),
        status_message=status_message,
    )
    request = pb.UpdateModelVersionRequest(
        model_version=pb.ModelVersion(name=name, version=version, etag=etag, **given),
        update_mask=FieldMask(paths=given),
    )
    return op(rpc.UPDATE_MODEL_VERSION, request, _model_version)


def transition_model_version(
    name: str, version: int, stage: ModelStage, archive_existing: bool
) -> Op[pb.TransitionModelVersionResponse]:
    """See `ModelVersions.transition`."""
    request = pb.TransitionModelVersionRequest(
        name=name, version=version, stage=stage.to_proto(), archive_existing=archive_existing
    )
    return op(rpc.TRANSITION_MODEL_VERSION, request, lambda response: response)


def delete_model_version(name: str, version: int) -> Op[None]:
    """See `ModelVersions.delete`."""
    return op(rpc.DELETE_MODEL_VERSION, pb.DeleteModelVersionRequest(name=name, version=version), lambda _: None)


def copy_model_version(name: str, version: int, destination: str, create_model: bool) -> Op[pb.ModelVersion]:
    """See `ModelVersions.copy`."""
    request = pb.CopyModelVersionRequest(name=name, version=version, destination=destination, create_model=create_model)
    return op(rpc.COPY_MODEL_VERSION, request, _model_version)


# Events


def list_registry_events(name: str) -> PagedOp[pb.RegistryEvent]:
    """See `Registry.events`."""
    return PagedOp(rpc.LIST_REGISTRY_EVENTS, pb.ListRegistryEventsRequest(name=name), lambda response: response.events)


def watch_registry(name: str, resume_token: str) -> pb.WatchRegistryRequest:
    """See `Registry.watch`."""
    return pb.WatchRegistryRequest(name=name, resume_token=resume_token)


def _given(**fields: Any) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None}


def _protections(principals: Mapping[str, Iterable[str]]) -> dict[str, pb.AliasProtection]:
    return {alias: pb.AliasProtection(principals=names) for alias, names in principals.items()}
