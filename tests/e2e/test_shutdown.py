"""A server that is asked to end finishes what it accepted, and says that it is going."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api import httpbody_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from milepost import v1 as pb
from support.grpc_api import read_error
from support.metric_stream import MetricStream
from support.server_process import ServerProcess, call

CREATE_RUN = "milepost.v1.TrackingService/CreateRun"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@asynccontextmanager
async def running(folder: Path, *flags: str) -> AsyncIterator[tuple[ServerProcess, grpc.aio.Channel]]:
    """A server of its own, and a channel to it."""
    server = await asyncio.to_thread(ServerProcess, folder / "data", *flags)
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            yield server, channel
    finally:
        server.kill()
        await asyncio.to_thread(server.wait)


async def begin_upload(server: ServerProcess, channel: grpc.aio.Channel) -> Any:
    """An upload that the server is at work on, and that waits for its last bytes."""
    created = await call(channel, CREATE_RUN, pb.CreateRunRequest())
    uploads: Any = channel.stream_unary(
        "/milepost.v1.ArtifactService/UploadArtifact",
        pb.UploadArtifactRequest.SerializeToString,
        pb.UploadArtifactResponse.FromString,
    )
    upload = uploads()
    await upload.write(pb.UploadArtifactRequest(run_id=created.run.run_id, path="a.txt", size=6))
    await upload.write(_bytes(b"abc"))
    async with httpx.AsyncClient(base_url=server.http_url) as http:
        while "milepost_calls_at_work 1.0" not in (await http.get("/metrics")).text:
            pass
    return upload


def _bytes(data: bytes) -> pb.UploadArtifactRequest:
    return pb.UploadArtifactRequest(body=httpbody_pb2.HttpBody(data=data))


async def until_refused(channel: grpc.aio.Channel) -> grpc.aio.AioRpcError:
    """What a new call is refused with, once new calls are refused."""
    while True:
        try:
            await call(channel, "milepost.v1.ServerService/GetServerInfo", pb.GetServerInfoRequest())
        except grpc.aio.AioRpcError as error:
            return error


async def test_accepted_calls_finish_and_new_ones_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, channel):
        upload = await begin_upload(server, channel)
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == SERVING
        server.terminate()
        assert (await health.read()).status == NOT_SERVING
        refused = await until_refused(channel)
        assert refused.code() is grpc.StatusCode.UNAVAILABLE
        assert read_error(refused).reason == "SHUTTING_DOWN"
        async with httpx.AsyncClient(base_url=server.http_url) as http:
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/v1/experiments")).status_code == 503
        await upload.write(_bytes(b"def"))
        await upload.done_writing()
        assert (await upload).artifact.size == 6
        assert await asyncio.to_thread(server.wait) == 0


async def test_a_call_that_never_ends_does_not_keep_the_server(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain-s", "0.5") as (server, channel):
        upload = await begin_upload(server, channel)
        server.terminate()
        assert await asyncio.to_thread(server.wait) == 0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await upload
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_metric_stream_is_told_answered_and_ended_and_goes_on_with_the_next_server(tmp_path: Path) -> None:
    points = pb.MetricPoints(key="loss", values=[0.5])
    async with running(tmp_path) as (server, channel):
        run_id = (await call(channel, CREATE_RUN, pb.CreateRunRequest())).run.run_id
        async with MetricStream(channel) as stream:
            await stream.open(run_id, "writer")
            await stream.send(1, points)
            await stream.acknowledged(1)
            server.terminate()
            told = await stream.receive()
            assert told is not None
            assert told.HasField("drain")
            assert await stream.receive() is None
        assert await asyncio.to_thread(server.wait) == 0
    async with running(tmp_path) as (_, channel), MetricStream(channel) as stream:
        assert await stream.open(run_id, "writer") == 1
        await stream.send(2, points)
        await stream.acknowledged(2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_server_ends_at_once_and_leaves_one_file(tmp_path: Path, number: signal.Signals) -> None:
    async with running(tmp_path) as (server, channel):
        await call(channel, CREATE_RUN, pb.CreateRunRequest())
        server.process.send_signal(number)
        assert await asyncio.to_thread(server.wait) == 0
    # All that was in the write-ahead log is in the database now.
    assert {path.name for path in (tmp_path / "data").glob("milepost.db*")} == {"milepost.db"}
    with closing(sqlite3.connect(tmp_path / "data" / "milepost.db")) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)
