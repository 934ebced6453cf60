"""Rules of what versions of registered models consist of."""

from __future__ import annotations

import re

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, InvalidArgument, NotFound, invalid_field, quote
from milepost_server.services.logged_model_keys import writable_model
from milepost_server.services.model_digest import manifest_digest
from milepost_server.services.model_refusals import logged_model_not_found
from milepost_server.services.run_keys import writable_run
from milepost_server.storage.artifacts import ArtifactPath
from milepost_server.storage.base import RunKey, Transaction

_FILES_AT_ONCE = 1000
_OF_LOGGED_MODEL = re.compile(r"models/(m-[0-9a-f]{32})(?:/|$)")
_SOURCES = "exactly one of model_id, run_id with path, and source_uri says what the version consists of"


def check_source(given: pb.ModelVersion, field: str = "model_version") -> None:
    """Refuses a new version that has no source, or more than one, or says what does not go with its source.

    Args:
        given: The version.
        field: Where it is in the request.
    """
    elsewhere = bool(given.source_uri)
    kept = bool(given.model_id) != bool(given.run_id) and bool(given.run_id) == bool(given.path)
    if bool(given.path) if elsewhere else not kept:
        raise _bad_source(field, _SOURCES)
    if given.path:
        ArtifactPath.parse(given.path, field=f"{field}.path")
    if not elsewhere and given.status not in (pb.ModelVersion.STATUS_UNSPECIFIED, pb.ModelVersion.STATUS_READY):
        raise invalid_field(
            f"{field}.status", "may be pending or failed only with source_uri; the files of this one are complete"
        )
    origin = given.copied_from
    if given.HasField("copied_from") and not (origin.server and origin.name and origin.version):
        raise invalid_field(
            f"{field}.copied_from",
            "must have server, name and version; use CopyModelVersion for copies within this server",
        )


async def with_source(tx: Transaction, given: pb.ModelVersion, field: str = "model_version") -> pb.ModelVersion:
    """A new version with what follows from its source, which is kept from changing until the transaction ends."""
    version = pb.ModelVersion()
    version.CopyFrom(given)
    version.ClearField("size")
    version.ClearField("inputs")
    version.status = given.status or pb.ModelVersion.STATUS_READY
    version.stage = pb.ModelVersion.STAGE_NONE
    if given.source_uri:
        return version
    if given.model_id:
        await _take_logged_model(tx, version)
    else:
        await _take_artifacts(tx, version)
    if given.sha256 not in ("", version.sha256):
        raise _bad_source(f"{field}.sha256", f"the files have the digest {version.sha256}, not {given.sha256}")
    return version


async def _take_logged_model(tx: Transaction, version: pb.ModelVersion) -> None:
    key = await writable_model(tx, version.model_id)
    model = await tx.logged_models.get(version.model_id)
    if model is None:
        raise logged_model_not_found(version.model_id)
    _check_ready(model)
    version.run_id, version.path = model.run_id, model.path
    version.sha256, version.size = model.sha256, model.size
    await _take_inputs(tx, key.run, version)


async def _take_artifacts(tx: Transaction, version: pb.ModelVersion) -> None:
    key = await writable_run(tx, version.run_id)
    version.path = str(ArtifactPath.parse(version.path, field="model_version.path"))
    owner = _OF_LOGGED_MODEL.match(version.path)
    model = await tx.logged_models.get(owner[1]) if owner else None
    if model is not None:
        _check_ready(model)
    files = await _files(tx, key, version.path)
    if not files:
        raise NotFound(
            f"Run {version.run_id} has no artifact below {quote(version.path)}. Name the directory of the model.",
            reason=pb.ERROR_REASON_ARTIFACT_NOT_FOUND,
            metadata={"runId": version.run_id, "path": version.path},
        )
    skip = len(version.path) + 1
    version.sha256 = manifest_digest((file.path[skip:], file.sha256) for file in files)
    version.size = sum(file.size for file in files)
    await _take_inputs(tx, key, version)


def _check_ready(model: pb.LoggedModel) -> None:
    if model.status != pb.LoggedModel.STATUS_READY:
        status = pb.LoggedModel.Status.Name(model.status)
        raise FailedPrecondition(
            f"Logged model {model.model_id} is not ready: it is {status}. Upload its files and finalize it first.",
            reason=pb.ERROR_REASON_LOGGED_MODEL_NOT_READY,
            metadata={"modelId": model.model_id, "status": status},
        )


async def _files(tx: Transaction, run: RunKey, folder: str) -> list[pb.Artifact]:
    files: list[pb.Artifact] = []
    after: str | None = None
    while True:
        page = await tx.artifacts.list_files(run, folder, _FILES_AT_ONCE, after)
        files += page.items
        if page.last is None:
            return files
        after = page.last[0]


async def _take_inputs(tx: Transaction, run: RunKey, version: pb.ModelVersion) -> None:
    found = await tx.runs.get_many([run.run_id], frozenset({"inputs"}))
    for message in found.values():
        version.inputs.extend(message.inputs)


def _bad_source(field: str, problem: str) -> InvalidArgument:
    return invalid_field(field, problem, reason=pb.ERROR_REASON_BAD_MODEL_SOURCE)
