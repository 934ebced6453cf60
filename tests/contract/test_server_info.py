"""What the server says of itself, and what it offers beside the API."""

from __future__ import annotations

import json

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import milepost
from milepost import v1 as pb
from support.api import SERVICES, Api
from support.errors import refused
from support.rest_api import RestApi
from support.servers import RunningServer


async def test_server_describes_itself(api: Api) -> None:
    info = await api.get_server_info()
    assert info.version == milepost.__version__
    assert info.database == api.database
    assert info.schema_revision
    assert info.artifact_scheme == "file"
    assert info.max_message_bytes > 0
    assert info.max_concurrent_calls > 0


async def test_limits_are_those_of_the_settings(api: Api, backend: RunningServer) -> None:
    info = await api.get_server_info()
    assert info.max_message_bytes == backend.settings.max_message_bytes
    assert info.max_concurrent_calls == backend.settings.max_concurrent_calls


@pytest.mark.parametrize(("given", "kept"), [("mine-1", True), ("x" * 128, True), ("x" * 129, False), ("", False)])
async def test_refused_call_names_the_id_under_which_it_is_logged(api: Api, given: str, kept: bool) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND") as refusal:
        await api.call(
            "milepost.v1.TrackingService/GetRun", pb.GetRunRequest(run_id="missing"), headers={"x-request-id": given}
        )
    assert (refusal.error.call_id == given) == kept


async def test_http_answer_names_the_id_under_which_it_is_logged(rest_api: RestApi) -> None:
    response = await rest_api.send("GET", "/v1/server", None, {"x-request-id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"
    assert (await rest_api.send("GET", "/v1/server", None)).headers["x-request-id"]


async def test_grpc_health_is_serving(backend: RunningServer) -> None:
    async with grpc.aio.insecure_channel(backend.grpc_address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", *SERVICES):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service


def test_grpc_reflection_lists_every_service_and_its_types(backend: RunningServer) -> None:
    with grpc.insecure_channel(backend.grpc_address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(SERVICES) <= set(database.get_services())
        file = database.FindFileContainingSymbol("milepost.v1.TrackingService")
        assert file.name == "milepost/v1/tracking_service.proto"


async def test_http_health_is_good(rest_api: RestApi) -> None:
    for target in ("/healthz", "/readyz"):
        assert (await rest_api.send("GET", target, None)).status_code == 200


async def test_prometheus_counts_calls_by_method(rest_api: RestApi) -> None:
    await rest_api.get_server_info()
    text = (await rest_api.send("GET", "/metrics", None)).text
    assert "GetServerInfo" in text


async def test_openapi_document_has_every_path(rest_api: RestApi) -> None:
    document = json.loads((await rest_api.send("GET", "/openapi.json", None)).content)
    assert document["openapi"].startswith("3.1")
    assert "/v1/runs/{run_id}" in document["paths"] or "/v1/runs/{runId}" in document["paths"]
