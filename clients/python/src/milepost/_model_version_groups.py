"""The verbs of the synchronous client on versions of registered models."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence

from milepost import _registry_requests as req
from milepost import v1 as pb
from milepost._groups import _Group
from milepost._pages import Pages
from milepost._registry_handles import ModelVersion
from milepost._registry_views import ModelStage, ModelStatus
from milepost._requests import Op


class ModelVersions(_Group):
    """Verbs on versions of registered models."""

    def create(
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
    ) -> ModelVersion:
        """Creates the next version of a registered model from one source: `model_id`, `run_id` with `path`, or a URL.

        Args:
            name: The registered model.
            model_id: A logged model that is ready. Beside `source_uri`: the one that the files are of, unchecked.
            run_id: A run whose artifacts hold the files. Beside `source_uri`: the one that made them, unchecked.
            path: Their directory below the run's artifact folder.
            source_uri: URL of files that the server does not keep, such as `s3://bucket/model`.
            description: Free text.
            model_card: What the model is for, how it was made and judged, its limits; Markdown.
            tags: Labels by key.
            status: `PENDING` for files at `source_uri` that are still being written.
            sha256: Digest of the list of the files at `source_uri`. Empty when it is not known.
            copied_from: The version that it is a copy of, on another server.
            user: Who creates it. None: the user of this process.
            create_model: Whether to create the registered model when it does not exist.
            request_id: Makes a repeat by another process safe. Empty: the client makes one for its own repeats.
            timeout: Seconds.

        Raises:
            BadModelSource: Not exactly one source is given.
            LoggedModelNotReady: Its upload has not ended, or was given up.
            ModelNotFound, LoggedModelNotFound, RunNotFound, ArtifactNotFound: Something is not there.
        """
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
        return self._one(req.create_model_version(version, create_model, request_id), timeout)

    def get(self, name: str, version: int, *, timeout: float | None = None) -> ModelVersion:
        """Reads one, with its model card. Raises `ModelNotFound`, `ModelVersionNotFound`."""
        return self._one(req.get_model_version(name, version), timeout)

    def get_by_alias(self, name: str, alias: str, *, timeout: float | None = None) -> ModelVersion:
        """Reads the one that an alias points to, or with `latest` the one with the greatest number.

        Raises:
            ModelNotFound, AliasNotFound: There is none of this name.
            ModelVersionNotFound: `latest` of a model without versions.
        """
        return self._one(req.get_model_version_by_alias(name, alias), timeout)

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
    ) -> Pages[ModelVersion]:
        """Lists versions, newest first unless ordered otherwise.

        Args:
            name: The registered model whose versions to list. Empty: versions of all models.
            filter: In the filter language, for example `stage = 'production' AND tags.checked = 'yes'`.
            order_by: Comma-separated attributes or tags, each with an optional `ASC` or `DESC`.
            fields: Fields to read. None for all but `model_card`.
            page_size: Versions asked for at once; 0 for the server's default.
            limit: Versions in all.
            timeout: Seconds for each page.
        """
        op = req.list_model_versions(req.of_model(name, filter), order_by, fields)

        def fetch(token: str, size: int) -> tuple[builtins.list[ModelVersion], str]:
            protos, next_token = self._transport.call(op.page(token, size), timeout)
            return [ModelVersion(self._client, proto) for proto in protos], next_token

        return Pages(fetch, page_size=page_size, limit=limit)

    def update(
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
    ) -> ModelVersion:
        """Changes what is not None; `tags` replaces all tags.

        Raises:
            ModelVersionReady: A ready version stays ready.
            EtagMismatch: The given `etag` is old.
        """
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
        return self._one(op, timeout)

    def update_tags(
        self,
        name: str,
        version: int,
        set: Mapping[str, str] | None = None,
        delete: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> ModelVersion:
        """Sets and removes tags, leaving the others. Raises `TagNotFound` for one to remove that is not there."""
        response = self._transport.call(req.update_model_tags(name, version, set, delete), timeout)
        return ModelVersion(self._client, response.model_version)

    def transition(
        self,
        name: str,
        version: int,
        stage: ModelStage | str,
        *,
        archive_existing: bool = False,
        timeout: float | None = None,
    ) -> tuple[ModelVersion, builtins.list[int]]:
        """Moves it to a stage, and with `archive_existing` those that were there to `ARCHIVED`, all at once.

        Returns:
            The version, and the numbers of the versions that were archived.
        """
        op = req.transition_model_version(name, version, ModelStage.parse(stage), archive_existing)
        response = self._transport.call(op, timeout)
        return ModelVersion(self._client, response.model_version), [*response.archived_versions]

    def delete(self, name: str, version: int, *, timeout: float | None = None) -> None:
        """Removes it and its aliases for good. Its files stay with their run; its number is not given out again."""
        self._transport.call(req.delete_model_version(name, version), timeout)

    def copy(
        self,
        name: str,
        version: int,
        destination: str,
        *,
        create_model: bool = False,
        timeout: float | None = None,
    ) -> ModelVersion:
        """Makes the next version of another registered model of the same files.

        Args:
            name: The registered model to copy from.
            version: Number of the version.
            destination: Name of the registered model that gets the copy.
            create_model: Whether to create that when it does not exist.
            timeout: Seconds.

        Raises:
            CopyCycle: The version comes from the destination, at once or through other copies.
        """
        return self._one(req.copy_model_version(name, version, destination, create_model), timeout)

    def _one(self, op: Op[pb.ModelVersion], timeout: float | None) -> ModelVersion:
        return ModelVersion(self._client, self._transport.call(op, timeout))
