"""A method per RPC of the model registry, of logged models and of webhooks; see `support.verbs`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from milepost import v1 as pb
from support.values import param, unique

if TYPE_CHECKING:
    from support.watching import Watch

_REGISTRY = "milepost.v1.RegistryService"
_LOGGED = "milepost.v1.LoggedModelService"
_WEBHOOKS = "milepost.v1.WebhookService"


class RegistryVerbs(ABC):
    """Every RPC of these services under its name in snake case."""

    @abstractmethod
    async def call(
        self, method: str, request: Message, *, binding: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        """See `Api.call`."""

    @abstractmethod
    def watch(self, method: str, request: Message, headers: dict[str, str] | None = None) -> Watch:
        """See `Api.watch`."""

    # Registered models

    async def create_registered_model(
        self, name: str | None = None, *, request_id: str = "", headers: dict[str, str] | None = None, **fields: Any
    ) -> pb.RegisteredModel:
        """Creates a registered model; without a name it gets one that is unique."""
        model = pb.RegisteredModel(name=unique("model") if name is None else name, **fields)
        request = pb.CreateRegisteredModelRequest(registered_model=model, request_id=request_id)
        response: pb.CreateRegisteredModelResponse = await self.call(
            f"{_REGISTRY}/CreateRegisteredModel", request, headers=headers
        )
        return response.registered_model

    async def get_registered_model(self, name: str) -> pb.RegisteredModel:
        request = pb.GetRegisteredModelRequest(name=name)
        response: pb.GetRegisteredModelResponse = await self.call(f"{_REGISTRY}/GetRegisteredModel", request)
        return response.registered_model

    async def list_registered_models(self, *, binding: int = 0, **fields: Any) -> pb.ListRegisteredModelsResponse:
        request = pb.ListRegisteredModelsRequest(**fields)
        response: pb.ListRegisteredModelsResponse = await self.call(
            f"{_REGISTRY}/ListRegisteredModels", request, binding=binding
        )
        return response

    async def update_registered_model(
        self, model: pb.RegisteredModel, *mask: str, request_id: str = ""
    ) -> pb.RegisteredModel:
        """Updates a registered model; without `mask` the request has none."""
        request = pb.UpdateRegisteredModelRequest(registered_model=model, request_id=request_id)
        if mask:
            request.update_mask.CopyFrom(FieldMask(paths=mask))
        response: pb.UpdateRegisteredModelResponse = await self.call(f"{_REGISTRY}/UpdateRegisteredModel", request)
        return response.registered_model

    async def update_model_tags(
        self,
        name: str,
        to_set: Mapping[str, str] | None = None,
        delete: Sequence[str] = (),
        *,
        version: int = 0,
        request_id: str = "",
    ) -> pb.UpdateModelTagsResponse:
        """Changes tags of a registered model, or with `version` of one of its versions."""
        request = pb.UpdateModelTagsRequest(
            name=name, version=version, set=to_set, delete=delete, request_id=request_id
        )
        response: pb.UpdateModelTagsResponse = await self.call(
            f"{_REGISTRY}/UpdateModelTags", request, binding=1 if version else 0
        )
        return response

    async def rename_registered_model(self, name: str, new_name: str, request_id: str = "") -> pb.RegisteredModel:
        request = pb.RenameRegisteredModelRequest(name=name, new_name=new_name, request_id=request_id)
        response: pb.RenameRegisteredModelResponse = await self.call(f"{_REGISTRY}/RenameRegisteredModel", request)
        return response.registered_model

    async def delete_registered_model(self, name: str, request_id: str = "") -> None:
        request = pb.DeleteRegisteredModelRequest(name=name, request_id=request_id)
        await self.call(f"{_REGISTRY}/DeleteRegisteredModel", request)

    async def set_model_alias(
        self,
        name: str,
        alias: str,
        version: int,
        expected_version: int | None = None,
        request_id: str = "",
        headers: dict[str, str] | None = None,
    ) -> pb.RegisteredModel:
        request = pb.SetModelAliasRequest(
            name=name, alias=alias, version=version, expected_version=expected_version, request_id=request_id
        )
        response: pb.SetModelAliasResponse = await self.call(f"{_REGISTRY}/SetModelAlias", request, headers=headers)
        return response.registered_model

    async def delete_model_alias(
        self, name: str, alias: str, expected_version: int | None = None, request_id: str = ""
    ) -> pb.RegisteredModel:
        request = pb.DeleteModelAliasRequest(
            name=name, alias=alias, expected_version=expected_version, request_id=request_id
        )
        response: pb.DeleteModelAliasResponse = await self.call(f"{_REGISTRY}/DeleteModelAlias", request)
        return response.registered_model

    # Versions

    async def create_model_version(
        self, name: str, *, create_model: bool = False, request_id: str = "", **fields: Any
    ) -> pb.ModelVersion:
        """Creates a version from the source that `fields` have."""
        request = pb.CreateModelVersionRequest(
            model_version=pb.ModelVersion(name=name, **fields), create_model=create_model, request_id=request_id
        )
        response: pb.CreateModelVersionResponse = await self.call(f"{_REGISTRY}/CreateModelVersion", request)
        return response.model_version

    async def get_model_version(self, name: str, version: int) -> pb.ModelVersion:
        request = pb.GetModelVersionRequest(name=name, version=version)
        response: pb.GetModelVersionResponse = await self.call(f"{_REGISTRY}/GetModelVersion", request)
        return response.model_version

    async def get_model_version_by_alias(self, name: str, alias: str) -> pb.ModelVersion:
        request = pb.GetModelVersionByAliasRequest(name=name, alias=alias)
        response: pb.GetModelVersionByAliasResponse = await self.call(f"{_REGISTRY}/GetModelVersionByAlias", request)
        return response.model_version

    async def list_model_versions(self, *, binding: int = 0, **fields: Any) -> pb.ListModelVersionsResponse:
        request = pb.ListModelVersionsRequest(**fields)
        response: pb.ListModelVersionsResponse = await self.call(
            f"{_REGISTRY}/ListModelVersions", request, binding=binding
        )
        return response

    async def update_model_version(self, version: pb.ModelVersion, *mask: str, request_id: str = "") -> pb.ModelVersion:
        """Updates a version; without `mask` the request has none."""
        request = pb.UpdateModelVersionRequest(model_version=version, request_id=request_id)
        if mask:
            request.update_mask.CopyFrom(FieldMask(paths=mask))
        response: pb.UpdateModelVersionResponse = await self.call(f"{_REGISTRY}/UpdateModelVersion", request)
        return response.model_version

    async def transition_model_version(
        self, name: str, version: int, stage: pb.ModelVersion.Stage.ValueType, **fields: Any
    ) -> pb.TransitionModelVersionResponse:
        request = pb.TransitionModelVersionRequest(name=name, version=version, stage=stage, **fields)
        response: pb.TransitionModelVersionResponse = await self.call(f"{_REGISTRY}/TransitionModelVersion", request)
        return response

    async def delete_model_version(self, name: str, version: int, request_id: str = "") -> None:
        request = pb.DeleteModelVersionRequest(name=name, version=version, request_id=request_id)
        await self.call(f"{_REGISTRY}/DeleteModelVersion", request)

    async def copy_model_version(self, name: str, version: int, destination: str, **fields: Any) -> pb.ModelVersion:
        request = pb.CopyModelVersionRequest(name=name, version=version, destination=destination, **fields)
        response: pb.CopyModelVersionResponse = await self.call(f"{_REGISTRY}/CopyModelVersion", request)
        return response.model_version

    # Events

    async def list_registry_events(self, name: str = "", **fields: Any) -> pb.ListRegistryEventsResponse:
        request = pb.ListRegistryEventsRequest(name=name, **fields)
        response: pb.ListRegistryEventsResponse = await self.call(f"{_REGISTRY}/ListRegistryEvents", request)
        return response

    def watch_registry(self, name: str = "", *, resume_token: str = "") -> Watch:
        """Watches the events of a registered model; without a name those of all."""
        request = pb.WatchRegistryRequest(name=name, resume_token=resume_token)
        return self.watch(f"{_REGISTRY}/WatchRegistry", request)

    # Logged models

    async def create_logged_model(
        self, run_id: str, name: str = "model", *, request_id: str = "", output_step: int | None = None, **fields: Any
    ) -> pb.LoggedModel:
        """Creates a logged model, params as Python values."""
        params = {key: param(value) for key, value in fields.pop("params", {}).items()}
        model = pb.LoggedModel(run_id=run_id, name=name, params=params, **fields)
        request = pb.CreateLoggedModelRequest(logged_model=model, request_id=request_id, output_step=output_step)
        response: pb.CreateLoggedModelResponse = await self.call(f"{_LOGGED}/CreateLoggedModel", request)
        return response.logged_model

    async def finalize_logged_model(
        self,
        model_id: str,
        status: pb.LoggedModel.Status.ValueType = pb.LoggedModel.STATUS_READY,
        files: Sequence[pb.ModelFile] = (),
        **fields: Any,
    ) -> pb.LoggedModel:
        request = pb.FinalizeLoggedModelRequest(model_id=model_id, status=status, files=files, **fields)
        response: pb.FinalizeLoggedModelResponse = await self.call(f"{_LOGGED}/FinalizeLoggedModel", request)
        return response.logged_model

    async def get_logged_model(self, model_id: str) -> pb.LoggedModel:
        request = pb.GetLoggedModelRequest(model_id=model_id)
        response: pb.GetLoggedModelResponse = await self.call(f"{_LOGGED}/GetLoggedModel", request)
        return response.logged_model

    async def list_logged_models(self, *, binding: int = 0, **fields: Any) -> pb.ListLoggedModelsResponse:
        request = pb.ListLoggedModelsRequest(**fields)
        response: pb.ListLoggedModelsResponse = await self.call(f"{_LOGGED}/ListLoggedModels", request, binding=binding)
        return response

    async def update_logged_model(self, model_id: str, **fields: Any) -> pb.LoggedModel:
        """Writes to a logged model, params as Python values."""
        params = {key: param(value) for key, value in fields.pop("params", {}).items()}
        request = pb.UpdateLoggedModelRequest(model_id=model_id, params=params, **fields)
        response: pb.UpdateLoggedModelResponse = await self.call(f"{_LOGGED}/UpdateLoggedModel", request)
        return response.logged_model

    async def delete_logged_model(self, model_id: str, request_id: str = "") -> pb.LoggedModel:
        request = pb.DeleteLoggedModelRequest(model_id=model_id, request_id=request_id)
        response: pb.DeleteLoggedModelResponse = await self.call(f"{_LOGGED}/DeleteLoggedModel", request)
        return response.logged_model

    async def restore_logged_model(self, model_id: str, request_id: str = "") -> pb.LoggedModel:
        request = pb.RestoreLoggedModelRequest(model_id=model_id, request_id=request_id)
        response: pb.RestoreLoggedModelResponse = await self.call(f"{_LOGGED}/RestoreLoggedModel", request)
        return response.logged_model

    # Webhooks

    async def create_webhook(self, url: str, name: str = "hook", *, request_id: str = "", **fields: Any) -> pb.Webhook:
        request = pb.CreateWebhookRequest(webhook=pb.Webhook(name=name, url=url, **fields), request_id=request_id)
        response: pb.CreateWebhookResponse = await self.call(f"{_WEBHOOKS}/CreateWebhook", request)
        return response.webhook

    async def get_webhook(self, webhook_id: str) -> pb.Webhook:
        request = pb.GetWebhookRequest(webhook_id=webhook_id)
        response: pb.GetWebhookResponse = await self.call(f"{_WEBHOOKS}/GetWebhook", request)
        return response.webhook

    async def list_webhooks(self, **fields: Any) -> pb.ListWebhooksResponse:
        request = pb.ListWebhooksRequest(**fields)
        response: pb.ListWebhooksResponse = await self.call(f"{_WEBHOOKS}/ListWebhooks", request)
        return response

    async def update_webhook(self, webhook: pb.Webhook, *mask: str, request_id: str = "") -> pb.Webhook:
        """Updates a webhook; without `mask` the request has none."""
        request = pb.UpdateWebhookRequest(webhook=webhook, request_id=request_id)
        if mask:
            request.update_mask.CopyFrom(FieldMask(paths=mask))
        response: pb.UpdateWebhookResponse = await self.call(f"{_WEBHOOKS}/UpdateWebhook", request)
        return response.webhook

    async def delete_webhook(self, webhook_id: str, request_id: str = "") -> None:
        request = pb.DeleteWebhookRequest(webhook_id=webhook_id, request_id=request_id)
        await self.call(f"{_WEBHOOKS}/DeleteWebhook", request)

    async def test_webhook(self, webhook_id: str, mlflow_event: str = "") -> pb.WebhookDelivery:
        request = pb.TestWebhookRequest(webhook_id=webhook_id, mlflow_event=mlflow_event)
        response: pb.TestWebhookResponse = await self.call(f"{_WEBHOOKS}/TestWebhook", request)
        return response.delivery

    async def list_webhook_deliveries(self, webhook_id: str, **fields: Any) -> pb.ListWebhookDeliveriesResponse:
        request = pb.ListWebhookDeliveriesRequest(webhook_id=webhook_id, **fields)
        response: pb.ListWebhookDeliveriesResponse = await self.call(f"{_WEBHOOKS}/ListWebhookDeliveries", request)
        return response
