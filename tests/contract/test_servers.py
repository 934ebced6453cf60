"""What outlives a server, what several servers share, and what one at its limits says."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from milepost import v1 as pb
from support.api import Api
from support.databases import KINDS, DatabaseServer, new_url
from support.errors import ApiError, refused
from support.grpc_api import GrpcApi
from support.rest_api import RestApi
from support.servers import RunningServer
from support.values import SOME_BYTES, param, points, unique

Start = Callable[[], RunningServer]


@asynccontextmanager
async def _apis(server: RunningServer) -> AsyncIterator[tuple[GrpcApi, RestApi]]:
    grpc, rest = GrpcApi(server.grpc_address, ""), RestApi(server.http_url, "")
    try:
        yield grpc, rest
    finally:
        await grpc.close()
        await rest.close()


@pytest.fixture(params=KINDS)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts servers on one empty database and one artifact folder of the test's own."""
    database_url = new_url(request, request.param, tmp_path)
    started: list[RunningServer] = []

    def start_one() -> RunningServer:
        started.append(RunningServer(tmp_path, database_url=database_url))
        return started[-1]

    yield start_one
    for server in started:
        server.stop()


async def test_everything_outlives_a_restart(start: Start) -> None:
    server = start()
    async with _apis(server) as (api, _):
        experiment = await api.create_experiment(tags={"k": "v"})
        run = await api.create_run(experiment.experiment_id, params={"p": param(0.1)}, request_id="first")
        await api.log_metrics(run.run_id, points("m", [1.0, 2.0]), request_id="points")
        await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=pb.Dataset(name="d"))])
        await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES)
        with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
            await api.upload_artifact(run.run_id, "b.bin", b"12345", size=10, upload_id="upload-1")
        await api.create_run(experiment.experiment_id)
        page = await api.list_runs(experiment_ids=[experiment.experiment_id], page_size=1)
        before = await api.get_run(run.run_id)
    server.stop()
    async with _apis(start()) as (_, api):
        assert await api.get_experiment(experiment.experiment_id) == experiment
        assert await api.get_run(run.run_id) == before
        assert await api.create_run(experiment.experiment_id, params={"p": param(0.1)}, request_id="first") == run
        assert await api.log_metrics(run.run_id, points("m", [1.0, 2.0]), request_id="points") == 2
        assert list((await api.list_metric_history(run.run_id, "m")).points.values) == [1.0, 2.0]
        assert (await api.download_artifact(run.run_id, "a.bin")).content == SOME_BYTES
        await api.upload_artifact(run.run_id, "b.bin", b"67890", size=10, upload_id="upload-1", offset=5)
        assert (await api.download_artifact(run.run_id, "b.bin")).content == b"1234567890"
        rest = await api.list_runs(experiment_ids=[experiment.experiment_id], page_token=page.next_page_token)
        assert [one.run_id for one in rest.runs] == [run.run_id]


async def test_server_that_stops_answers_what_it_accepted(start: Start) -> None:
    server = start()
    async with _apis(server) as (api, _):
        run = await api.create_run()
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def messages() -> AsyncIterator[bytes]:
            yield pb.UploadArtifactRequest(run_id=run.run_id, path="a").SerializeToString()
            begun.set()
            await go_on.wait()
            last = pb.UploadArtifactRequest()
            last.body.data = b"late"
            yield last.SerializeToString()

        upload = asyncio.create_task(api.upload_messages(messages()))
        await begun.wait()
        # Answered calls show that the stream before them has reached the server.
        await api.get_run(run.run_id)
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        await _until_refused(api, run.run_id)
        go_on.set()
        assert (await upload).size == 4
        await stopping


async def _until_refused(api: Api, run_id: str) -> None:
    for _ in range(1000):
        try:
            await api.get_run(run_id)
        except ApiError as error:
            if error.reason in ("SHUTTING_DOWN", ""):
                return
            raise
        await asyncio.sleep(0.005)
    raise AssertionError("the server goes on answering while it stops")


async def test_servers_of_one_database_act_as_one(database_server: DatabaseServer, tmp_path: Path) -> None:
    url = database_server.create_database()
    # Both at once on an empty database: one of them makes the tables.
    servers = await asyncio.gather(
        *(asyncio.to_thread(RunningServer, tmp_path / "data", database_url=url) for _ in range(2))
    )
    try:
        async with _apis(servers[0]) as (first, _), _apis(servers[1]) as (_, second):
            await _act_as_one(first, second)
    finally:
        for server in servers:
            server.stop()


