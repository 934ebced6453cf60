"""Brings models to the server: logs them with the run that made them, and registers them under a name."""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milepost import v1 as pb
from milepost._logged_model_views import LoggedModelView
from milepost._registry_views import ModelStatus, ModelVersionView
from milepost.errors import BadModelUri, MilepostError
from milepost.models.format.manifest import FILE_NAME as MANIFEST
from milepost.models.format.manifest import read_manifest
from milepost.models.registry.sources import logged_at
from milepost.models.registry.uri import LATEST, AliasUri, LoggedModelUri, RunUri, UrlUri, VersionUri, parse_uri
from milepost.models.saving import save_model

if TYPE_CHECKING:
    from milepost._handles import Run
    from milepost._registry_handles import LoggedModel, ModelVersion
    from milepost.client import Client
    from milepost.models.format.descriptor import ModelDescriptor

_MOST_MESSAGE = 2000


def log_model(
    model: Any,
    name: str,
    *,
    run: Run | str | None = None,
    registered_model_name: str | None = None,
    aliases: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    model_type: str = "",
    step: int = 0,
    **options: Any,
) -> LoggedModel:
    """Saves a model among the artifacts of a run. It can be loaded once all of it has arrived, and not before.

    Args:
        model: As of `save_model`.
        name: What it is called within the run: `runs:/RUN_ID/NAME` is the newest of this name.
        run: The run that made it, or its id. None: the active one, which is started when there is none.
        registered_model_name: Registered model whose next version it becomes; that is created when it does not exist.
        aliases: Aliases to point to this version.
        params: Params of the model; values as of `Run.log_params`.
        tags: Labels by key.
        model_type: What it is for, such as `classifier`.
        step: Step of the training at which it is saved, for `Run.model_outputs`.
        **options: Further arguments of `save_model`.

    Returns:
        The logged model, ready.

    Raises:
        ModelError: It cannot be saved, see `save_model`. Nothing was sent.
        BadModelUri: A name or alias cannot stand in a URI. Nothing was sent.
        MilepostError: The server refused or did not answer. What had arrived is marked as failed.
    """
    check_names(registered_model_name, aliases)
    client, run_id = _run_of(run)
    model_id = f"m-{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory(prefix="milepost-model-") as temporary:
        folder = Path(temporary) / "model"
        descriptor = save_model(model, folder, name=name, run_id=run_id, model_id=model_id, **options)
        created = client.logged_models.create(
            run_id,
            name,
            output_step=step,
            model_id=model_id,
            model_type=model_type,
            flavors=list(descriptor.flavors),
            signature_json=_signature_json(descriptor),
            params=params,
            tags=tags,
        )
        logged = upload_model(client, created, folder)
    if registered_model_name is not None:
        register_model(logged, registered_model_name, aliases=aliases, client=client)
    return logged


def upload_model(client: Client, model: LoggedModel, folder: Path) -> LoggedModel:
    """Uploads the files of a pending logged model and makes it ready; when that fails, marks it as failed.

    Args:
        client: Of the server.
        model: The logged model, pending.
        folder: Its files, with a manifest or without.

    Raises:
        MilepostError: The server refused or did not answer.
    """
    with _failing(client, model.model_id):
        sent = client.artifacts.upload(model.run_id, folder, model.path)
        return client.logged_models.finalize(model.model_id, files=_files(folder, model.path, sent))


