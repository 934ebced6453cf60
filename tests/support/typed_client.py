"""A program that knows a served model's typed contract by reflection only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from milepost.errors import from_rpc_error
from milepost.models.contracts import package_of

TIMEOUT_S = 60


class TypedClient:
    """Asks one model in JSON, by its contract of now.

    Args:
        channel: To the model server.
        model: Name that it is served under.
    """

    def __init__(self, channel: grpc.Channel, model: str) -> None:
        self._channel = channel
        self.service = f"{package_of(model)}.Predictor"
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        methods = pool.FindServiceByName(self.service).methods_by_name
        self._request = message_factory.GetMessageClass(methods["Predict"].input_type)
        self._response = message_factory.GetMessageClass(methods["Predict"].output_type)

    @property
    def file(self) -> FileDescriptorProto:
        """The contract."""
        file = FileDescriptorProto()
        self._request.DESCRIPTOR.file.CopyToProto(file)
        return file

    def request(self, request: Mapping[str, Any]) -> bytes:
        """A request, serialized."""
        return json_format.ParseDict(dict(request), self._request()).SerializeToString()

    def predict(self, request: Mapping[str, Any] | bytes) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            MilepostError: The call failed.
        """
        raw = request if isinstance(request, bytes) else self.request(request)
        call = self._channel.unary_unary(f"/{self.service}/Predict", None, self._response.FromString)
        try:
            return _json(call(raw, timeout=TIMEOUT_S))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    def stream(self, requests: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The answers to requests. Raises as `predict` does."""
        call = self._channel.stream_stream(f"/{self.service}/StreamPredict", None, self._response.FromString)
        try:
            for response in call(map(self.request, requests), timeout=TIMEOUT_S):
                yield _json(response)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None


def services(channel: grpc.Channel) -> set[str]:
    """The names of all services that reflection shows."""
    return set(ProtoReflectionDescriptorDatabase(channel).get_services())


def _json(response: Message) -> dict[str, Any]:
    document: dict[str, Any] = json_format.MessageToDict(response)
    return document
