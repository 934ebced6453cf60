"""Failed calls as grpcio raises them, with the details that a Milepost server sends."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2


class RpcFailure(grpc.RpcError):
    """What a failed call of grpcio raises, as far as the mapping looks at it."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing: tuple[tuple[str, bytes], ...] = ()) -> None:
        super().__init__()
        self._code, self._details, self._trailing = code, details, trailing

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[Any, ...]:
        return self._trailing


def failure(code: grpc.StatusCode, *details: Message) -> RpcFailure:
    status = status_pb2.Status(code=code.value[0], message="text")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return RpcFailure(code, "text", (("other", b""), ("grpc-status-details-bin", status.SerializeToString())))


def info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="milepost", metadata=metadata)
