"""Copies a version of a registered model from one server to another, files and all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from milepost import v1 as pb
from milepost._views import RunState
from milepost.errors import ModelCorrupt
from milepost.models.registry.publishing import check_names, upload_model
from milepost.models.registry.sources import fetch

if TYPE_CHECKING:
    from milepost._registry_handles import ModelVersion
    from milepost.client import Client


def copy_version(version: ModelVersion, destination: Client, name: str, *, experiment_id: str = "0") -> ModelVersion:
    """Makes the next version of a registered model of another server from the files of a version.

    The files go into a run of their own there. Description, model card and tags come along, and params, metrics and
    tags of the logged model; aliases and the stage do not.

    Args:
        version: What to copy.
        destination: A client of the other server.
        name: The registered model there, which is created when it does not exist.
        experiment_id: Experiment of the run there.

    Raises:
        BadModelUri: The name cannot stand in a URI. Nothing was sent.
        ModelCorrupt: The files are not those that were logged.
        MilepostError: A server refused or did not answer. What had arrived is marked as failed.
    """
    check_names(name)
    source = version._client
    folder = fetch(version.uri, client=source)
    server = _http_url(source)
    run = destination.runs.create(
        experiment_id,
        name=f"copy of {version.name}/{version.version}",
        tags={"milepost.copied_from": f"{server}/v1/registeredModels/{quote(version.name)}/versions/{version.version}"},
    )
    try:
        pending = destination.logged_models.create(run.run_id, **_about(version))
        logged = upload_model(destination, pending, folder)
        if version.model_id and (metrics := source.logged_models.get(version.model_id).metrics):
            logged.log_metrics(metrics)
        if version.sha256 not in ("", logged.sha256):
            raise ModelCorrupt(f"{version.uri} has the digest {version.sha256}, and its copy {logged.sha256}.")
        made = destination.model_versions.create(
            name,
            model_id=logged.model_id,
            description=version.description,
            model_card=version.model_card,
            tags=version.tags,
            copied_from=pb.ModelVersionOrigin(server=server, name=version.name, version=version.version),
            create_model=True,
        )
    except BaseException:
        run.end(RunState.FAILED)
        raise
    run.end()
    return made


def _about(version: ModelVersion) -> dict[str, Any]:
    """What is said of the logged model that a version consists of."""
    if not version.model_id:
        return {"name": "model"}
    logged = version._client.logged_models.get(version.model_id)
    return {
        "name": logged.name,
        "model_type": logged.model_type,
        "flavors": logged.flavors,
        "signature_json": logged.proto.signature_json,
        "params": logged.params,
        "tags": logged.tags,
    }


def _http_url(client: Client) -> str:
    host, _, _ = client.config.address.rpartition(":")
    return f"http://{host}:{client.server_info().http_port}"
