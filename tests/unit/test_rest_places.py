"""Paths that code of their own answers: found, guarded and refused like all others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.calls.handlers import HandlerTable
from milepost_server.errors import NotFound
from milepost_server.http_server import HttpServer
from milepost_server.rest.app import RestApp
from milepost_server.rest.error_form import STATUS_ERRORS
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.mlflow_errors import MLFLOW_ERRORS
from milepost_server.rest.places import Answer, Place, Places
from support.rest_servicers import APP_OPTIONS


def _saying(word: str) -> Answer:
    async def answer(exchange: Exchange, values: list[str]) -> None:
        await exchange.respond(200, "text/plain", f"{word} {values} {len(await exchange.read_body(100))}".encode())

    return answer


async def _missing(exchange: Exchange, values: list[str]) -> None:
    raise NotFound("It is gone.")


async def _defect(exchange: Exchange, values: list[str]) -> None:
    raise RuntimeError("a secret")


PLACES = [
    Place("/things", {"GET": _saying("list"), "POST": _saying("new")}, MLFLOW_ERRORS),
    Place("/things/special", _saying("special"), MLFLOW_ERRORS, unpacks=True),
    Place("/things/{thing}", {"GET": _saying("thing")}, MLFLOW_ERRORS),
    Place("/things/{thing}/parts/{part}", {"GET": _saying("part")}, MLFLOW_ERRORS),
    Place("/things/{thing}/gone", {"GET": _missing}, MLFLOW_ERRORS),
    Place("/things/{thing}/defect", {"GET": _defect}, MLFLOW_ERRORS),
    Place("/things/**", _saying("below"), STATUS_ERRORS),
]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    server = HttpServer(RestApp(HandlerTable([]), Dispatcher([]), **APP_OPTIONS, places=PLACES))
    port = await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    await server.stop(1)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/things", "list [] 0"),
        ("/things?a=b", "list [] 0"),
        ("/things/special", "special [] 0"),
        ("/things/a%2Fb%20c", "thing ['a/b c'] 0"),
        ("/things/1/parts/2", "part ['1', '2'] 0"),
        ("/things/1/parts/2/3", "below [] 0"),
        ("/things//parts/2", "below [] 0"),
    ],
)
async def test_the_most_literal_place_answers(client: httpx.AsyncClient, path: str, said: str) -> None:
    assert (await client.get(path)).text == said


async def test_the_verb_chooses_and_head_is_a_get_without_body(client: httpx.AsyncClient) -> None:
    assert (await client.post("/things", content=b"12345")).text == "new [] 5"
    headed = await client.head("/things")
    assert (headed.status_code, headed.content) == (200, b"")


async def test_other_verbs_are_refused_with_those_there_are(client: httpx.AsyncClient) -> None:
    response = await client.delete("/things")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_errors_have_the_form_of_the_place_and_defects_an_id_only(client: httpx.AsyncClient) -> None:
    gone = await client.get("/things/1/gone")
    assert (gone.status_code, gone.json()["message"]) == (404, "It is gone.")
    defect = await client.get("/things/1/defect", headers={"x-request-id": "mine"})
    assert (defect.status_code, defect.headers["x-request-id"]) == (500, "mine")
    assert defect.json()["error_code"] == "INTERNAL_ERROR"
    assert "secret" not in defect.text


async def test_a_value_that_is_no_text_is_refused_by_its_name(client: httpx.AsyncClient) -> None:
    response = await client.get("/things/%ff")
    assert (response.status_code, response.json()["message"].split(":")[0]) == (400, "thing")


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
async def test_the_guards_hold_for_places(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/things/special", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (403, "PERMISSION_DENIED")


async def test_only_places_that_unpack_take_content_encodings(client: httpx.AsyncClient) -> None:
    packed = {"content-encoding": "gzip"}
    assert (await client.post("/things", content=b"12345", headers=packed)).status_code == 415
    assert (await client.post("/things/special", content=b"12345", headers=packed)).text == "special [] 5"


def test_two_places_with_one_template_are_refused() -> None:
    twins = [Place("/a/{b}", _missing, MLFLOW_ERRORS), Place("/a/{c}", _missing, MLFLOW_ERRORS)]
    with pytest.raises(TypeError, match="twice"):
        Places(twins)
