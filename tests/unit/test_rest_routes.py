"""Paths of HTTP requests to methods and fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from milepost import v1 as pb
from milepost_server.calls.handlers import Method
from milepost_server.errors import InvalidArgument
from milepost_server.rest.routes import RouteTable, parse_template
from support.rest_servicers import Artifacts, Kinds, Probes, handler_table


@pytest.fixture(scope="module")
def methods() -> list[Method]:
    return list(handler_table(Artifacts(), Kinds(), Probes()))


@pytest.fixture(scope="module")
def table(methods: list[Method]) -> RouteTable:
    return RouteTable(methods)


def _bound(table: RouteTable, verb: str, path: str) -> tuple[str, dict[str, str]]:
    route, segments, _ = table.find(verb, path)
    assert route is not None
    return route.method.descriptor.name, dict(route.values(segments))


@pytest.mark.parametrize(
    ("verb", "path", "method", "values"),
    [
        ("GET", "/v1/runs", "ListRuns", {}),
        ("HEAD", "/v1/runs", "ListRuns", {}),
        ("POST", "/v1/runs:search", "ListRuns", {}),
        ("GET", "/v1/runs/a", "GetRun", {"run_id": "a"}),
        ("PATCH", "/v1/runs/a", "UpdateRun", {"run.run_id": "a"}),
        ("POST", "/v1/runs/a:logBatch", "LogBatch", {"run_id": "a"}),
        ("POST", "/v1/runs/a:b:logBatch", "LogBatch", {"run_id": "a:b"}),
        ("GET", "/v1/runs/a:b", "GetRun", {"run_id": "a:b"}),
        ("GET", "/v1/runs/a%3AlogBatch", "GetRun", {"run_id": "a:logBatch"}),
        ("GET", "/v1/runs/a%2Fb", "GetRun", {"run_id": "a/b"}),
        ("GET", "/v1/runs/%252F", "GetRun", {"run_id": "%2F"}),
        ("GET", "/v1/runs/a+b", "GetRun", {"run_id": "a+b"}),
        ("GET", "/v1/runs/%C3%BC", "GetRun", {"run_id": "ü"}),
        ("GET", "/v1/experiments:byName", "GetExperimentByName", {}),
        ("GET", "/v1/runs/a/artifacts", "ListArtifacts", {"run_id": "a"}),
        ("GET", "/v1/runs/a/artifacts/b", "DownloadArtifact", {"run_id": "a", "path": "b"}),
        ("PUT", "/v1/runs/a/artifacts/b/c%20d/e:f", "UploadArtifact", {"run_id": "a", "path": "b/c d/e:f"}),
        ("GET", "/v1/runs/a/artifacts//b", "DownloadArtifact", {"run_id": "a", "path": "/b"}),
        ("DELETE", "/v1/runs/a/artifacts/../..", "DeleteArtifacts", {"run_id": "a", "path": "../.."}),
        ("GET", "/v1/runs/a/artifactUploads/u", "GetArtifactUpload", {"run_id": "a", "upload_id": "u"}),
    ],
)
def test_path_finds_its_method_and_values(
    table: RouteTable, verb: str, path: str, method: str, values: dict[str, str]
) -> None:
    assert _bound(table, verb, path) == (method, values)


@pytest.mark.parametrize(
    "path", ["/", "", "/v1", "/v1/runs/", "/v1/runs//artifacts", "/v1/runs/a/b", "/V1/runs", "//v1/runs"]
)
def test_unknown_path_finds_nothing(table: RouteTable, path: str) -> None:
    assert table.find("GET", path)[0::2] == (None, [])


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("DELETE", "/v1/runs", ["GET", "HEAD", "POST"]),
        ("GET", "/v1/runs/a:logBatch", ["POST"]),
        ("DELETE", "/v1/runs/a:restore", ["POST"]),
        ("POST", "/v1/runs/a/artifacts/b", ["DELETE", "GET", "HEAD", "PUT"]),
        ("OPTIONS", "/v1/server", []),
    ],
)
def test_wrong_verb_finds_what_is_allowed(table: RouteTable, verb: str, path: str, allowed: list[str]) -> None:
    assert table.find(verb, path)[0::2] == (None, allowed)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v1/runs/%FF", pb.ERROR_REASON_INVALID_FIELD),
        ("/v1/runs/%C0%AE", pb.ERROR_REASON_INVALID_FIELD),
        ("/v1/runs/%zz", pb.ERROR_REASON_INVALID_FIELD),
        ("/v1/runs/\xfc", pb.ERROR_REASON_INVALID_FIELD),
        ("/v1/runs/a%", pb.ERROR_REASON_INVALID_FIELD),
        ("/v1/runs/a/artifacts/b%2Fc", pb.ERROR_REASON_BAD_PATH),
        ("/v1/runs/a/artifacts/b/..%2f..%2fc", pb.ERROR_REASON_BAD_PATH),
        ("/v1/runs/a/artifacts/b/%ed%a0%80", pb.ERROR_REASON_INVALID_FIELD),
    ],
)
def test_bad_escape_in_a_value_is_refused(table: RouteTable, path: str, reason: pb.ErrorReason.ValueType) -> None:
    route, segments, _ = table.find("GET", path)
    assert route is not None
    with pytest.raises(InvalidArgument) as caught:
        route.values(segments)
    assert caught.value.reason == reason


def test_every_rule_of_the_contract_is_a_route(table: RouteTable, methods: list[Method]) -> None:
    served = {route.method.name for route in table.routes}
    assert served == {method.name for method in methods}


def test_two_routes_for_the_same_requests_are_refused(methods: list[Method]) -> None:
    get_run = next(method for method in methods if method.descriptor.name == "GetRun")
    twin = replace(get_run, name="milepost.v1.Other/GetRun")
    with pytest.raises(TypeError, match=r"clashes with /v1/runs/\{run_id\}"):
        RouteTable([get_run, twin])


def test_template_of_several_segments_is_one_value() -> None:
    segments, suffix, variables = parse_template("/v1/{name=projects/*/files/**}:open")
    assert (segments, suffix) == (["v1", "projects", "*", "files", "**"], "open")
    assert variables == (("name", 2, None),)


@pytest.mark.parametrize(
    "template",
    ["", "v1/runs", "/v1/{Run}", "/v1/**/x", "/v1/{path=**}/x", "/v1/a{b}", "/v1//x", "/v1/{a", "/v1/x y"],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(TypeError, match="path template"):
        parse_template(template)
