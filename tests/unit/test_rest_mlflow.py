"""MLflow's dialect over a real HTTP listener: where input comes from, how errors look, and which paths answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from milepost import v1 as pb
from milepost_server import errors
from milepost_server.rest.mlflow_errors import MLFLOW_ERRORS
from support.rest_servicers import CONTENT, ETAG, RestServer, running_rest_server

ROOT = "/api/2.0/mlflow/probes"
JSON = {"content-type": "application/json"}
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RestServer]:
    async with running_rest_server() as running:
        yield running


def _code(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, which has nothing but code and message."""
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert body.keys() == {"error_code", "message"}
    return response.status_code, body["error_code"]


_INVALID = (400, "INVALID_PARAMETER_VALUE")


# Bodies


async def test_answer_is_in_the_form_of_mlflow(server: RestServer) -> None:
    response = await server.client.post(f"{ROOT}/create", json={"runId": "r", "step": 2**60, "new": 1})
    assert (response.status_code, response.json()) == (200, {"run_id": "r", "step": 2**60})


async def test_json_in_a_string_of_json_is_read(server: RestServer) -> None:
    response = await server.client.post(f"{ROOT}/create", json=json.dumps({"key": 'a "b"', "value": float("inf")}))
    assert response.json() == {"key": 'a "b"', "value": "Infinity"}


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'"{}"'])
async def test_body_without_fields_is_an_empty_message(server: RestServer, body: bytes) -> None:
    response = await server.client.post(f"{ROOT}/create", content=body, headers=JSON)
    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", b"x", b'"x"', b'"\\"{}\\""', b"\xff", b'{"key": "a", "key": "b"}', b'"\\ud800"']
)
async def test_body_that_cannot_be_read_is_refused(server: RestServer, body: bytes) -> None:
    assert _code(await server.client.post(f"{ROOT}/create", content=body, headers=JSON)) == _INVALID


async def test_refusal_names_the_field(server: RestServer) -> None:
    response = await server.client.post(f"{ROOT}/create", json={"metrics": [{"step": 1.5}]})
    assert _code(response) == _INVALID
    assert response.json()["message"] == "metrics[0].step: must be a whole number, not the number 1.5."


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_body_of_another_type_is_refused(server: RestServer, verb: str, kind: str) -> None:
    path = {"POST": "create", "PUT": "put", "PATCH": "r"}[verb]
    response = await server.client.request(verb, f"{ROOT}/{path}", content=b"{}", headers={"content-type": kind})
    assert _code(response) == _INVALID


async def test_body_without_a_type_is_refused_where_a_web_page_may_send_one(server: RestServer) -> None:
    assert _code(await server.client.post(f"{ROOT}/create", content=b"{}")) == _INVALID
    assert _code(await server.client.put(f"{ROOT}/put", content=b"{}")) == _INVALID
    assert (await server.client.patch(f"{ROOT}/r", content=b'{"key": "k"}')).json() == {"key": "k", "run_id": "r"}


async def test_parameters_of_the_content_type_are_accepted(server: RestServer) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await server.client.post(f"{ROOT}/create", content=b"{}", headers=headers)).status_code == 200


# Queries and paths


async def test_query_of_a_get_is_read_by_known_names(server: RestServer) -> None:
    query = "run_uuid=u&run_id=a%20b&run_ids=1&run_ids=2&ascending=False&value=NaN&step=-3&status=FAILED&later=1"
    response = await server.client.get(f"{ROOT}/get?{query}")
    assert response.json() == {
        "run_uuid": "u",
        "run_id": "a b",
        "run_ids": ["1", "2"],
        "ascending": False,
        "value": "NaN",
        "step": -3,
        "status": "FAILED",
    }


@pytest.mark.parametrize(
    "query",
    ["step=1.5", "step=", "status=BOGUS", "ascending=1", "inputs=x", "run_id=a&run_id=b", "run_id=%ff", "run_id"],
)
async def test_query_that_does_not_fit_is_refused(server: RestServer, query: str) -> None:
    assert _code(await server.client.get(f"{ROOT}/get?{query}")) == _INVALID


async def test_get_without_a_query_is_read_from_its_body(server: RestServer) -> None:
    response = await server.client.request("GET", f"{ROOT}/get", content=b'{"run_id": "a"}')
    assert response.json() == {"run_id": "a"}


