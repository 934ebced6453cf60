"""The OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from support.rest_servicers import RestServer, running_rest_server


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RestServer]:
    async with running_rest_server() as running:
        yield running


@pytest.fixture(scope="module")
async def document(server: RestServer) -> Any:
    response = await server.client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    return response.json()


def _operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def test_every_reference_is_defined(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert used <= document["components"]["schemas"].keys()


def test_operations_have_names_of_their_own_and_descriptions(document: Any) -> None:
    names = [operation["operationId"] for _, operation in _operations(document)]
    assert len(names) == len(set(names))
    assert all(
        operation["description"] and operation["summary"]
        for _, operation in _operations(document)
        if operation["tags"] not in (["TestService"], ["MlflowProbeService"])
    )


def test_variables_of_a_path_are_its_parameters(document: Any) -> None:
    for path, operation in _operations(document):
        in_path = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert in_path == re.findall(r"\{([^}]+)\}", path)


def test_paths_differ_in_more_than_the_names_of_variables(document: Any) -> None:
    shapes = [re.sub(r"\{[^}]+\}", "{}", path) for path in document["paths"]]
    assert len(shapes) == len(set(shapes))


def test_limits_and_comments_become_keywords(document: Any) -> None:
    run = document["components"]["schemas"]["milepost.v1.Run"]["properties"]
    assert run["name"]["maxLength"] == 250
    assert "Shown in lists" in run["name"]["description"]
    assert run["runId"]["pattern"] == "^(?:[A-Za-z0-9][A-Za-z0-9_-]*)$"
    assert run["tags"]["maxProperties"] == 1000
    assert run["tags"]["propertyNames"]["maxLength"] == 250
    assert run["tags"]["additionalProperties"]["maxLength"] == 65535
    assert run["createTime"]["readOnly"] is True


def test_body_lacks_what_the_path_has(document: Any) -> None:
    operation = document["paths"]["/v1/runs/{run_id}:logBatch"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert "metrics" in schema["properties"]
    assert "runId" not in schema["properties"]


def test_required_fields_are_required(document: Any) -> None:
    operation = document["paths"]["/v1/experiments"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["required"] == ["experiment"]


def test_query_parameters_are_typed(document: Any) -> None:
    parameters = {one["name"]: one for one in document["paths"]["/v1/runs"]["get"]["parameters"]}
    assert parameters["experimentIds"]["schema"]["type"] == "array"
    assert parameters["pageSize"]["schema"] == {"type": "integer", "format": "int32", "minimum": 0}
    assert parameters["view"]["schema"]["$ref"].endswith("milepost.v1.View")


def test_bytes_and_streams_have_their_media_types(document: Any) -> None:
    artifact = document["paths"]["/v1/runs/{run_id}/artifacts/{path}"]
    assert set(artifact["get"]["responses"]) == {"200", "206", "304", "416", "default"}
    assert set(artifact["put"]["requestBody"]["content"]) == {"*/*"}
    assert {one["name"] for one in artifact["get"]["parameters"]} >= {"Range", "If-None-Match"}
    watch = document["paths"]["/test/watch"]["get"]["responses"]["200"]["content"]
    assert set(watch) == {"application/x-ndjson", "text/event-stream"}


def test_messages_that_contain_themselves_are_described_once(document: Any) -> None:
    everything = document["components"]["schemas"]["milepost.test.Everything"]["properties"]
    assert everything["child"] == {"$ref": "#/components/schemas/milepost.test.Everything"}


def test_errors_are_described_with_every_reason(document: Any) -> None:
    detail = document["components"]["schemas"]["google.rpc.Status"]["properties"]["details"]["items"]
    assert "RUN_NOT_FOUND" in detail["properties"]["reason"]["enum"]
