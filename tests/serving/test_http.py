"""The scoring interface of a server with one model: time, load, and what it says without being asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.servers import RunningModelServer
from support.serving_models import acting_model
from support.serving_registry import until

PATH = "/invocations"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with one process, for which one request at a time may wait."""
    server = RunningModelServer(f"acting={acting_model()}", trust=True, spares=0, max_queue=1, max_batch_rows=1)
    yield f"http://127.0.0.1:{server.http_port}"
    server.stop()


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        yield client


async def ask(client: httpx.AsyncClient, row: str, path: str = PATH, **headers: str) -> httpx.Response:
    """Asks the model to do what the row says."""
    return await client.post(path, json={"inputs": [row]}, headers=headers)


async def test_the_only_model_needs_no_name(client: httpx.AsyncClient) -> None:
    response = await ask(client, "echo")
    assert (response.status_code, response.json()) == (200, {"predictions": ["echo"]})


async def test_the_caller_gets_its_request_id_back_or_a_new_one(client: httpx.AsyncClient) -> None:
    given = await ask(client, "echo", **{"x-request-id": "mine"})
    made = await ask(client, "echo")
    assert given.headers["x-request-id"] == "mine"
    assert made.headers["x-request-id"] != (await ask(client, "echo")).headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, {"inputs": ["sleep 0.3"]}),
        (
            "/v2/models/acting/infer",
            {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": ["sleep 0.3"]}]},
        ),
    ],
)
async def test_time_that_is_up_is_504(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    response = await client.post(path, json=body, headers={"grpc-timeout": "50m"})
    assert response.status_code == 504


async def test_a_full_queue_is_429_with_a_time_to_come_back(client: httpx.AsyncClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    working = asyncio.create_task(ask(client, f"wait {gate}"))
    await until(lambda: gate.with_name("gate.started").exists())
    waiting = [asyncio.create_task(ask(client, "echo")) for _ in range(8)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    refused = [task.result() for task in done]
    gate.touch()
    answered = [response.status_code for response in await asyncio.gather(working, *waiting)]
    assert {(each.status_code, each.json()["error_code"]) for each in refused} == {(429, "RESOURCE_EXHAUSTED")}
    assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
    assert set(answered) == {200, 429}


@pytest.mark.parametrize("path", ["/ping", "/health", "/v2/health/ready", "/v2/models/acting/ready"])
async def test_a_model_without_a_process_is_not_ready_until_it_has_a_new_one(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await ask(client, "kill")).status_code == 503
    for status in (503, 200):
        async with asyncio.timeout(20):
            while (await client.get(path)).status_code != status:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert (await client.get("/v2/health/live")).status_code == 200


async def test_other_verbs_and_unknown_paths_are_told(client: httpx.AsyncClient) -> None:
    got = await client.get(PATH)
    assert (got.status_code, got.headers["allow"], set(got.json())) == (405, "POST", {"error_code", "message"})
    unknown = await client.get("/v2/nothing")
    assert (unknown.status_code, set(unknown.json())) == (404, {"error"})


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
async def test_pages_of_other_sites_cannot_ask(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await ask(client, "echo", **headers)).status_code == 403


async def test_the_server_tells_no_browser_to_run_anything(client: httpx.AsyncClient) -> None:
    headers = (await ask(client, "<script>")).headers
    assert (headers["content-type"], headers["x-content-type-options"]) == ("application/json", "nosniff")
