"""No request, however odd, meets a defect: each is answered or refused with a reason. `Api` checks every refusal."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from support.api import SERVICES, Api
from support.errors import ApiError
from support.grpc_api import GrpcApi
from support.hostile import hostile_bytes, hostile_json, hostile_message, json_bytes
from support.rest_api import RestApi
from support.rest_binding import bind
from support.values import unique

REQUESTS = 40
METHODS = {f"{service.full_name}/{method.name}": method for service in SERVICES.values() for method in service.methods}
UNARY = {name: method for name, method in METHODS.items() if not (method.client_streaming or method.server_streaming)}
unary_methods = pytest.mark.parametrize(("name", "method"), UNARY.items(), ids=[name.split("/")[1] for name in UNARY])


@pytest.fixture
async def known(api: Api) -> AsyncIterator[list[str]]:
    """Texts that mean something to the server: ids of an experiment and two runs, and keys that they have."""
    experiment = await api.create_experiment()
    runs = [await api.create_run(experiment.experiment_id, tags={"a": "b"}) for _ in range(2)]
    yield [experiment.experiment_id, *(run.run_id for run in runs), "a", "b", unique("new")]
    assert (await api.get_server_info()).version


def _request(dice: random.Random, method: MethodDescriptor, known: list[str]) -> Message:
    request = hostile_message(dice, message_factory.GetMessageClass(method.input_type), known)
    # The experiment that other tests use by default is left alone.
    if getattr(request, "experiment_id", "") == "0":
        request.ClearField("experiment_id")
    return request


@unary_methods
async def test_odd_values_are_answered_or_refused(
    api: Api, known: list[str], name: str, method: MethodDescriptor
) -> None:
    dice = random.Random(name)
    for _ in range(REQUESTS):
        request = _request(dice, method, known)
        # Values that JSON cannot express have no request to send.
        with suppress(ApiError, json_format.SerializeToJsonError, ValueError):
            await api.call(name, request)


@unary_methods
async def test_broken_messages_are_answered_or_refused(grpc_api: GrpcApi, name: str, method: MethodDescriptor) -> None:
    dice = random.Random(name)
    run = await grpc_api.create_run((await grpc_api.create_experiment()).experiment_id)
    for _ in range(REQUESTS):
        valid = _request(dice, method, [run.run_id, run.experiment_id]).SerializeToString()
        with suppress(ApiError):
            await grpc_api.call_raw(name, hostile_bytes(dice, valid))


@unary_methods
async def test_broken_json_is_answered_or_refused(rest_api: RestApi, name: str, method: MethodDescriptor) -> None:
    dice = random.Random(name)
    run = await rest_api.create_run((await rest_api.create_experiment()).experiment_id)
    for _ in range(REQUESTS):
        request = _request(dice, method, [run.run_id, run.experiment_id])
        try:
            bound = bind(method, request)
        except (json_format.SerializeToJsonError, ValueError):
            continue
        body: Any = hostile_json(dice, json_format.MessageToDict(request))
        content = hostile_bytes(dice, json_bytes(body)) if dice.random() < 0.3 else json_bytes(body)
        headers = {"content-type": "application/json"}
        with suppress(ApiError):
            await rest_api.call_raw(
                name, content if bound.body else b"", target=bound.target, verb=bound.verb, headers=headers
            )


async def test_odd_uploads_are_stored_or_refused(api: Api, known: list[str]) -> None:
    dice = random.Random("uploads")
    for _ in range(REQUESTS):
        first = hostile_message(dice, pb.UploadArtifactRequest, [known[1], "a/b", "a"])
        assert isinstance(first, pb.UploadArtifactRequest)
        first.body.content_type = dice.choice(["", "text/plain", "text/plain; charset=utf-8"])
        with suppress(ApiError):
            await api.upload(first, [b"x" * dice.choice([0, 1, 1000])])


async def test_odd_downloads_are_answered_or_refused(api: Api, known: list[str]) -> None:
    await api.upload_artifact(known[1], "a", b"content")
    dice = random.Random("downloads")
    for _ in range(REQUESTS):
        request = hostile_message(dice, pb.DownloadArtifactRequest, [known[1], "a"])
        assert isinstance(request, pb.DownloadArtifactRequest)
        request.offset, request.length = max(0, request.offset), max(0, request.length)
        with suppress(ApiError):
            await api.download(request)
