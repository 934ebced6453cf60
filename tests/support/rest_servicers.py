"""Servicers with canned answers, and an HTTP server over them, for tests of the HTTP listener alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from milepost import v1 as pb
from milepost.v1 import artifact_service_pb2, tracking_service_pb2
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.calls.handlers import HandlerTable
from milepost_server.errors import DomainError, NotFound, OutOfRange, ResourceExhausted, Unavailable
from milepost_server.http_server import HttpServer
from milepost_server.rest.app import RestApp
from support.rest_mlflow_protos import PROBE_SERVICE, ProbeEmpty, ProbePart
from support.rest_protos import TEST_SERVICE, CollectResponse, FetchResponse, Item

MAX_BODY_BYTES = 100_000
CONTENT = bytes(range(256)) * 4000
ETAG = "ab" * 32
CHUNK = 100_000


class Refusing:
    """Answers every method that has no handler of its own with the error of a missing run."""

    def __getattr__(self, name: str) -> Any:
        async def refuse(request: Any, call: Call) -> Any:
            raise NotFound(f"no {name}", reason=pb.ERROR_REASON_RUN_NOT_FOUND)

        async def refuse_stream(request: Any, call: Call) -> AsyncIterator[Any]:
            yield await refuse(request, call)

        return refuse_stream if name.startswith("watch_") else refuse


class Tracking(Refusing):
    """Answers with what it was asked."""

    async def create_run(self, request: pb.CreateRunRequest, call: Call) -> pb.CreateRunResponse:
        call.response_metadata["x-seen-request-id"] = request.request_id
        return pb.CreateRunResponse(run=request.run)

    async def get_run(self, request: pb.GetRunRequest, call: Call) -> pb.GetRunResponse:
        if request.run_id in ERRORS:
            raise ERRORS[request.run_id]
        if request.run_id == "defect":
            raise RuntimeError("a secret")
        if request.run_id == "timeless":
            run = pb.Run(run_id=request.run_id)
            run.start_time.seconds = 10**15
            return pb.GetRunResponse(run=run)
        return pb.GetRunResponse(run=pb.Run(run_id=request.run_id, description=call.metadata.get("x-note", "")))

    async def update_run(self, request: pb.UpdateRunRequest, call: Call) -> pb.UpdateRunResponse:
        return pb.UpdateRunResponse(run=request.run)


ERRORS: dict[str, DomainError] = {
    "busy": ResourceExhausted("busy", reason=pb.ERROR_REASON_TOO_MANY_REQUESTS, retry_after_s=0.25),
    "down": Unavailable("down", reason=pb.ERROR_REASON_DATABASE_UNAVAILABLE, retry_after_s=2.5),
    "full": ResourceExhausted("full", reason=pb.ERROR_REASON_STORAGE_FULL),
}


class Artifacts(Refusing):
    """Serves `CONTENT` at any path, and tells what came up."""

    def __init__(self) -> None:
        self.upload_failures: asyncio.Queue[BaseException] = asyncio.Queue()

    async def upload_artifact(self, requests: AsyncIterator[Any], call: Call) -> pb.UploadArtifactResponse:
        first = await anext(requests)
        size, messages = len(first.body.data), 1
        try:
            async for request in requests:
                assert not request.path
                assert not request.body.content_type
                size += len(request.body.data)
                messages += 1
        except Exception as failure:
            self.upload_failures.put_nowait(failure)
            raise
        declared = str(first.size) if first.HasField("size") else "unset"
        artifact = pb.Artifact(path=first.path, size=size, content_type=first.body.content_type, sha256=declared)
        call.response_metadata["x-messages"] = str(messages)
        return pb.UploadArtifactResponse(artifact=artifact)

    async def download_artifact(self, request: pb.DownloadArtifactRequest, call: Call) -> AsyncIterator[Any]:
        content = b"" if request.path == "empty" else CONTENT
        if request.offset > len(content):
            raise OutOfRange("past the end")
        end = min(len(content), request.offset + request.length) if request.length else len(content)
        first = pb.DownloadArtifactResponse(size=len(content), sha256=ETAG, filename=request.path.rpartition("/")[2])
        first.body.content_type = "text/html\r\nevil: 1" if request.path == "evil" else "text/html"
        first.body.data = content[request.offset : min(request.offset + CHUNK, end)]
        yield first
        if request.path == "corrupt":
            raise RuntimeError("bad block")
        for start in range(request.offset + CHUNK, end, CHUNK):
            message = pb.DownloadArtifactResponse()
            message.body.data = content[start : min(start + CHUNK, end)]
            yield message


class Kinds:
    """One method of each kind."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def echo(self, request: Any, call: Call) -> Any:
        return request

    echo_query = echo
    echo_part = echo

    async def watch(self, request: Any, call: Call) -> AsyncIterator[Any]:
        try:
            for number in range(request.count):
                if request.fail_after and number == request.fail_after:
                    raise NotFound("gone", reason=pb.ERROR_REASON_RUN_NOT_FOUND)
                yield Item(text="line", number=number)
            if request.count < 0:
                yield Item(text="first")
                await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def collect(self, requests: AsyncIterator[Any], call: Call) -> Any:
        return CollectResponse(items=[item async for item in requests])

    async def fetch(self, request: Any, call: Call) -> AsyncIterator[Any]:
        for number in range(request.count):
            message = FetchResponse()
            message.body.content_type = "text/csv"
            message.body.data = b"%d," % number
            yield message

    async def wait(self, request: Any, call: Call) -> Any:
        await asyncio.Event().wait()