async def _act_as_one(first: Api, second: Api) -> None:
    name = unique("race")
    creates = [api.create_experiment(name) for api in (first, second) for _ in range(8)]
    outcomes = await asyncio.gather(*creates, return_exceptions=True)
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, pb.Experiment)]
    assert {error.reason for error in outcomes if isinstance(error, ApiError)} == {"EXPERIMENT_EXISTS"}
    runs = await asyncio.gather(
        *(api.create_run(winner.experiment_id, request_id="same") for api in (first, second) for _ in range(8))
    )
    (run_id,) = {run.run_id for run in runs}
    await asyncio.gather(*(api.log_metrics(run_id, points("m", [n], [n])) for n in range(8) for api in (first, second)))
    assert (await second.get_run(run_id)).metrics["m"].count == 16
    for api in (first, second):
        await api.create_run(winner.experiment_id)
    page = await first.list_runs(experiment_ids=[winner.experiment_id], page_size=2)
    rest = await second.list_runs(experiment_ids=[winner.experiment_id], page_size=2, page_token=page.next_page_token)
    assert len({run.run_id for run in (*page.runs, *rest.runs)}) == 3
    await first.upload_artifact(run_id, "a", b"shared")
    assert (await second.download_artifact(run_id, "a")).content == b"shared"


async def test_database_that_crashes_is_told_apart_and_found_again(
    own_database_server: DatabaseServer, tmp_path: Path
) -> None:
    server = RunningServer(tmp_path, database_url=own_database_server.create_database())
    try:
        async with _apis(server) as (grpc, rest):
            run = await grpc.create_run()
            own_database_server.crash()
            for api in (grpc, rest):
                with refused("UNAVAILABLE", "DATABASE_UNAVAILABLE"):
                    await api.get_run(run.run_id)
                with refused("UNAVAILABLE", "DATABASE_UNAVAILABLE"):
                    await api.log_metrics(run.run_id, points("m", [1.0]))
            async with httpx.AsyncClient(base_url=server.http_url, trust_env=False) as client:
                assert (await client.get("/healthz")).status_code == 200
                assert (await client.get("/readyz")).status_code == 503
            own_database_server.start()
            assert await grpc.get_run(run.run_id) == run
            assert await rest.log_metrics(run.run_id, points("m", [1.0])) == 1
            assert (await rest.send("GET", "/readyz", None)).status_code == 200
    finally:
        server.stop()


async def test_server_at_its_limit_of_calls_says_when_to_come_again(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, max_concurrent_calls=1)
    try:
        async with _apis(server) as (grpc, rest):
            run = await grpc.create_run()
            done = asyncio.Event()
            upload = asyncio.create_task(_hold(grpc, run.run_id, done))
            await _until_busy(grpc, run.run_id)
            with refused("RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"):
                await rest.get_run(run.run_id)
            async with httpx.AsyncClient(base_url=server.http_url, trust_env=False) as client:
                answer = await client.get(f"/v1/runs/{run.run_id}")
                assert (answer.status_code, answer.headers["retry-after"].isdecimal()) == (429, True)
                assert (await client.get("/healthz")).status_code == 200
            done.set()
            assert (await upload).size == 0
            assert await rest.get_run(run.run_id) == run
    finally:
        server.stop()


async def _hold(api: GrpcApi, run_id: str, done: asyncio.Event) -> pb.Artifact:
    async def messages() -> AsyncIterator[bytes]:
        yield pb.UploadArtifactRequest(run_id=run_id, path="a").SerializeToString()
        await done.wait()

    return await api.upload_messages(messages())


async def _until_busy(api: Api, run_id: str) -> None:
    for _ in range(1000):
        try:
            await api.get_run(run_id)
        except ApiError as error:
            if error.reason == "TOO_MANY_REQUESTS":
                return
            raise
        await asyncio.sleep(0.005)
    raise AssertionError("the server takes any number of calls")


@pytest.mark.parametrize("damage", [b"X", b""], ids=["changed", "shortened"])
async def test_damaged_file_is_not_served_as_whole(start: Start, tmp_path: Path, damage: bytes) -> None:
    async with _apis(start()) as (grpc, rest):
        run = await grpc.create_run()
        artifact = await grpc.upload_artifact(run.run_id, "a.bin", SOME_BYTES)
        assert artifact.sha256 == hashlib.sha256(SOME_BYTES).hexdigest()
        (stored,) = [path for path in (tmp_path / "artifacts").rglob("a.bin*") if path.is_file()]
        stored.write_bytes(SOME_BYTES[:-1] + damage)
        with refused("DATA_LOSS", "ARTIFACT_CORRUPT"):
            await grpc.download_artifact(run.run_id, "a.bin")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, ApiError)):
            await rest.download_artifact(run.run_id, "a.bin")
