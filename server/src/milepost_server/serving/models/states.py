"""What the server says of the models that it serves."""

from __future__ import annotations

import json

from milepost import v1 as pb
from milepost._provenance import without_credentials
from milepost.models.signatures.signature import ModelSignature
from milepost_server.serving.models.served import Served
from milepost_server.serving.models.version import Version

State = pb.ServedVersion
_NO_PROCESS = "Its processes have ended, and the next one is not ready yet; the log says why."


def to_proto(served: Served) -> pb.ServedModel:
    """A served model as it is now."""
    model = pb.ServedModel(
        name=served.name,
        source=without_credentials(str(served.source)),
        followed_alias="" if served.pinned else served.alias,
        pinned=served.pinned,
        live_version=served.live.number if served.live is not None else 0,
        previous_version=served.previous,
    )
    if served.canary is not None:
        model.canary.version, model.canary.percent = served.canary.number, served.canary_percent
    if served.shadow is not None:
        model.shadow.CopyFrom(served.shadow.to_proto())
    loading = [served.loading] if served.loading is not None else []
    known = [*served.active(), *loading, *served.failed.values(), *served.draining]
    model.versions.extend(_version(version) for version in sorted(known, key=lambda one: one.number))
    if served.notice:
        for version in model.versions:
            if version.version == model.live_version and version.state == State.STATE_READY:
                version.message = f"{version.message} {served.notice}".lstrip()
    return model


def _version(version: Version) -> pb.ServedVersion:
    told = pb.ServedVersion(
        version=version.number,
        uri=without_credentials(str(version.resolved.uri)),
        state=version.state,
        message=version.message,
        sha256=version.resolved.sha256,
        workers=version.options.workers,
    )
    loaded = version.loaded
    if loaded is None:
        return told
    engine, signature = loaded.engine, loaded.descriptor.signature
    told.flavor, told.sha256 = loaded.flavor, loaded.sha256
    told.signature = _json(signature) if signature is not None else ""
    told.ready_time.FromDatetime(loaded.ready_time)
    told.ready_workers, told.queued, told.restarts = engine.ready_workers, engine.queued, engine.restarts
    told.requests, told.failures = loaded.requests, loaded.failures
    if version.state == State.STATE_READY and not version.answers:  # spares would have taken the place of a single one
        told.state, told.message = State.STATE_FAILED, _NO_PROCESS
    return told


def _json(signature: ModelSignature) -> str:
    """The signature as one document: its parts are texts of JSON in descriptors."""
    return json.dumps({name: json.loads(part) for name, part in signature.to_dict().items() if part is not None})