class Probes:
    """Methods in MLflow's dialect: they answer with what they were asked, or fail as `ERRORS` says of the run."""

    def __init__(self) -> None:
        self.uploaded: list[Any] = []

    async def create_probe(self, request: Any, call: Call) -> Any:
        if request.run_id in ERRORS:
            raise ERRORS[request.run_id]
        if request.run_id == "defect":
            raise RuntimeError("a secret")
        return request

    put_probe = get_probe = update_probe = delete_probe = create_probe

    async def upload(self, requests: AsyncIterator[Any], call: Call) -> Any:
        self.uploaded = [request async for request in requests]
        return ProbeEmpty()

    async def download(self, request: Any, call: Call) -> AsyncIterator[Any]:
        if request.artifact_path == "missing":
            raise NotFound("no file", reason=pb.ERROR_REASON_ARTIFACT_NOT_FOUND)
        end = request.offset + request.length if request.length else len(CONTENT)
        part = ProbePart(size=len(CONTENT), sha256=ETAG, filename=f"{request.run_id}-{request.artifact_path}")
        part.body.data = CONTENT[request.offset : end]
        yield part

    get_artifact = download


class RestServer:
    """A listening HTTP server and a client of it."""

    def __init__(
        self, port: int, client: httpx.AsyncClient, artifacts: Artifacts, kinds: Kinds, probes: Probes
    ) -> None:
        self.port = port
        self.client = client
        self.artifacts = artifacts
        self.kinds = kinds
        self.probes = probes

    async def raw(self, request: bytes) -> bytes:
        """Sends bytes as they are and returns all that comes until the server closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def running_rest_server() -> AsyncIterator[RestServer]:
    """Serves the servicers of this file on a free port."""
    artifacts, kinds, probes = Artifacts(), Kinds(), Probes()
    app = RestApp(handler_table(artifacts, kinds, probes), Dispatcher([]), **APP_OPTIONS)
    server = HttpServer(app)
    port = await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        yield RestServer(port, client, artifacts, kinds, probes)
    await server.stop(1)


def handler_table(artifacts: Artifacts, kinds: Kinds, probes: Probes) -> HandlerTable:
    """The methods of these servicers."""
    return HandlerTable(
        [
            (tracking_service_pb2.DESCRIPTOR.services_by_name["TrackingService"], Tracking()),
            (artifact_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"], artifacts),
            (TEST_SERVICE, kinds),
            (PROBE_SERVICE, probes),
        ]
    )


async def _health() -> tuple[int, str, bytes]:
    return 503, "text/plain", b"not yet"


APP_OPTIONS: dict[str, Any] = {
    "max_body_bytes": MAX_BODY_BYTES,
    "allowed_hosts": ["tracking.example"],
    "pages": {"/readyz": _health},
}
