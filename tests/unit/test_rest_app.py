"""Unary calls over a real HTTP listener: binding, errors, and the guards at the door."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.rest import exchange, off_loop
from milepost_server.rest.app import RestApp
from support.rest_servicers import (
    APP_OPTIONS,
    MAX_BODY_BYTES,
    Artifacts,
    Kinds,
    Probes,
    RestServer,
    handler_table,
    running_rest_server,
)

JSON = {"content-type": "application/json"}
POST = b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RestServer]:
    async with running_rest_server() as running:
        yield running


def _reason(response: httpx.Response) -> str:
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    return str(body["details"][0]["reason"])


def _fields(response: httpx.Response) -> list[str]:
    return [violation["field"] for violation in response.json()["details"][1]["fieldViolations"]]


# Requests


async def test_path_sets_fields_and_the_answer_is_json(server: RestServer) -> None:
    response = await server.client.get("/v1/runs/a%2Fb", headers={"X-Note": "hello"})
    assert (response.status_code, response.json()) == (200, {"run": {"runId": "a/b", "description": "hello"}})
    assert response.headers["content-type"] == "application/json"


async def test_answers_to_browsers_are_inert(server: RestServer) -> None:
    headers = (await server.client.get("/v1/runs/a")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert not [name for name in headers if name.startswith("access-control")]


async def test_head_has_the_headers_of_get_and_no_body(server: RestServer) -> None:
    got, headed = await server.client.get("/v1/runs/a"), await server.client.head("/v1/runs/a")
    assert headed.content == b""
    assert headed.headers["content-length"] == got.headers["content-length"]


async def test_query_sets_fields_of_every_kind(server: RestServer) -> None:
    query = (
        "one_bool=true&oneColor=COLOR_RED&manyString=a%20b&many_string=c+d&child.oneInt32=-3&oneDouble=NaN"
        "&oneTimestamp=1970-01-01T00:00:01Z&oneFieldMask=run_id,startTime&oneBytes=AA%3D%3D&maybeInt64=0&choiceString="
    )
    response = await server.client.get(f"/test/echo/text/-9?{query}")
    assert response.json() == {
        "oneBool": True,
        "oneColor": "COLOR_RED",
        "manyString": ["a b", "c d"],
        "child": {"oneInt32": -3},
        "oneDouble": "NaN",
        "oneTimestamp": "1970-01-01T00:00:01Z",
        "oneFieldMask": "runId,startTime",
        "oneBytes": "AA==",
        "maybeInt64": "0",
        "choiceString": "",
        "oneString": "text",
        "oneInt64": "-9",
    }


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("nope=1", "nope", "UNKNOWN_FIELD"),
        ("child.nope=1", "child.nope", "UNKNOWN_FIELD"),
        ("oneString.x=1", "oneString.x", "INVALID_FIELD"),
        ("oneBool=1", "one_bool", "INVALID_FIELD"),
        ("oneInt32=1.5", "one_int32", "INVALID_FIELD"),
        ("oneColor=9", "one_color", "INVALID_FIELD"),
        ("oneInt32=1&one_int32=2", "one_int32", "INVALID_FIELD"),
        ("choiceInt64=1&choiceString=a", "choice_string", "INVALID_FIELD"),
        ("mapString.a=b", "mapString.a", "INVALID_FIELD"),
        ("child=x", "child", "INVALID_FIELD"),
        ("children.oneInt32=1", "children.oneInt32", "INVALID_FIELD"),
        ("oneString=x", "one_string", "INVALID_FIELD"),
    ],
)
async def test_query_that_does_not_fit_names_its_field(server: RestServer, query: str, field: str, reason: str) -> None:
    response = await server.client.get(f"/test/echo/text/1?{query}")
    assert (response.status_code, _reason(response), _fields(response)) == (400, reason, [field])


@pytest.mark.parametrize(
    "query", ["a", "filter=%", "filter=%zz", "filter=%ff", "&", "filter=a&&view=VIEW_ALL", "filter=ü"]
)
async def test_query_that_cannot_be_read_is_refused(server: RestServer, query: str) -> None:
    answer = await server.raw(
        b"GET /v1/runs?%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % query.encode()
    )
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_path_value_of_the_wrong_type_names_its_field(server: RestServer) -> None:
    assert _fields(await server.client.get("/test/echo/text/x")) == ["one_int64"]


async def test_body_that_contradicts_the_path_is_refused(server: RestServer) -> None:
    response = await server.client.patch("/v1/runs/a", json={"runId": "b"})
    assert (response.status_code, _fields(response)) == (400, ["run.run_id"])


async def test_body_that_repeats_the_path_is_accepted(server: RestServer) -> None:
    response = await server.client.patch("/v1/runs/a?update_mask=name", json={"runId": "a", "name": "n"})
    assert response.json() == {"run": {"runId": "a", "name": "n"}}


async def test_query_may_not_set_what_is_in_the_body(server: RestServer) -> None:
    response = await server.client.patch("/v1/runs/a?run.name=x", json={"name": "n"})
    assert (response.status_code, _fields(response)) == (400, ["run.name"])


async def test_body_and_response_body_may_be_fields(server: RestServer) -> None:
    response = await server.client.put("/test/part/3?fail_after=1", json={"text": "t"})
    assert response.json() == {"text": "t"}


async def test_error_in_a_body_field_has_its_path_in_the_request(server: RestServer) -> None:
    response = await server.client.put("/test/part/3", json={"number": 1.5})
    assert _fields(response) == ["item.number"]


async def test_missing_body_is_an_empty_message(server: RestServer) -> None:
    response = await server.client.post("/v1/runs")
    assert (response.status_code, response.json()) == (200, {"run": {}})


async def test_body_where_none_is_read_is_refused(server: RestServer) -> None:
    response = await server.client.request("GET", "/v1/runs/a", content=b"{}", headers=JSON)
    assert (response.status_code, _reason(response)) == (400, "MALFORMED_BODY")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1", "application/jsonp"],
)
async def test_body_of_another_type_is_415(server: RestServer, content_type: str) -> None:
    response = await server.client.post("/v1/runs", content=b"{}", headers={"content-type": content_type})
    assert (response.status_code, _reason(response)) == (415, "MALFORMED_BODY")


async def test_charset_utf_8_of_a_body_is_accepted(server: RestServer) -> None:
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    assert (await server.client.post("/v1/runs", content=b"{}", headers=headers)).status_code == 200


async def test_compressed_body_is_415(server: RestServer) -> None:
    response = await server.client.post("/v1/runs", content=b"x", headers={**JSON, "content-encoding": "gzip"})
    assert response.status_code == 415


# Headers


async def test_request_id_comes_back(server: RestServer) -> None:
    for path in ("/v1/runs/a", "/v1/runs/busy", "/v1/nope"):
        assert (await server.client.get(path, headers={"x-request-id": "r-1"})).headers["x-request-id"] == "r-1"


async def test_call_without_request_id_gets_one(server: RestServer) -> None:
    assert len((await server.client.get("/v1/runs/a")).headers["x-request-id"]) == 20


async def test_idempotency_key_sets_the_request_id(server: RestServer) -> None:
    response = await server.client.post("/v1/runs", json={}, headers={"Idempotency-Key": "k"})
    assert response.headers["x-seen-request-id"] == "k"


async def test_idempotency_key_that_contradicts_the_request_id_is_refused(server: RestServer) -> None:
    response = await server.client.post("/v1/runs", json={"requestId": "a"}, headers={"Idempotency-Key": "b"})
    assert (response.status_code, _fields(response)) == (400, ["request_id"])


async def test_response_metadata_cannot_add_headers(server: RestServer) -> None:
    response = await server.client.post("/v1/runs", json={"requestId": "a\r\nevil: 1"})
    assert response.status_code == 200
    assert "evil" not in response.headers
    assert "x-seen-request-id" not in response.headers


async def test_deadline_of_a_call_is_kept(server: RestServer) -> None:
    response = await server.client.get("/test/wait", headers={"grpc-timeout": "10m"})
    assert (response.status_code, _reason(response)) == (504, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("timeout", ["", "5", "S", "1.5S", "999999999S", "5x", "-5S"])
async def test_deadline_that_is_none_is_refused(server: RestServer, timeout: str) -> None:
    assert (await server.client.get("/v1/runs/a", headers={"grpc-timeout": timeout})).status_code == 400


# Errors


@pytest.mark.parametrize(
    ("run_id", "status", "retry_after"), [("busy", 429, "1"), ("down", 503, "3"), ("full", 507, None)]
)
async def test_error_has_its_status_and_retry_after(
    server: RestServer, run_id: str, status: int, retry_after: str | None
) -> None:
    response = await server.client.get(f"/v1/runs/{run_id}")
    assert (response.status_code, response.headers.get("retry-after")) == (status, retry_after)


async def test_error_is_a_status_with_details(server: RestServer) -> None:
    response = await server.client.delete("/v1/runs/a")
    assert response.status_code == 404
    assert response.json() == {
        "code": 5,
        "message": "no delete_run",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RUN_NOT_FOUND", "domain": "milepost"}
        ],
    }


@pytest.mark.parametrize("run_id", ["defect", "timeless"])
async def test_defect_is_told_by_an_id_only(server: RestServer, run_id: str) -> None:
    response = await server.client.get(f"/v1/runs/{run_id}")
    assert (response.status_code, _reason(response)) == (500, "INTERNAL")
    assert "secret" not in response.text
    assert response.json()["details"][0]["metadata"]["errorId"] in response.json()["message"]


async def test_unknown_path_is_404(server: RestServer) -> None:
    response = await server.client.get("/v1/nope")
    assert (response.status_code, _reason(response)) == (404, "METHOD_NOT_FOUND")


async def test_wrong_verb_is_405_with_what_is_allowed(server: RestServer) -> None:
    response = await server.client.delete("/v1/runs")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")


# Guards


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:5000", "192.168.0.9", "[::1]:5000", "[::1]", "Tracking.example:80"]
)
async def test_own_host_is_served(server: RestServer, host: str) -> None:
    assert (await server.client.get("/v1/runs/a", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "a.tracking.example", "localhost.evil", "[localhost]x", "1"]
)
async def test_foreign_host_is_refused(server: RestServer, host: str) -> None:
    response = await server.client.get("/v1/runs/a", headers={"host": host})
    assert (response.status_code, _reason(response)) == (403, "FOREIGN_ORIGIN")


async def test_foreign_host_is_refused_on_pages_too(server: RestServer) -> None:
    assert (await server.client.get("/readyz", headers={"host": "evil.example"})).status_code == 403


async def test_request_without_host_is_refused(server: RestServer) -> None:
    assert (await server.raw(b"GET /v1/runs/a HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://localhost:5000"}, 200),
        ({"origin": "http://localhost:5000", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://localhost:5001"}, 403),
        ({"origin": "http://localhost"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "ftp://localhost:5000"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
    ids=str,
)
async def test_web_pages_of_other_sites_are_refused(server: RestServer, headers: dict[str, str], status: int) -> None:
    for verb in ("GET", "HEAD"):
        response = await server.client.request(verb, "/v1/runs/a", headers={"host": "localhost:5000", **headers})
        assert response.status_code == status


async def test_default_port_is_no_part_of_an_origin(server: RestServer) -> None:
    headers = {"host": "localhost:80", "origin": "http://localhost"}
    assert (await server.client.get("/v1/runs/a", headers=headers)).status_code == 200


async def test_length_and_transfer_encoding_together_are_refused(server: RestServer) -> None:
    answer = await server.raw(POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_body_that_declares_too_much_is_refused_before_it_comes(server: RestServer) -> None:
    answer = await server.raw(POST + b"Content-Length: 999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert b"MESSAGE_TOO_LARGE" in answer


async def test_endless_body_is_refused_and_cut_off(server: RestServer) -> None:
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await server.raw(head + chunk * 4)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_body_that_stops_coming_is_refused(server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BODY_IDLE_S", 0.05)
    answer = await server.raw(POST + b"Content-Length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"TRUNCATED_UPLOAD" in answer


async def test_large_body_is_read_like_a_small_one(server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_loop, "LARGE_BYTES", 10)
    response = await server.client.post("/v1/runs", json={"run": {"name": "a long enough name"}})
    assert response.json() == {"run": {"name": "a long enough name"}}
    assert _fields(await server.client.post("/v1/runs", json={"run": {"name": 5}})) == ["run.name"]


async def test_body_of_exactly_the_limit_is_read(server: RestServer) -> None:
    body = json.dumps({"requestId": ""}).encode()
    body += b" " * (MAX_BODY_BYTES - len(body))
    assert (await server.client.post("/v1/runs", content=body, headers=JSON)).status_code == 200
    assert (await server.client.post("/v1/runs", content=body + b" ", headers=JSON)).status_code == 413


# Pages and other scopes


async def test_page_is_served_as_it_is(server: RestServer) -> None:
    response = await server.client.get("/readyz")
    assert (response.status_code, response.headers["content-type"], response.text) == (503, "text/plain", "not yet")
    assert (await server.client.post("/readyz")).status_code == 405


async def test_life_span_events_are_answered() -> None:
    app = RestApp(handler_table(Artifacts(), Kinds(), Probes()), Dispatcher([]), **APP_OPTIONS)
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(events)

    async def send(event: Any) -> None:
        sent.append(event["type"])

    await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
