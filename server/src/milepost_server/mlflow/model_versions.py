"""`milepost.mlflow.v1.ModelVersionService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.filters import mlflow as names
from milepost_server.mlflow import places, tags
from milepost_server.mlflow.native import checked, missing_is_fine, one_order, take
from milepost_server.mlflow.places import Place
from milepost_server.mlflow.registry_messages import model_version, model_versions, native_stage
from milepost_server.mlflow.version_sources import VersionSources, fill_text
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.mlflow_sources import place
from milepost_server.services.model_promotion import ModelPromotionService
from milepost_server.services.model_versions import ModelVersionService

_LATEST_CHANGE = "update_time DESC, name ASC, version DESC"


class MlflowModelVersionServicer:
    """MLflow's calls about versions of registered models. What each method does is said in the proto."""

    def __init__(
        self,
        versions: ModelVersionService,
        promotion: ModelPromotionService,
        artifacts: ArtifactService,
        sources: VersionSources,
    ) -> None:
        self._versions = versions
        self._promotion = promotion
        self._artifacts = artifacts
        self._sources = sources

    async def create_model_version(
        self, request: mlflow_pb.CreateModelVersionRequest, call: Call
    ) -> mlflow_pb.CreateModelVersionResponse:
        version = pb.ModelVersion(
            name=request.name, description=request.description, tags=tags.last_values(request.tags)
        )
        if version.tags.get(names.PROMPT, "").lower() == "true":
            fill_text(version, request)
        else:
            await self._sources.fill(version, request)
        if request.run_link:
            version.tags[tags.RUN_LINK] = request.run_link
        created = await self._versions.create(checked(pb.CreateModelVersionRequest(model_version=version)))
        return mlflow_pb.CreateModelVersionResponse(model_version=model_version(created))

    async def update_model_version(
        self, request: mlflow_pb.UpdateModelVersionRequest, call: Call
    ) -> mlflow_pb.UpdateModelVersionResponse:
        version = pb.ModelVersion(name=request.name, version=int(request.version), description=request.description)
        update = pb.UpdateModelVersionRequest(model_version=version)
        update.update_mask.paths.append("description")
        updated = await self._versions.update(checked(update))
        return mlflow_pb.UpdateModelVersionResponse(model_version=model_version(updated))

    async def transition_model_version_stage(
        self, request: mlflow_pb.TransitionModelVersionStageRequest, call: Call
    ) -> mlflow_pb.TransitionModelVersionStageResponse:
        transition = pb.TransitionModelVersionRequest(
            name=request.name,
            version=int(request.version),
            stage=native_stage(request.stage, "stage"),
            archive_existing=request.archive_existing_versions,
        )
        moved = await self._promotion.transition(checked(transition))
        return mlflow_pb.TransitionModelVersionStageResponse(model_version=model_version(moved.model_version))

    async def delete_model_version(
        self, request: mlflow_pb.DeleteModelVersionRequest, call: Call
    ) -> mlflow_pb.DeleteModelVersionResponse:
        delete = pb.DeleteModelVersionRequest(name=request.name, version=int(request.version))
        await self._versions.delete(checked(delete))
        return mlflow_pb.DeleteModelVersionResponse()

    async def get_model_version(
        self, request: mlflow_pb.GetModelVersionRequest, call: Call
    ) -> mlflow_pb.GetModelVersionResponse:
        found = await self._versions.get(request.name, int(request.version))
        return mlflow_pb.GetModelVersionResponse(model_version=model_version(found))

    async def search_model_versions(
        self, request: mlflow_pb.SearchModelVersionsRequest, call: Call
    ) -> mlflow_pb.SearchModelVersionsResponse:
        search = pb.ListModelVersionsRequest(
            filter=request.filter,
            order_by=one_order(request.order_by) or _LATEST_CHANGE,
            page_token=request.page_token,
        )
        found, token = await take(
            search, request.max_results, lambda page: self._versions.list(page, names.MODEL_VERSIONS)
        )
        return mlflow_pb.SearchModelVersionsResponse(
            model_versions=model_versions(found), next_page_token=token or None
        )

    async def get_model_version_download_uri(
        self, request: mlflow_pb.GetModelVersionDownloadUriRequest, call: Call
    ) -> mlflow_pb.GetModelVersionDownloadUriResponse:
        found = await self._versions.get(request.name, int(request.version))
        if found.source_uri:
            return mlflow_pb.GetModelVersionDownloadUriResponse(artifact_uri=place(found.source_uri))
        kept = await places.proxied(self._artifacts, Place(found.run_id, found.path))
        return mlflow_pb.GetModelVersionDownloadUriResponse(artifact_uri=kept)

    async def set_model_version_tag(
        self, request: mlflow_pb.SetModelVersionTagRequest, call: Call
    ) -> mlflow_pb.SetModelVersionTagResponse:
        change = pb.UpdateModelTagsRequest(
            name=request.name, version=int(request.version), set={request.key: request.value}
        )
        await self._versions.update_tags(checked(change))
        return mlflow_pb.SetModelVersionTagResponse()

    async def delete_model_version_tag(
        self, request: mlflow_pb.DeleteModelVersionTagRequest, call: Call
    ) -> mlflow_pb.DeleteModelVersionTagResponse:
        change = pb.UpdateModelTagsRequest(name=request.name, version=int(request.version), delete=[request.key])
        with missing_is_fine(pb.ERROR_REASON_TAG_NOT_FOUND):
            await self._versions.update_tags(checked(change))
        return mlflow_pb.DeleteModelVersionTagResponse()
