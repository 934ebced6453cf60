from __future__ import annotations

import math
import uuid

import pytest

from milepost import v1 as pb
from milepost.client import Client, Experiment, Run
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture(scope="module")
def experiment(server: RunningServer) -> Experiment:
    """An experiment with three runs, `run-0` to `run-2`."""
    client = Client(server.grpc_address)
    made = client.experiments.create(f"runs-{uuid.uuid4().hex[:8]}")
    for index in range(3):
        run = made.create_run(f"run-{index}", params={"lr": 10.0**-index, "opt": "adam"}, user="ann")
        run.log_metrics([pb.MetricPoints(key="val/loss", values=[0.5, math.nan, 0.1 * index], steps=[0, 1, 2])])
        run.end()
    return made


@pytest.fixture(scope="module")
def runs(experiment: Experiment) -> list[Run]:
    return list(experiment.runs(order_by="name"))


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """A run that a test may change."""
    return experiment._client.experiments.create(f"own-{uuid.uuid4().hex[:8]}").create_run("own")


def test_search_filters_orders_and_names_the_columns(cli: Cli, experiment: Experiment) -> None:
    printed = cli.out(
        *("runs", "search", "-e", experiment.name, "-f", "params.lr < 1"),
        *("-o", "metrics.val/loss DESC", "-c", "name,state,metrics.val/loss,metrics.val/loss.max,params.lr"),
    )
    lines = [line.split() for line in printed.splitlines()]
    assert lines == [
        ["NAME", "STATE", "val/loss", "val/loss.max", "params.lr"],
        ["run-2", "FINISHED", "0.2", "0.5", "0.01"],
        ["run-1", "FINISHED", "0.1", "0.5", "0.1"],
    ]


def test_list_shows_params_that_the_filter_names(cli: Cli, experiment: Experiment) -> None:
    printed = cli.out("runs", "list", "-e", experiment.experiment_id, "-f", "params.opt = 'adam'")
    heading = printed.splitlines()[0]
    assert "params.opt" in heading
    assert "params.lr" not in heading


def test_an_unknown_column_is_bad_usage_and_lists_the_columns(cli: Cli) -> None:
    assert "run_id, name" in cli.run("runs", "list", "-c", "speed", code=2).stderr


def test_json_is_that_of_the_protos(cli: Cli, experiment: Experiment) -> None:
    found = cli.json("runs", "search", "-e", experiment.name, "-o", "name", "-n", "1")["runs"][0]
    assert found["params"] == {"lr": {"doubleValue": 1.0}, "opt": {"stringValue": "adam"}}
    assert found["metrics"]["val/loss"]["count"] == "3"
    assert found["state"] == "STATE_FINISHED"


def test_a_bad_filter_is_one_line_with_its_reason(cli: Cli) -> None:
    assert cli.refused("runs", "search", "-f", "metrics.loss >").startswith("milepost: BAD_FILTER: filter: column ")


def test_wide_tables_are_not_cut_without_a_terminal(cli: Cli, run: Run) -> None:
    run.set_tags({"long": "x" * 5000})
    assert "x" * 5000 in cli.out("runs", "list", "-f", f"run_id = '{run.run_id}'", "-c", "tags.long")


def test_text_from_the_server_cannot_steer_the_terminal(cli: Cli, run: Run) -> None:
    run.set_tags({"note": "\x1b[2J[bold]x\nsecond"})
    assert r"\x1b[2J[bold]x\nsecond" in cli.out("runs", "show", run.run_id)


def test_show_prints_all_about_a_run(cli: Cli, run: Run) -> None:
    run.log_batch(params={"depth": 3, "layers": [1, 2]}, tags={"team": "vision"}, metrics={"loss": 0.25}, step=7)
    run.log_inputs([pb.DatasetInput(dataset=pb.Dataset(name="digits", digest="abc"), context="training")])
    run._client.artifacts.upload_bytes(run.run_id, b"hello", "model/weights.bin")
    model = run._client.logged_models.create(run.run_id, "net", output_step=7)
    words = [line.split() for line in cli.out("runs", "show", run.run_id).splitlines()]
    assert ["run", run.run_id] in words
    assert ["depth", "3"] in words
    assert ["layers", "[1,", "2]"] in words
    assert ["loss", "0.25", "7", "0.25", "0.25", "1"] in words
    assert ["team", "vision"] in words
    assert ["digits", "abc", "training"] in words
    assert [model.model_id, "7"] in words
    assert ["model/", "(5", "B)"] in words


