"""The verbs of the synchronous client on the model registry."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence

from milepost import _methods as rpc
from milepost import _registry_requests as req
from milepost import v1 as pb
from milepost._groups import _Group
from milepost._pages import Pages
from milepost._registry_handles import RegisteredModel
from milepost._requests import Op
from milepost._watching import Watch


class RegisteredModels(_Group):
    """Verbs on registered models and their aliases."""

    def create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        protected_aliases: Mapping[str, Iterable[str]] | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> RegisteredModel:
        """Creates a registered model without versions.

        Args:
            name: Unique; without `/`, `:` and `@`.
            description: Free text.
            tags: Labels by key.
            protected_aliases: For each alias that not all may move, the users and groups that may.
            request_id: Makes a repeat by another process safe. Empty: the client makes one for its own repeats.
            timeout: Seconds.

        Raises:
            ModelExists: The name is taken.
        """
        return self._one(req.create_registered_model(name, description, tags, protected_aliases, request_id), timeout)

    def get(self, name: str, *, timeout: float | None = None) -> RegisteredModel:
        """Reads one. Raises `ModelNotFound`."""
        return self._one(req.get_registered_model(name), timeout)

    def list(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        fields: Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[RegisteredModel]:
        """Lists registered models, newest first unless ordered otherwise.

        Args:
            filter: In the filter language, for example `name LIKE 'fraud-%' AND tags.team = 'risk'`.
            order_by: Comma-separated attributes or tags, each with an optional `ASC` or `DESC`.
            fields: Fields to read. None for all.
            page_size: Models asked for at once; 0 for the server's default.
            limit: Models in all.
            timeout: Seconds for each page.
        """
        op = req.list_registered_models(filter, order_by, fields)

        def fetch(token: str, size: int) -> tuple[builtins.list[RegisteredModel], str]:
            protos, next_token = self._transport.call(op.page(token, size), timeout)
            return [RegisteredModel(self._client, proto) for proto in protos], next_token

        return Pages(fetch, page_size=page_size, limit=limit)

    def update(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        protected_aliases: Mapping[str, Iterable[str]] | None = None,
        etag: str = "",
        timeout: float | None = None,
    ) -> RegisteredModel:
        """Changes what is not None; `tags` and `protected_aliases` replace all.

        Raises:
            ModelNotFound: There is none of this name.
            EtagMismatch: The given `etag` is old.
        """
        return self._one(req.update_registered_model(name, description, tags, protected_aliases, etag), timeout)

    def update_tags(
        self,
        name: str,
        set: Mapping[str, str] | None = None,
        delete: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> RegisteredModel:
        """Sets and removes tags, leaving the others. Raises `TagNotFound` for one to remove that is not there."""
        response = self._transport.call(req.update_model_tags(name, 0, set, delete), timeout)
        return RegisteredModel(self._client, response.registered_model)

    def rename(self, name: str, new_name: str, *, timeout: float | None = None) -> RegisteredModel:
        """Gives it, with its versions and aliases, another name. Raises `ModelExists` when that is taken."""
        return self._one(req.rename_registered_model(name, new_name), timeout)

    def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Removes it with its versions and aliases for good. The files stay with the runs that made them."""
        self._transport.call(req.delete_registered_model(name), timeout)

    def set_alias(
        self,
        name: str,
        alias: str,
        version: int,
        *,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> RegisteredModel:
        """Points an alias to a version, away from another one at the same moment.

        Args:
            name: The registered model.
            alias: Letters, digits, `_` and `-`; not `latest`, a number, or `v` with a number.
            version: Number of the version.
            expected_version: Where it must point to now, 0 for nowhere. None: it may point anywhere.
            timeout: Seconds.

        Raises:
            AliasMoved: It does not point to `expected_version`.
            ModelNotFound, ModelVersionNotFound: There is no such version.
        """
        return self._one(req.set_model_alias(name, alias, version, expected_version), timeout)

    def delete_alias(
        self, name: str, alias: str, *, expected_version: int | None = None, timeout: float | None = None
    ) -> RegisteredModel:
        """Removes an alias. Raises `AliasNotFound`, `AliasMoved` when it does not point to `expected_version`."""
        return self._one(req.delete_model_alias(name, alias, expected_version), timeout)

    def _one(self, op: Op[pb.RegisteredModel], timeout: float | None) -> RegisteredModel:
        return RegisteredModel(self._client, self._transport.call(op, timeout))


class Registry(_Group):
    """What happened in the model registry."""

    def events(
        self,
        name: str = "",
        *,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[pb.RegistryEvent]:
        """Lists events, newest first.

        Args:
            name: The registered model whose events to list, under the names it had before too. Empty: of all models.
            page_size: Events asked for at once; 0 for the server's default.
            limit: Events in all.
            timeout: Seconds for each page.
        """
        op = req.list_registry_events(name)
        return Pages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )

    def watch(self, name: str = "", *, resume_token: str = "", timeout: float | None = None) -> Watch[pb.RegistryEvent]:
        """Follows events as they happen. What happens after `Watch.start` has returned is not missed.

        Args:
            name: Only events of this registered model. Empty: of all models.
            resume_token: `Watch.resume_token` of an earlier one: what happened since comes first. Empty: from now on.
            timeout: Seconds without a connection after which reading raises `MilepostError`.
        """
        request = req.watch_registry(name, resume_token)

        def read(response: pb.WatchRegistryResponse) -> builtins.list[pb.RegistryEvent]:
            return [*response.events]

        return self._watch(rpc.WATCH_REGISTRY, request, read, timeout)
