"""The handler table: every method of a service has a handler of the right kind and a permission, or nothing starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from milepost import v1 as pb
from milepost.v1 import artifact_service_pb2, server_service_pb2
from milepost_server.calls.call import Call
from milepost_server.calls.handlers import HandlerTable, snake_case
from milepost_server.servicers.artifacts import ArtifactServicer
from milepost_server.servicers.server import ServerServicer

SERVER = server_service_pb2.DESCRIPTOR.services_by_name["ServerService"]
ARTIFACTS = artifact_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"]
INFO = "milepost.v1.ServerService/GetServerInfo"


def without_permission() -> ServiceDescriptor:
    """A service whose author forgot the permission of its method."""
    file = descriptor_pb2.FileDescriptorProto(name="open.proto", package="open", syntax="proto3")
    file.message_type.add(name="Message")
    file.service.add(name="OpenService").method.add(
        name="DoAll", input_type=".open.Message", output_type=".open.Message"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("open.OpenService")


async def test_a_method_is_found_by_its_grpc_name_and_answers() -> None:
    upkeep: Any = None
    table = HandlerTable([(SERVER, ServerServicer(pb.ServerInfo(version="1"), upkeep))])
    method = table[INFO]
    assert method in list(table)
    assert method.request_class is pb.GetServerInfoRequest
    assert method.response_class is pb.GetServerInfoResponse
    assert method.permission != pb.PERMISSION_UNSPECIFIED
    answer: Any = await method.handler(pb.GetServerInfoRequest(), None)  # type: ignore[misc]
    assert answer.server.version == "1"


def test_streaming_follows_from_the_proto() -> None:
    service: Any = None
    table = HandlerTable([(ARTIFACTS, ArtifactServicer(service))])
    kinds = {method.descriptor.name: (method.client_streaming, method.server_streaming) for method in table}
    assert kinds["UploadArtifact"] == (True, False)
    assert kinds["DownloadArtifact"] == (False, True)
    assert kinds["ListArtifacts"] == (False, False)


def test_a_method_without_a_handler_is_refused() -> None:
    with pytest.raises(TypeError, match=r"object has no get_server_info, so nothing answers .*GetServerInfo"):
        HandlerTable([(SERVER, object())])


def test_a_handler_of_the_wrong_kind_is_refused() -> None:
    class Streaming:
        async def get_server_info(self, request: Any, call: Call) -> AsyncIterator[pb.GetServerInfoResponse]:
            yield pb.GetServerInfoResponse()

    with pytest.raises(TypeError, match="GetServerInfo must be a coroutine"):
        HandlerTable([(SERVER, Streaming())])


def test_a_method_without_a_permission_is_refused() -> None:
    class Servicer:
        async def do_all(self, request: Any, call: Call) -> Any:
            return request

    with pytest.raises(TypeError, match=r"open\.OpenService/DoAll has no .* option, so nobody may call it"):
        HandlerTable([(without_permission(), Servicer())])


@pytest.mark.parametrize(("name", "snake"), [("GetRun", "get_run"), ("BatchGetRuns", "batch_get_runs"), ("Do", "do")])
def test_handlers_are_named_in_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake
