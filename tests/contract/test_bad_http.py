"""HTTP requests that are no valid messages, odd paths, and requests of foreign web pages."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from milepost import v1 as pb
from support.errors import ApiError, refused
from support.rest_api import RestApi
from support.values import unique

JSON = {"content-type": "application/json"}


async def _post(rest: RestApi, target: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    raw = await rest.call_raw("", content, target=target, headers=JSON)
    return json.loads(raw.content)


@pytest.fixture
async def rest_run(rest_api: RestApi) -> pb.Run:
    return await rest_api.create_run((await rest_api.create_experiment()).experiment_id)


async def _nothing_stored(rest: RestApi, run: pb.Run) -> None:
    assert await rest.get_run(run.run_id) == run
    assert len((await rest.list_runs(experiment_ids=[run.experiment_id])).runs) == 1


# Unknown fields


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nope": 1}, "nope"),
        ({"run": {"nope": 1}}, "run.nope"),
        ({"run": {"params": {"p": {"nope": 1}}}}, 'run.params["p"].nope'),
    ],
)
async def test_unknown_field_of_a_json_body_is_refused(rest_api: RestApi, body: Any, field: str) -> None:
    with refused("INVALID_ARGUMENT", "UNKNOWN_FIELD") as refusal:
        await _post(rest_api, "/v1/runs", body)
    assert refusal.error.fields == [field]


async def test_unknown_query_parameter_is_refused(rest_api: RestApi) -> None:
    with refused("INVALID_ARGUMENT", "UNKNOWN_FIELD") as refusal:
        await rest_api.send("GET", "/v1/runs?pageSize=1&nope=2", None)
    assert refusal.error.fields == ["nope"]


# Values that do not fit their field


BAD_JSON_VALUES: list[tuple[Any, str]] = [
    ({"run": {"state": "STATE_NOPE"}}, "run.state"),
    ({"run": {"state": "running"}}, "run.state"),
    ({"run": {"state": 99}}, "run.state"),
    ({"run": {"state": 1.5}}, "run.state"),
    ({"run": {"state": True}}, "run.state"),
    ({"run": {"name": 5}}, "run.name"),
    ({"run": {"name": ["x"]}}, "run.name"),
    ({"run": {"tags": {"k": 1}}}, 'run.tags["k"]'),
    ({"run": {"tags": [1]}}, "run.tags"),
    ({"run": {"startTime": "yesterday"}}, "run.start_time"),
    ({"run": {"startTime": 5}}, "run.start_time"),
    ({"run": {"params": {"p": {"intValue": 1.5}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"intValue": "1.5"}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"intValue": "x"}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"intValue": True}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"intValue": "9223372036854775808"}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"intValue": 2**64}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"intValue": 1e300}}}}, 'run.params["p"].int_value'),
    ({"run": {"params": {"p": {"doubleValue": "wide"}}}}, 'run.params["p"].double_value'),
    ({"run": {"params": {"p": {"boolValue": "true"}}}}, 'run.params["p"].bool_value'),
    ({"run": {"params": {"p": {"boolValue": 1}}}}, 'run.params["p"].bool_value'),
    ({"run": {"params": {"p": {"intValue": 1, "stringValue": "x"}}}}, 'run.params["p"]'),
    ({"run": {"params": {"p": {}}}}, 'run.params["p"]'),
    ({"run": "text"}, "run"),
    ({"requestId": 5}, "request_id"),
]


@pytest.mark.parametrize(("body", "field"), BAD_JSON_VALUES, ids=[json.dumps(body) for body, _ in BAD_JSON_VALUES])
async def test_json_value_that_does_not_fit_names_its_field(rest_api: RestApi, body: Any, field: str) -> None:
    name = unique()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await _post(rest_api, "/v1/runs", body | {"requestId": name} if "requestId" not in body else body)
    assert refusal.error.fields[0].startswith(field)


@pytest.mark.parametrize(
    ("points_json", "field"),
    [
        ({"key": "m", "values": [1.0], "steps": [1.5]}, "metrics[0].steps[0]"),
        ({"key": "m", "values": [1.0], "steps": ["x"]}, "metrics[0].steps[0]"),
        ({"key": "m", "values": [1.0], "steps": [2**63]}, "metrics[0].steps[0]"),
        ({"key": "m", "values": [1.0], "steps": ["-9223372036854775809"]}, "metrics[0].steps[0]"),
        ({"key": "m", "values": ["fast"], "steps": [1]}, "metrics[0].values[0]"),
        ({"key": "m", "values": [True], "steps": [1]}, "metrics[0].values[0]"),
        ({"key": "m", "values": [None], "steps": [1]}, "metrics[0].values[0]"),
        ({"key": "m", "values": [[]], "steps": [1]}, "metrics[0].values[0]"),
        ({"key": 5, "values": [1.0]}, "metrics[0].key"),
    ],
)
async def test_json_points_that_do_not_fit_store_nothing(
    rest_api: RestApi, rest_run: pb.Run, points_json: Any, field: str
) -> None:
    good = {"key": "good", "values": [1.0]}
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await _post(rest_api, f"/v1/runs/{rest_run.run_id}/metrics:log", {"metrics": [points_json, good]})
    assert refusal.error.fields == [field]
    await _nothing_stored(rest_api, rest_run)


async def test_number_beyond_double_is_refused(rest_api: RestApi, rest_run: pb.Run) -> None:
    body = b'{"metrics": [{"key": "m", "values": [1e400]}]}'
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "MALFORMED_BODY"):
        await _post(rest_api, f"/v1/runs/{rest_run.run_id}/metrics:log", body)
    await _nothing_stored(rest_api, rest_run)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{} trailing",
        b'{"run": {}, }',
        b"{'run': {}}",
        b"\xff\xfe",
        b'{"run": {"name": "\xff"}}',
        b'{"run": {"name": "\\ud800"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"run": {"params": {"p": {"doubleValue": NaN}}}}',
    ],
    ids=lambda body: body[:40].decode("ascii", "backslashreplace"),
)
async def test_body_that_is_no_json_of_the_message_is_refused(rest_api: RestApi, body: bytes) -> None:
    with refused("INVALID_ARGUMENT", "MALFORMED_BODY", "INVALID_FIELD", "UNKNOWN_FIELD", "REQUIRED_FIELD"):
        await rest_api.call_raw("", body, target="/v1/experiments", verb="POST", headers=JSON)


async def test_duplicate_json_key_does_not_choose_silently(rest_api: RestApi) -> None:
    body = b'{"experiment": {"name": "a"}, "experiment": {"nope": "b"}}'
    with refused("INVALID_ARGUMENT", "MALFORMED_BODY", "INVALID_FIELD", "UNKNOWN_FIELD"):
        await _post(rest_api, "/v1/experiments", body)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_json_body_of_another_content_type_is_refused(rest_api: RestApi, content_type: str) -> None:
    name = unique()
    body = json.dumps({"experiment": {"name": name}}).encode()
    with refused("INVALID_ARGUMENT", "MALFORMED_BODY"):
        await rest_api.call_raw("", body, target="/v1/experiments", headers={"content-type": content_type})
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await rest_api.get_experiment_by_name(name)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("pageSize=x", "page_size"),
        ("pageSize=1.5", "page_size"),
        ("pageSize=99999999999", "page_size"),
        ("pageSize=-1", "page_size"),
        ("view=VIEW_NOPE", "view"),
        ("view=9", "view"),
        ("experimentIds=x", "experiment_ids[0]"),
        ("filter=a&filter=b", "filter"),
    ],
)
async def test_query_value_that_does_not_fit_names_its_field(rest_api: RestApi, query: str, field: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await rest_api.send("GET", f"/v1/runs?{query}", None)
    assert refusal.error.fields[0].startswith(field.partition("[")[0])


@pytest.mark.parametrize("query", ["filter=%ff", "filter=%", "filter=%zz", "experimentIds=%00"])
async def test_malformed_query_is_refused(rest_api: RestApi, query: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "MALFORMED_BODY", "BAD_FILTER"):
        await rest_api.send("GET", f"/v1/runs?{query}", None)


async def test_query_takes_both_spellings_of_a_field(rest_api: RestApi, rest_run: pb.Run) -> None:
    for query in (
        f"experimentIds={rest_run.experiment_id}&pageSize=1",
        f"experiment_ids={rest_run.experiment_id}&page_size=1",
    ):
        answer = json.loads((await rest_api.send("GET", f"/v1/runs?{query}", None)).content)
        assert [run["runId"] for run in answer["runs"]] == [rest_run.run_id]


async def test_body_takes_both_spellings_of_a_field(rest_api: RestApi, rest_run: pb.Run) -> None:
    for spelling in ("experimentId", "experiment_id"):
        answer = await _post(rest_api, "/v1/runs", {"run": {spelling: rest_run.experiment_id}})
        assert answer["run"]["experimentId"] == rest_run.experiment_id


async def test_body_may_not_contradict_the_path(rest_api: RestApi, rest_run: pb.Run) -> None:
    other = await rest_api.create_run(rest_run.experiment_id)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await _post(rest_api, f"/v1/runs/{rest_run.run_id}:logBatch", {"runId": other.run_id, "tags": {"k": "v"}})
    assert refusal.error.fields == ["run_id"]


# Paths and verbs


@pytest.mark.parametrize(
    "target", ["/", "/v1", "/v1/", "/v1/nope", "/v1/runs/", "/v1/runs/x/y", "/v2/runs", "/v1/runs/x:nope", "/V1/runs"]
)
async def test_unknown_path_is_not_found(rest_api: RestApi, target: str) -> None:
    with refused("NOT_FOUND", "METHOD_NOT_FOUND", "RUN_NOT_FOUND"):
        await rest_api.send("GET", target, None)


async def test_unknown_verb_of_a_path_is_not_found(rest_api: RestApi) -> None:
    for verb in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        with refused("NOT_FOUND", "METHOD_NOT_FOUND"):
            await rest_api.send(verb, "/v1/experiments", None)


TRAVERSALS = [
    "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc",
    "%252e%252e%252fetc", "..%5c..%5cetc", "..\\..\\etc", "a/%2e%2e/%2e%2e/b", "a%00.txt", "%c0%ae%c0%ae/etc/passwd",
    "/etc/passwd", "%2fetc%2fpasswd", "a//b", "./a", "%ff", "a%0ab", "..%c0%afetc",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_traversal_in_every_encoding_is_refused(rest_api: RestApi, rest_run: pb.Run, path: str) -> None:
    for verb, body in (("PUT", b"x"), ("GET", None), ("DELETE", None)):
        with refused("INVALID_ARGUMENT", "BAD_PATH", "INVALID_FIELD"):
            await rest_api.send(verb, f"/v1/runs/{rest_run.run_id}/artifacts/{path}", body)
    assert not (await rest_api.list_artifacts(rest_run.run_id, recursive=True)).artifacts


async def test_compressed_body_does_not_pass_the_size_limit(rest_api: RestApi, rest_run: pb.Run) -> None:
    bomb = gzip.compress(b'{"tags": {"k": "' + b"x" * 100_000_000 + b'"}}', compresslevel=1)
    headers = {**JSON, "content-encoding": "gzip"}
    # A server may also refuse compression altogether.
    with pytest.raises(ApiError) as caught:
        await rest_api.call_raw("", bomb, target=f"/v1/runs/{rest_run.run_id}:logBatch", headers=headers)
    assert caught.value.reason in ("MESSAGE_TOO_LARGE", "MALFORMED_BODY")
    await _nothing_stored(rest_api, rest_run)


# Browsers


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
async def test_foreign_host_or_page_is_refused(rest_api: RestApi, headers: dict[str, str]) -> None:
    name = unique()
    with refused("PERMISSION_DENIED", "FOREIGN_ORIGIN"):
        await rest_api.send("GET", "/v1/server", None, headers)
    with refused("PERMISSION_DENIED", "FOREIGN_ORIGIN"):
        body = json.dumps({"experiment": {"name": name}}).encode()
        await rest_api.send("POST", "/v1/experiments", body, {**JSON, **headers})
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await rest_api.get_experiment_by_name(name)
