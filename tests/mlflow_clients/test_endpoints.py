"""Endpoints: each call of MLflow's classic interface is there, and nothing that is not in the table."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from mlflow_clients.rest import Rest


class Endpoint(NamedTuple):
    """A call of MLflow's: `ajax` says whether it is answered below `/ajax-api` too."""

    group: str
    verb: str
    path: str
    ajax: str


with (Path(__file__).parent / "endpoints.tsv").open() as lines:
    ENDPOINTS = [Endpoint(**row) for row in csv.DictReader(lines, delimiter="\t")]


def plain(path: str) -> str:
    """A path without what differs between documents: which of the two prefixes it has, and patterns of its fields."""
    return re.sub(r"=[^}]*", "", path.replace("/ajax-api/", "/api/", 1))


def paths_of(endpoint: Endpoint) -> list[str]:
    """Where it is answered."""
    twins = [endpoint.path.replace("/api/", "/ajax-api/", 1)] if endpoint.ajax else []
    return [endpoint.path, *twins]


@pytest.mark.covers("every call of the table below is answered, by both prefixes where MLflow has both")
@pytest.mark.parametrize("group", dict.fromkeys(endpoint.group for endpoint in ENDPOINTS))
def test_each_call_is_there(rest: Rest, group: str) -> None:
    for endpoint in ENDPOINTS:
        for path in paths_of(endpoint) if endpoint.group == group else ():
            whole = re.sub(r"\{[^}]*\}", "x", path)
            answer = rest.send(endpoint.verb, whole, json=None if endpoint.verb == "GET" else {})
            assert answer.status_code != 405, path
            assert "ENDPOINT_NOT_FOUND" not in answer.text, path
            assert answer.status_code < 500 or answer.json()["error_code"] == "NOT_IMPLEMENTED", answer.text


@pytest.mark.covers("the OpenAPI document has these calls and no others of MLflow's", difference="has no such document")
def test_the_document_has_the_same_calls(rest: Rest) -> None:
    known = {(plain(endpoint.path), endpoint.verb) for endpoint in ENDPOINTS}
    described = {
        (plain(path), verb.upper())
        for path, verbs in rest.get("/openapi.json")["paths"].items()
        for verb in verbs
        if not path.startswith("/v1/")
    }
    assert known ^ described == {("/health", "GET"), ("/version", "GET")}