def test_show_of_an_unknown_run_is_refused(cli: Cli) -> None:
    assert cli.refused("runs", "show", "nope").startswith("milepost: RUN_NOT_FOUND: ")


def test_groups_have_a_row_with_aggregates(cli: Cli, experiment: Experiment) -> None:
    command = ("runs", "group", "-e", experiment.name, "--by", "params.opt", "--by", "params.none")
    printed = cli.out(*command, "-m", "metrics.val/loss", "-m", "metrics.none", "--order-by", "mean(metrics.val/loss)")
    lines = [line.split() for line in printed.splitlines()]
    assert lines[1] == ["adam", "-", "3", "0.1", "0", "0.2"]
    document = cli.json(*command)
    assert document == {"groups": [{"values": [{"text": "adam"}, {}], "runs": "3"}]}


def test_compare_marks_what_differs(cli: Cli, runs: list[Run]) -> None:
    printed = cli.out("runs", "compare", *(run.run_id for run in runs))
    rows = {line.lstrip("* ").split("  ")[0]: line for line in printed.splitlines()}
    assert rows["params.lr"].startswith("*")
    assert rows["params.lr"].split()[2:] == ["1.0", "0.1", "0.01"]
    assert rows["params.opt"].startswith(" ")
    assert rows["metrics.val/loss"].startswith("*")


def test_compare_can_leave_out_what_is_the_same(cli: Cli, runs: list[Run]) -> None:
    ids = [run.run_id for run in runs]
    assert "params.opt" not in cli.out("runs", "compare", "--diff", *ids)
    assert set(cli.json("runs", "compare", "--diff", *ids)["params"]) == {"lr"}


def test_compare_as_json_has_a_value_for_each_run(cli: Cli, runs: list[Run], run: Run) -> None:
    found = cli.json("runs", "compare", runs[0].run_id, run.run_id)
    assert [one["name"] for one in found["runs"]] == ["run-0", "own"]
    assert found["params"]["opt"] == [{"stringValue": "adam"}, None]


def test_params_of_other_types_differ(cli: Cli, run: Run) -> None:
    other = run._client.runs.create(run.experiment_id, params={"n": 1})
    run.log_params({"n": True})
    assert "n" in cli.json("runs", "compare", "--diff", run.run_id, other.run_id)["params"]


def test_values_that_differ_do_not_look_the_same(cli: Cli, run: Run) -> None:
    other = run._client.runs.create(run.experiment_id)
    run.log_metrics({"loss": 0.1234567})
    other.log_metrics({"loss": 0.1234568})
    assert "0.1234567  " in cli.out("runs", "compare", run.run_id, other.run_id)


def test_compare_needs_two_runs(cli: Cli, run: Run) -> None:
    assert "two or more" in cli.run("runs", "compare", run.run_id, code=2).stderr


def test_a_run_is_deleted_restored_and_purged(cli: Cli, run: Run) -> None:
    cli.run("runs", "delete", run.run_id)
    assert "RUNNING (deleted)" in cli.out("runs", "show", run.run_id)
    cli.run("runs", "restore", run.run_id)
    assert not run.refresh().deleted
    cli.run("runs", "delete", run.run_id, run.run_id)
    cli.run("runs", "purge", run.run_id, "--dry-run")
    assert run.refresh().deleted
    assert "Purged run" in cli.out("runs", "purge", run.run_id, "--yes")
    assert "RUN_NOT_FOUND" in cli.refused("runs", "show", run.run_id)


def test_a_deletion_with_an_unknown_run_deletes_nothing(cli: Cli, run: Run) -> None:
    cli.refused("runs", "delete", run.run_id, "nope", "--yes")
    assert not run.refresh().deleted