async def test_get_with_a_query_is_read_from_that_alone(server: RestServer) -> None:
    response = await server.client.request("GET", f"{ROOT}/get?run_id=a", content=b'{"run_id": "b", "key": "k"}')
    assert response.json() == {"run_id": "a"}


async def test_query_of_a_delete_gives_what_its_body_lacks(server: RestServer) -> None:
    target = f"{ROOT}/delete?key=from-query&run_ids=q&name=n"
    response = await server.client.request("DELETE", target, json={"key": "from-body", "run_ids": ["b"]})
    assert response.json() == {"key": "from-body", "run_ids": ["b"], "name": "n"}
    assert (await server.client.delete(target)).json() == {"key": "from-query", "run_ids": ["q"], "name": "n"}


async def test_query_of_other_methods_is_ignored(server: RestServer) -> None:
    response = await server.client.post(f"{ROOT}/create?key=q&step=x", json={"name": "n"})
    assert response.json() == {"name": "n"}


async def test_body_may_repeat_the_path_and_not_contradict_it(server: RestServer) -> None:
    response = await server.client.patch(f"{ROOT}/a%2Fb", json={"run_id": "a/b"})
    assert response.json() == {"run_id": "a/b"}
    assert _code(await server.client.patch(f"{ROOT}/a", json={"run_id": "b"})) == _INVALID


# Paths


async def test_every_path_answers_under_its_other_name_too(server: RestServer) -> None:
    for target in ("probes/get?run_id=a", "probes/get?run_id=b"):
        responses = [await server.client.get(f"{root}/2.0/mlflow/{target}") for root in ("/api", "/ajax-api")]
        assert responses[0].content == responses[1].content
    assert (await server.client.patch("/ajax-api/2.0/mlflow/probes/x", json={})).json() == {"run_id": "x"}


async def test_openapi_has_each_path_once_and_in_its_own_form(server: RestServer) -> None:
    document = (await server.client.get("/openapi.json")).json()
    assert not [path for path in document["paths"] if path.startswith("/ajax-api/")]
    operation = document["paths"]["/api/2.0/mlflow/probes/get"]["get"]
    assert "max_results" in [parameter["name"] for parameter in operation["parameters"]]
    error = operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"]
    assert set(document["components"]["schemas"][error.rpartition("/")[2]]["properties"]) == {"error_code", "message"}
    step = document["components"]["schemas"]["milepost.mlflow.v1.Probe"]["properties"]["step"]
    assert step["type"] == ["integer", "string"]


# Errors


@pytest.mark.parametrize(
    ("run_id", "code", "retry_after"),
    [
        ("busy", (429, "RESOURCE_EXHAUSTED"), "1"),
        ("down", (503, "TEMPORARILY_UNAVAILABLE"), "3"),
        ("full", (507, "RESOURCE_EXHAUSTED"), None),
        ("defect", (500, "INTERNAL_ERROR"), None),
    ],
)
async def test_error_of_a_method_has_code_and_retry_after(
    server: RestServer, run_id: str, code: tuple[int, str], retry_after: str | None
) -> None:
    response = await server.client.post(f"{ROOT}/create", json={"run_id": run_id})
    assert (_code(response), response.headers.get("retry-after")) == (code, retry_after)
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.AlreadyExists("", reason=pb.ERROR_REASON_EXPERIMENT_EXISTS), 400, "RESOURCE_ALREADY_EXISTS"),
        (errors.AlreadyExists("", reason=pb.ERROR_REASON_MODEL_EXISTS), 400, "RESOURCE_ALREADY_EXISTS"),
        (errors.AlreadyExists("", reason=pb.ERROR_REASON_PARAM_CONFLICT), 400, "INVALID_PARAMETER_VALUE"),
        (errors.AlreadyExists("", reason=pb.ERROR_REASON_ARTIFACT_CONFLICT), 400, "INVALID_PARAMETER_VALUE"),
        (errors.NotFound("", reason=pb.ERROR_REASON_RUN_NOT_FOUND), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.InvalidArgument(""), 400, "INVALID_PARAMETER_VALUE"),
        (errors.FailedPrecondition("", reason=pb.ERROR_REASON_RUN_DELETED), 400, "INVALID_PARAMETER_VALUE"),
        (errors.Aborted(""), 409, "ABORTED"),
        (errors.DeadlineExceeded(""), 504, "DEADLINE_EXCEEDED"),
        (errors.DataLoss("", reason=pb.ERROR_REASON_METRIC_CORRUPT), 500, "DATA_LOSS"),
        (errors.Internal("id"), 500, "INTERNAL_ERROR"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_has_the_code_that_clients_know(error: errors.DomainError, status: int, code: str) -> None:
    assert (MLFLOW_ERRORS.status(error), json.loads(MLFLOW_ERRORS.write(error))["error_code"]) == (status, code)


@pytest.mark.parametrize(
    "path", ["/api/2.0/mlflow/nope", "/ajax-api/3.0/mlflow/nope", "/api/", "/get-artifact/x", "/model-versions/nope"]
)
async def test_unknown_path_is_404_in_the_form_of_mlflow(server: RestServer, path: str) -> None:
    assert _code(await server.client.get(path)) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/api/3.0/mlflow/traces/search", "traces"),
        ("/api/2.0/mlflow/traces", "traces"),
        ("/ajax-api/3.0/mlflow/gateway/secrets/list", "the AI gateway"),
        ("/api/3.0/mlflow/scorers/list", "scorers"),
        ("/ajax-api/3.0/jobs/1", "jobs on the server"),
    ],
)
async def test_what_is_out_of_scope_is_said_so(server: RestServer, path: str, what: str) -> None:
    response = await server.client.post(path, json={})
    assert _code(response) == (404, "ENDPOINT_NOT_FOUND")
    assert f"Milepost does not have {what}." in response.json()["message"]


