"""Calls over gRPC, by descriptors: no generated stub is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from milepost import v1 as pb
from support.api import TIMEOUT_S, Api, Download, RawAnswer, descriptor, response_class
from support.errors import ApiError, api_error
from support.metric_stream import MetricStream
from support.watching import Watch

MAX_DOWNLOAD_PIECE = 1024 * 1024
_UPLOAD = "milepost.v1.ArtifactService/UploadArtifact"
_MAX_RECEIVED = 64 * 1024 * 1024
# Refusals that the gRPC library itself makes, before any code of the server can add details.
_LIBRARY_CODES = (code_pb2.RESOURCE_EXHAUSTED, code_pb2.UNIMPLEMENTED)


class GrpcApi(Api):
    """A channel to `address`."""

    transport = "grpc"

    def __init__(self, address: str, database: str) -> None:
        super().__init__(database)
        self.address = address
        options = [
            ("grpc.max_receive_message_length", _MAX_RECEIVED),
            # Channels of one process would otherwise share a connection, and with it its flow control.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._sync_channel = grpc.insecure_channel(address, options=options)

    async def call(
        self, method: str, request: Message, *, binding: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        raw = await self.call_raw(method, request.SerializeToString(), headers=headers)
        return response_class(method).FromString(raw.content)

    async def call_raw(
        self, method: str, body: bytes, *, target: str = "", verb: str = "", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        metadata = tuple((headers or {}).items())
        call = self._channel.unary_unary(f"/{method}", None, None)(body, timeout=TIMEOUT_S, metadata=metadata)
        try:
            content: bytes = await call
            trailing = {name: str(value) for name, value in await call.trailing_metadata()}
        except grpc.aio.AioRpcError as error:
            raise read_error(error) from error
        return RawAnswer(content, trailing)

    async def upload(
        self, first: pb.UploadArtifactRequest, content: Iterable[bytes], *, sha256_last: str = ""
    ) -> pb.Artifact:
        async def messages() -> AsyncIterator[bytes]:
            yield first.SerializeToString()
            for piece in content:
                message = pb.UploadArtifactRequest()
                message.body.data = piece
                yield message.SerializeToString()
            if sha256_last:
                yield pb.UploadArtifactRequest(sha256=sha256_last).SerializeToString()

        return await self.upload_messages(messages())

    async def upload_messages(self, messages: AsyncIterator[bytes]) -> pb.Artifact:
        """Uploads by exactly these messages.

        Over the synchronous channel: when a call is refused while it still sends, the asynchronous one may report that
        it failed to send instead of the server's status (grpc/grpc#36066).
        """
        blocking = _blocking(messages, asyncio.get_running_loop())
        call = self._sync_channel.stream_unary(f"/{_UPLOAD}", None, None).future(blocking, timeout=TIMEOUT_S)
        try:
            answer: bytes = await asyncio.to_thread(call.result)
        except grpc.RpcError as error:
            raise read_error(error) from error
        return pb.UploadArtifactResponse.FromString(answer).artifact

    async def stream(self, method: str, request: Message) -> list[Any]:
        parse: Callable[[bytes], Message] = response_class(method).FromString
        assert descriptor(method).server_streaming
        call = self._channel.unary_stream(f"/{method}", None, None)(request.SerializeToString(), timeout=TIMEOUT_S)
        try:
            return [parse(message) async for message in call]
        except grpc.aio.AioRpcError as error:
            raise read_error(error) from error

    def watch(self, method: str, request: Message, headers: dict[str, str] | None = None) -> Watch:
        return Watch(self._watched(method, request, tuple((headers or {}).items())))

    async def _watched(
        self, method: str, request: Message, metadata: tuple[tuple[str, str], ...]
    ) -> AsyncGenerator[Any, None]:
        call = self._channel.unary_stream(f"/{method}", None, None)(request.SerializeToString(), metadata=metadata)
        try:
            async for message in call:
                yield response_class(method).FromString(message)
        except grpc.aio.AioRpcError as error:
            raise read_error(error) from error
        finally:
            call.cancel()

    def stream_metrics(self) -> MetricStream:
        """Opens a metric stream, to be used as a context manager."""
        return MetricStream(self._channel)

    async def download(self, request: pb.DownloadArtifactRequest) -> Download:
        answers: list[pb.DownloadArtifactResponse] = await self.stream(
            "milepost.v1.ArtifactService/DownloadArtifact", request
        )
        assert answers, "a download without a message says nothing of the file"
        first = answers[0]
        assert max(len(answer.body.data) for answer in answers) <= MAX_DOWNLOAD_PIECE
        assert not any(answer.size or answer.sha256 or answer.body.content_type for answer in answers[1:])
        return Download(
            content=b"".join(answer.body.data for answer in answers),
            content_type=first.body.content_type,
            size=first.size,
            sha256=first.sha256,
            filename=first.filename,
        )

    async def close(self) -> None:
        await self._channel.close(None)
        self._sync_channel.close()


def read_error(error: Any) -> ApiError:
    """The error that a call of either channel ended with, from its status details."""
    code: int = error.code().value[0]
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    details = trailing.get("grpc-status-details-bin")
    if details is None:
        assert code in _LIBRARY_CODES, f"an error without details: {error.code()} {error.details()}"
        return ApiError(code=code, reason="", message=error.details() or "")
    status = status_pb2.Status.FromString(details)
    assert status.code == code, f"the details say {status.code}, the status {code}"
    assert status.message == error.details()
    return api_error(status, trailing.get("x-request-id", ""))


def _blocking(messages: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """`messages`, which live in `loop`, for a thread."""

    async def following() -> bytes | None:
        return await anext(messages, None)

    while (message := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
        yield message
