"""The transport-neutral way to call a server, and the two transports behind it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.v1 import (
    artifact_service_pb2,
    import_service_pb2,
    logged_model_service_pb2,
    metric_service_pb2,
    registry_service_pb2,
    server_service_pb2,
    tracking_service_pb2,
    webhook_service_pb2,
)
from support.verbs import Verbs
from support.watching import Watch

TIMEOUT_S = 60.0

SERVICES: dict[str, ServiceDescriptor] = {
    service.full_name: service
    for file in (
        artifact_service_pb2,
        import_service_pb2,
        logged_model_service_pb2,
        metric_service_pb2,
        registry_service_pb2,
        server_service_pb2,
        tracking_service_pb2,
        webhook_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
}


@dataclass(frozen=True)
class RawAnswer:
    """What came back for a raw request that was accepted.

    Args:
        content: Bytes of the gRPC message or of the HTTP body.
        headers: HTTP headers in lower case; initial metadata over gRPC.
        status: HTTP status; 200 over gRPC.
    """

    content: bytes
    headers: dict[str, str]
    status: int = 200


@dataclass(frozen=True)
class Download:
    """A downloaded artifact or range.

    Args:
        content: The bytes asked for.
        content_type: Media type recorded at the upload, as answered.
        size: Size of the whole file in bytes.
        sha256: Digest of the whole file.
        filename: Name offered for saving.
    """

    content: bytes
    content_type: str
    size: int
    sha256: str
    filename: str


def descriptor(method: str) -> MethodDescriptor:
    """The descriptor of `milepost.v1.TrackingService/GetRun`."""
    service, _, name = method.partition("/")
    return SERVICES[service].methods_by_name[name]


def response_class(method: str) -> type[Message]:
    """The class of the method's response messages."""
    return message_factory.GetMessageClass(descriptor(method).output_type)


class Api(Verbs):
    """One way into one server. Every call raises `ApiError` when it is refused, and fails the test on a defect.

    Args:
        database: Kind of database behind the server.
    """

    transport: ClassVar[Literal["grpc", "rest"]]

    def __init__(self, database: str) -> None:
        self.database = database

    @abstractmethod
    async def call(
        self, method: str, request: Message, *, binding: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        """Calls a unary method and returns its response message.

        Args:
            method: As `milepost.v1.TrackingService/GetRun`.
            request: The request message.
            binding: Which of the method's HTTP rules is used. Without meaning over gRPC.
            headers: HTTP headers or gRPC metadata, names in lower case.
        """

    @abstractmethod
    async def call_raw(
        self, method: str, body: bytes, *, target: str = "", verb: str = "", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        """Sends bytes that need not be a valid message.

        Args:
            method: The method over gRPC. Over REST it may be empty.
            body: The request message's bytes, or the HTTP body.
            target: HTTP path and query as they go on the wire. Ignored over gRPC.
            verb: HTTP verb; `POST` with a body and `GET` without when empty. Ignored over gRPC.
            headers: HTTP headers or gRPC metadata.
        """

    @abstractmethod
    async def upload(
        self, first: pb.UploadArtifactRequest, content: Iterable[bytes], *, sha256_last: str = ""
    ) -> pb.Artifact:
        """Uploads an artifact.

        Args:
            first: The first message. Over REST its `body.content_type` becomes the `Content-Type`.
            content: The bytes, in pieces.
            sha256_last: Digest sent after the bytes. gRPC only: HTTP has no place for it.
        """

    @abstractmethod
    async def stream(self, method: str, request: Message) -> list[Any]:
        """Calls a method that streams messages down, and returns them all. Bytes over REST are one message."""

    @abstractmethod
    def watch(self, method: str, request: Message, headers: dict[str, str] | None = None) -> Watch:
        """Opens a stream of messages that goes on for as long as it is read; over REST as Server-Sent Events."""

    @abstractmethod
    async def download(self, request: pb.DownloadArtifactRequest) -> Download:
        """Downloads an artifact or a range of it, checking the form of the answer."""

    @abstractmethod
    async def close(self) -> None:
        """Frees the connections."""


async def pieces(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    """`content` as an asynchronous iterator."""
    for piece in content:
        yield piece
