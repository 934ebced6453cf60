"""Inputs and outputs: datasets and models of runs."""

from __future__ import annotations

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput, LoggedModelOutput

from mlflow_clients.rest import Rest, entries


def inputs(rest: Rest, run: str, digest: str, source: str, context: str) -> None:
    """Says that a run has read the dataset `d`."""
    dataset = {"name": "d", "digest": digest, "source_type": "local", "source": source}
    tags = [{"key": "mlflow.data.context", "value": context}]
    rest.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": tags}]})


@pytest.mark.covers("`mlflow.log_input` of a table, and what `mlflow.data` makes of it again")
def test_a_table_is_an_input(fluent: str, client: MlflowClient) -> None:
    table = mlflow.data.from_pandas(
        pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]}), source="https://example.org/data.csv", name="table"
    )
    with mlflow.start_run() as run:
        mlflow.log_input(table, context="training", tags={"split": "first"})
    [found] = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("table", table.digest)
    assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "training", "split": "first"}
    assert found.dataset.schema
    assert found.dataset.profile
    assert mlflow.data.get_source(found).url == "https://example.org/data.csv"
    assert fluent


@pytest.mark.covers("a dataset is one per experiment, name and digest; the first source stays")
def test_the_first_source_of_a_dataset_stays(rest: Rest, experiment: str, run: str) -> None:
    other = rest.new_run(experiment)
    inputs(rest, run, "1", "first", "training")
    inputs(rest, other, "1", "second", "eval")
    inputs(rest, other, "2", "third", "eval")
    [found] = rest.run(run)["inputs"]["dataset_inputs"]
    assert found["dataset"]["source"] == "first"
    sources = {i["dataset"]["digest"]: i["dataset"]["source"] for i in rest.run(other)["inputs"]["dataset_inputs"]}
    assert sources == {"1": "first", "2": "third"}


@pytest.mark.covers("the same input twice is one")
def test_an_input_twice_is_one(rest: Rest, run: str) -> None:
    for _ in range(2):
        inputs(rest, run, "1", "a", "training")
    [found] = rest.run(run)["inputs"]["dataset_inputs"]
    assert entries(found["tags"]) == {"mlflow.data.context": "training"}


@pytest.mark.covers("one dataset in two roles is two inputs", difference="keeps the first role only")
def test_a_dataset_may_have_two_roles(rest: Rest, run: str) -> None:
    for context in ("training", "eval"):
        inputs(rest, run, "1", "a", context)
    found = rest.run(run)["inputs"]["dataset_inputs"]
    assert {entry["tags"][0]["value"] for entry in found} == {"training", "eval"}


@pytest.mark.covers("models that a run read and made")
def test_models_are_inputs_and_outputs(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 3)])
    reader = client.create_run(experiment).info.run_id
    client.log_inputs(reader, models=[LoggedModelInput(model.model_id)])
    [output] = client.get_run(run).outputs.model_outputs
    assert (output.model_id, output.step) == (model.model_id, 3)
    assert [item.model_id for item in client.get_run(reader).inputs.model_inputs] == [model.model_id]


@pytest.mark.covers("the same output twice is fine", difference="answers a 400 with SQL text")
def test_an_output_twice_is_one(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    for _ in range(2):
        client.log_outputs(run, [LoggedModelOutput(model.model_id, 3)])
    assert len(client.get_run(run).outputs.model_outputs) == 1


@pytest.mark.covers("runs are found by their datasets")
def test_runs_are_found_by_their_datasets(client: MlflowClient, rest: Rest, experiment: str, run: str) -> None:
    rest.new_run(experiment)
    inputs(rest, run, "abc", "a", "training")
    for condition in (
        "dataset.name = 'd'",
        "dataset.digest LIKE 'a%'",
        "datasets.context = 'training'",
        "dataset.name IN ('d', 'e')",
    ):
        assert [item.info.run_id for item in client.search_runs([experiment], condition)] == [run]
    assert not client.search_runs([experiment], "dataset.context = 'eval'")