async def test_wrong_verb_is_405_with_what_is_allowed(server: RestServer) -> None:
    response = await server.client.get(f"{ROOT}/create")
    assert _code(response) == (405, "ENDPOINT_NOT_FOUND")
    assert response.headers["allow"] == "PATCH, POST"


async def test_foreign_callers_are_refused_in_the_form_of_mlflow(server: RestServer) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
        response = await server.client.get(f"{ROOT}/get?run_id=a", headers=headers)
        assert _code(response) == (403, "PERMISSION_DENIED")


async def test_body_that_is_too_large_is_not_an_error_to_repeat(server: RestServer) -> None:
    response = await server.client.post(f"{ROOT}/create", json={"key": "x" * 200_000})
    assert _code(response) == (413, "INVALID_PARAMETER_VALUE")


# Raw bytes


@pytest.mark.parametrize("root", ["/api", "/ajax-api"])
async def test_upload_takes_bytes_of_any_type_at_a_path(server: RestServer, root: str) -> None:
    target = f"{root}/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a%20b.txt"
    response = await server.client.put(target, content=CONTENT, headers={"content-type": "text/plain"})
    assert (response.status_code, response.json()) == (200, {})
    first: Any = server.probes.uploaded[0]
    assert (first.artifact_path, first.size) == ("1/r/artifacts/a b.txt", len(CONTENT))
    assert first.body.content_type == "text/plain"
    assert b"".join(message.body.data for message in server.probes.uploaded) == CONTENT


async def test_upload_without_bytes_or_type_is_an_empty_file(server: RestServer) -> None:
    assert (await server.client.put(f"{FILES}/empty?run_id=r&later=1")).json() == {}
    (only,) = server.probes.uploaded
    assert (only.artifact_path, only.run_id, only.size, only.body.data) == ("empty", "r", 0, b"")


async def test_download_has_ranges_and_takes_its_file_from_path_or_query(server: RestServer) -> None:
    whole = await server.client.get(f"{FILES}/a/b.bin")
    assert (whole.status_code, whole.content, whole.headers["etag"]) == (200, CONTENT, f'"{ETAG}"')
    part = await server.client.get("/get-artifact?run_id=r&artifact_path=a", headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, CONTENT[5:10])
    assert part.headers["content-disposition"] == "attachment; filename*=UTF-8''r-a"


async def test_query_cannot_ask_for_a_part_of_a_download(server: RestServer) -> None:
    response = await server.client.get("/get-artifact?artifact_path=a&offset=7&length=x")
    assert (response.status_code, len(response.content)) == (200, len(CONTENT))


async def test_download_of_a_missing_file_is_an_error_in_the_form_of_mlflow(server: RestServer) -> None:
    assert _code(await server.client.get(f"{FILES}/missing")) == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_path_of_a_file_cannot_hide_a_slash(server: RestServer) -> None:
    assert _code(await server.client.get(f"{FILES}/a%2Fb")) == _INVALID
