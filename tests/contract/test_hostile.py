"""No request, however odd, meets a defect: each is answered or refused with a reason. `Api` checks every refusal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor

from milepost import v1 as pb
from milepost.v1 import annotations_pb2
from support.api import SERVICES, Api
from support.errors import ApiError
from support.grpc_api import GrpcApi
from support.hostile import Hostile, hostile_bytes, hostile_json
from support.rest_api import RestApi
from support.rest_binding import bind
from support.values import unique

Known = dict[str, list[str]]

REQUESTS = 16
JSON = {"content-type": "application/json"}
METHODS = {f"{service.full_name}/{method.name}": method for service in SERVICES.values() for method in service.methods}
UNARY = {name: method for name, method in METHODS.items() if not (method.client_streaming or method.server_streaming)}
READING = (pb.PERMISSION_READ, pb.PERMISSION_PUBLIC)
# What cannot be read never comes to a database; what can is tried on all of them as odd values.
one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
unary_methods = pytest.mark.parametrize(("name", "method"), UNARY.items(), ids=[name.split("/")[1] for name in UNARY])


async def _make_known(rest_api: RestApi) -> Known:
    experiments = [(await rest_api.create_experiment(tags={"a": "b"})).experiment_id for _ in range(3)]
    runs = [(await rest_api.create_run(one, tags={"a": "b"})).run_id for one in experiments for _ in range(2)]
    await rest_api.delete_run(runs[0])
    await rest_api.delete_experiment(experiments[2])
    models = [(await rest_api.create_registered_model(tags={"a": "b"})).name for _ in range(3)]
    for model in models:
        for _ in range(2):
            await rest_api.create_model_version(model, source_uri="s3://bucket/model", tags={"a": "b"})
        await rest_api.set_model_alias(model, "champion", 1)
    return {
        "experiment_id": experiments,
        "experiment_ids": experiments,
        "run_id": runs,
        "run_ids": runs,
        "parent_run_id": ["", *runs],
        "name": ["a", unique(), unique(), unique(), *models],
        "new_name": [unique(), *models],
        "destination": [unique(), *models],
        "alias": ["champion", "latest", "other"],
        "request_id": ["", "", *(unique() for _ in range(8))],
    }


@pytest.fixture(scope="module")
async def known_to_readers(rest_api: RestApi) -> Known:
    """What methods that change nothing share."""
    return await _make_known(rest_api)


@pytest.fixture
async def known(request: pytest.FixtureRequest, rest_api: RestApi, known_to_readers: Known) -> AsyncIterator[Known]:
    """Ids of experiments and runs, some of them deleted, and names of models, by the fields that take them."""
    method = request.node.callspec.params.get("method")
    reads = method is not None and method.GetOptions().Extensions[annotations_pb2.permission] in READING
    yield known_to_readers if reads else await _make_known(rest_api)
    assert (await rest_api.get_server_info()).version


@unary_methods
async def test_odd_values_are_answered_or_refused(api: Api, known: Known, name: str, method: MethodDescriptor) -> None:
    hostile = Hostile(name, known)
    for _ in range(REQUESTS):
        request = hostile.message(message_factory.GetMessageClass(method.input_type))
        # Values that JSON cannot express have no request to send.
        with suppress(ApiError, json_format.SerializeToJsonError, ValueError):
            await api.call(name, request)


@one_database
@unary_methods
async def test_broken_messages_are_answered_or_refused(
    grpc_api: GrpcApi, known: Known, name: str, method: MethodDescriptor
) -> None:
    hostile = Hostile(name, known)
    for _ in range(REQUESTS):
        valid = hostile.message(message_factory.GetMessageClass(method.input_type)).SerializeToString()
        with suppress(ApiError):
            await grpc_api.call_raw(name, hostile_bytes(hostile.dice, valid))


@one_database
@unary_methods
async def test_broken_json_is_answered_or_refused(
    rest_api: RestApi, known: Known, name: str, method: MethodDescriptor
) -> None:
    hostile = Hostile(name, known)
    for _ in range(REQUESTS):
        request = hostile.message(message_factory.GetMessageClass(method.input_type))
        try:
            bound = bind(method, request)
        except (json_format.SerializeToJsonError, ValueError):
            continue
        content = b""
        if bound.body:
            content = json.dumps(hostile_json(hostile.dice, json.loads(bound.body))).encode()
            content = hostile_bytes(hostile.dice, content) if hostile.dice.random() < 0.3 else content
        with suppress(ApiError):
            await rest_api.call_raw(name, content, target=bound.target, verb=bound.verb, headers=JSON)


async def test_odd_uploads_are_stored_or_refused(api: Api, known: Known) -> None:
    hostile = Hostile("uploads", {**known, "path": ["a", "a/b", "c/d/e"]})
    for _ in range(REQUESTS):
        first: pb.UploadArtifactRequest = hostile.message(pb.UploadArtifactRequest)
        first.body.content_type = hostile.dice.choice(["", "text/plain", "text/plain; charset=utf-8"])
        with suppress(ApiError):
            await api.upload(first, [b"x" * hostile.dice.choice([0, 1, 1000])])


async def test_odd_downloads_are_answered_or_refused(api: Api, known: Known) -> None:
    await api.upload_artifact(known["run_id"][-3], "a", b"content")
    hostile = Hostile("downloads", {**known, "run_id": known["run_id"][-3:-2], "path": ["a"]})
    for _ in range(REQUESTS):
        request: pb.DownloadArtifactRequest = hostile.message(pb.DownloadArtifactRequest)
        request.offset, request.length = max(0, request.offset), max(0, request.length)
        with suppress(ApiError):
            await api.download(request)
