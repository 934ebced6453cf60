"""Beyond: what is not there, and how stock clients take that."""

from __future__ import annotations

import csv
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from mlflow_clients.rest import Rest, refusal

with (Path(__file__).parent / "out_of_scope.tsv").open() as lines:
    PARTS = {row["part"]: row["calls"].split(", ") for row in csv.DictReader(lines, delimiter="\t")}


@pytest.mark.covers(
    "calls of what is not there answer 404 `ENDPOINT_NOT_FOUND`, as an older server does",
    difference="see the table below",
)
@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_there_says_so(rest: Rest, part: str) -> None:
    for call in PARTS[part]:
        verb, path = call.split(" ")
        refusal(rest.send(verb, path, json=None if verb == "GET" else {}), 404, "ENDPOINT_NOT_FOUND")


@pytest.mark.covers("traced functions run, within runs and without", difference="traces are not kept")
def test_traced_functions_run(fluent: str) -> None:
    @mlflow.trace  # type: ignore[untyped-decorator]
    def double(number: int) -> int:
        with mlflow.start_span("inner") as span:
            span.set_inputs({"number": number})
        return number * 2

    assert double(2) == 4
    with mlflow.start_run():
        assert double(3) == 6
    mlflow.flush_trace_async_logging()
    assert fluent


@pytest.mark.covers("to look for traces raises `MlflowException`, and nothing else", difference="traces are not kept")
def test_looking_for_traces_raises(fluent: str) -> None:
    with pytest.raises(MlflowException, match="NOT_FOUND"):
        mlflow.search_traces(locations=[fluent])
