"""Bodies that clients compress."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.calls.handlers import HandlerTable
from milepost_server.http_server import HttpServer
from milepost_server.rest.app import RestApp
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.places import Place
from milepost_server.serving.http.bodies import read_unpacked
from milepost_server.serving.http.errors import V2_ERRORS
from support.rest_servicers import APP_OPTIONS

MOST = 100_000
TEXT = b"some text " * 1000


def _gzip(data: bytes) -> bytes:
    """The same bytes in every process of the tests: they are in the names of tests, and a time would differ."""
    return gzip.compress(data, mtime=0)


GZIPPED = _gzip(TEXT)


async def _size(exchange: Exchange, values: list[str]) -> None:
    body = await read_unpacked(exchange, MOST)
    await exchange.respond(200, "text/plain", f"{len(body)} {body == TEXT}".encode())


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    places = [Place("/size", _size, V2_ERRORS, unpacks=True)]
    server = HttpServer(RestApp(HandlerTable([]), Dispatcher([]), **APP_OPTIONS, places=places))
    port = await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    await server.stop(1)


async def _post(client: httpx.AsyncClient, body: bytes, encoding: str) -> httpx.Response:
    return await client.post("/size", content=body, headers={"content-encoding": encoding})


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", TEXT),
        ("gzip", GZIPPED),
        ("GZIP", GZIPPED),
        ("deflate", zlib.compress(TEXT)),
    ],
)
async def test_encodings_of_stock_clients_are_undone(client: httpx.AsyncClient, encoding: str, body: bytes) -> None:
    assert (await _post(client, body, encoding)).text == "10000 True"


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"123", 415),
        ("gzip, gzip", _gzip(GZIPPED), 415),
        ("gzip", TEXT, 400),
        ("gzip", GZIPPED[:-1], 400),
        ("gzip", GZIPPED + b"more", 400),
        ("gzip", b"", 400),
        ("deflate", GZIPPED, 400),
        ("gzip", _gzip(bytes(MOST + 1)), 413),
        ("gzip", _gzip(bytes(100 * MOST)), 413),
        ("identity", bytes(MOST + 1), 413),
    ],
)
async def test_what_cannot_be_unpacked_or_is_too_large_is_refused(
    client: httpx.AsyncClient, encoding: str, body: bytes, status: int
) -> None:
    response = await _post(client, body, encoding)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