def register_model(
    source: str | LoggedModelView | ModelVersionView,
    name: str,
    *,
    description: str = "",
    model_card: str = "",
    tags: Mapping[str, str] | None = None,
    aliases: Sequence[str] = (),
    client: Client | None = None,
) -> ModelVersion:
    """Makes a model the next version of a registered model, which is created when it does not exist.

    Args:
        source: A logged model, a version (which is copied), or a URI of one: `models:/m-ID`, `runs:/RUN_ID/PATH`,
            `models:/NAME/3`, or the URL of files that the server does not keep.
        name: The registered model.
        description: Free text.
        model_card: What the model is for, how it was made and judged, its limits; Markdown.
        tags: Labels by key.
        aliases: Aliases to point to the version.
        client: Of the server. None: that of `source`, else of `milepost.set_tracking_uri`, else of the environment.

    Raises:
        BadModelUri: The source, the name or an alias cannot be read.
        LoggedModelNotReady: The upload of the model has not ended, or was given up.
        CopyCycle: The version comes from the registered model `name` itself.
        NotFoundError: The server has no such model, version, alias or run.
    """
    check_names(name, aliases)
    client = client or getattr(source, "_client", None) or _session_client()
    uri = parse_uri(source if isinstance(source, str) else source.uri)
    about: dict[str, Any] = {"description": description, "model_card": model_card, "tags": tags}
    if isinstance(uri, AliasUri):
        uri = parse_uri(client.model_versions.get_by_alias(uri.name, uri.alias).uri)
    if isinstance(uri, VersionUri):
        version = client.model_versions.copy(uri.name, uri.version, name, create_model=True)
        if any(about.values()):
            version.update(description=description or None, model_card=model_card or None)
            version.set_tags(tags or {})
    elif isinstance(uri, UrlUri):
        version = client.model_versions.create(name, source_uri=uri.url, create_model=True, **about)
    elif isinstance(uri, LoggedModelUri):
        version = client.model_versions.create(name, model_id=uri.model_id, create_model=True, **about)
    elif isinstance(uri, RunUri):
        version = client.model_versions.create(name, **_of_run(client, uri), create_model=True, **about)
    else:
        raise BadModelUri(f"{source!r} is a folder of this machine. Log the model first, by milepost.log_model.")
    for alias in aliases:
        version.set_alias(alias)
    return version


def _of_run(client: Client, uri: RunUri) -> dict[str, Any]:
    logged = logged_at(client, uri)
    return {"run_id": uri.run_id, "path": uri.path} if logged is None else {"model_id": logged.model_id}


def check_names(name: str | None, aliases: Sequence[str] = ()) -> None:
    """Refuses, before anything is made, what no version could be found by. Raises `BadModelUri`."""
    if isinstance(aliases, str):
        raise TypeError("aliases is a list of texts, not one text.")
    if aliases and name is None:
        raise TypeError("aliases point to versions of a registered model: give registered_model_name too.")
    for alias in aliases:
        if alias == LATEST:
            raise BadModelUri(f"{LATEST!r} is no alias to set: it always is the version with the greatest number.")
        parse_uri(f"models:/{name}@{alias}")
    if name is not None:
        parse_uri(f"models:/{name}/1")


def _run_of(run: Run | str | None) -> tuple[Client, str]:
    if run is None:
        from milepost.fluent import active_run, start_run

        run = active_run() or start_run()
    return (_session_client(), run) if isinstance(run, str) else (run._client, run.run_id)


def _session_client() -> Client:
    from milepost import _context

    return _context.session().client


def _files(folder: Path, prefix: str, sent: Sequence[pb.Artifact]) -> list[pb.ModelFile]:
    """What the model consists of: the digests of its manifest, which were made before the files were sent."""
    digests = read_manifest(folder)
    if digests is not None:
        digests[MANIFEST] = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    files = []
    for artifact in sent:
        path = artifact.path.removeprefix(f"{prefix}/")
        sha256 = artifact.sha256 if digests is None else digests.get(path, artifact.sha256)
        files.append(pb.ModelFile(path=path, size=artifact.size, sha256=sha256))
    return files


def _signature_json(descriptor: ModelDescriptor) -> str:
    if descriptor.signature is None:
        return ""
    texts = descriptor.signature.to_dict()
    return json.dumps({key: json.loads(text) for key, text in texts.items() if isinstance(text, str)})


@contextmanager
def _failing(client: Client, model_id: str) -> Iterator[None]:
    """Marks a pending model as failed when the block raises."""
    try:
        yield
    except BaseException as error:
        with suppress(MilepostError):  # the cause matters more
            why = f"{type(error).__name__}: {error}"[:_MOST_MESSAGE]
            client.logged_models.finalize(model_id, ModelStatus.FAILED, status_message=why)
        raise
