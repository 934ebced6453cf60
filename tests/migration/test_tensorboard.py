"""`milepost import tensorboard` against a real server, with files written by tensorboardX."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy
import pytest
from tensorboardX import SummaryWriter

from milepost.client import Client
from support.cli import Cli
from support.event_files import START_S, scalar_event, write_events
from support.values import unique


def imported(cli: Cli, folder: Path, *options: str, code: int = 0) -> dict[str, Any]:
    """The report of an import."""
    result = cli.run("import", "tensorboard", str(folder), "--json", *options, code=code)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def runs_of(client: Client, experiment: str) -> dict[str, Any]:
    """The runs of an experiment by their names."""
    found = client.experiments.get_by_name(experiment)
    return {run.name: run for run in client.runs.list([found.experiment_id])}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / unique("logs")


def test_each_folder_becomes_a_run_with_exact_points(cli: Cli, client: Client, logs: Path) -> None:
    for name in ("", "a/train", "a/eval"):
        with SummaryWriter(str(logs / name)) as writer:
            for step, value in enumerate([0.1, math.inf, math.nan, -0.0]):
                writer.add_scalar("loss/total", value, step * 10, walltime=START_S + step / 1000)

    report = imported(cli, logs, "--verify", "full")

    runs = runs_of(client, logs.name)
    assert runs.keys() == {logs.name, "a/train", "a/eval"}
    assert report["counts"]["points"] == {"source": 12, "target": 12}
    assert report["differing"] == report["problems"] == 0
    history = client.metrics.history(runs["a/train"].run_id, "loss/total")
    assert history.values.tobytes() == numpy.array([0.1, math.inf, math.nan, -0.0], "f4").astype("f8").tobytes()
    assert history.steps.tolist() == [0, 10, 20, 30]
    assert history.timestamps_ms.tolist() == [int(START_S * 1000) + step for step in range(4)]


def test_texts_become_tags_and_hyperparameters_params_with_their_metrics(cli: Cli, client: Client, logs: Path) -> None:
    params = {"lr": 0.1, "layers": 3, "amp": True, "optimizer": "adam"}
    with SummaryWriter(str(logs / "run")) as writer:
        writer.add_text("notes", "begun", 0)
        writer.add_text("notes", "done", 7)
        writer.add_hparams(params, {"accuracy": 0.5}, name="trial")

    report = imported(cli, logs, "--verify", "full", code=1)

    runs = runs_of(client, logs.name)
    assert runs["run"].tags == {"notes": "done", "tensorboard.run": "run"}
    assert runs["run/trial"].params == params
    assert runs["run/trial"].metrics == {"accuracy": 0.5}
    assert [one["message"] for one in report["listedProblems"]] == ["1 left out."]


def test_images_and_histograms_are_counted_and_left_out(cli: Cli, client: Client, logs: Path) -> None:
    with SummaryWriter(str(logs / "run")) as writer:
        for step in range(3):
            writer.add_histogram("weights", numpy.arange(10.0), step)
            writer.add_image("sample", numpy.zeros((3, 2, 2), numpy.uint8), step)
        writer.add_scalar("loss", 1.0, 0)

    report = imported(cli, logs, code=1)

    said = {one["field"]: one["message"] for one in report["listedProblems"]}
    assert said == {"histograms": "3 left out.", "images": "3 left out."}
    assert runs_of(client, logs.name)["run"].metrics == {"loss": 1.0}


def test_a_repeat_brings_the_points_that_were_added_since(cli: Cli, client: Client, logs: Path) -> None:
    events = [scalar_event("loss", step / 7, step) for step in range(50)]
    write_events(logs / "run", *events[:20])
    write_events(logs / "run", *events[20:30], name="events.out.tfevents.1700000020.host")
    imported(cli, logs)
    write_events(logs / "run", *events[20:], name="events.out.tfevents.1700000020.host")

    again = imported(cli, logs, "--verify", "full", code=1)
    after = imported(cli, logs, "--verify", "full", code=1)

    (run,) = runs_of(client, logs.name).values()
    assert client.metrics.history(run.run_id, "loss").steps.tolist() == list(range(50))
    # What is there is left as it is: only the time at which the run ended.
    assert [one["field"] for one in again["differences"]] == ["end_time"]
    assert (after["differences"], after["counts"]) == (again["differences"], again["counts"])


def test_a_dry_run_counts_and_writes_nothing(cli: Cli, client: Client, logs: Path) -> None:
    name = unique("never")
    write_events(logs / "run", scalar_event("loss", 1.0, 0), scalar_event("loss", 0.5, 1))
    report = imported(cli, logs, "--dry-run", "--experiment", name)
    assert (report["counts"]["runs"], report["counts"]["points"]) == ({"source": 1}, {"source": 2})
    assert name not in [one.name for one in client.experiments.list()]


def test_runs_of_two_directories_meet_in_the_named_experiment(cli: Cli, client: Client, logs: Path) -> None:
    name = unique("together")
    for folder, step in (("one", 0), ("two", 1)):
        write_events(logs / folder / "run", scalar_event("loss", 1.0, step))
        imported(cli, logs / folder, "-e", name)
    experiment = client.experiments.get_by_name(name)
    assert client.runs.count([experiment.experiment_id]) == 2


def test_names_without_end_are_left_out_and_the_rest_is_imported(cli: Cli, client: Client, logs: Path) -> None:
    folder = logs / "/".join(["x" * 200] * 3)
    names = ["k" * 100_000, "", "a\nb", "loss"]
    write_events(folder, *(scalar_event(name, 1.0, 0) for name in names))

    report = imported(cli, logs, code=1)

    (run,) = runs_of(client, logs.name).values()
    assert run.metrics == {"loss": 1.0}
    assert report["counts"]["points"] == {"source": 1, "target": 1}
    assert [one["field"][:20] for one in report["listedProblems"]] == [
        "name", "metrics.kkkkkkkkkkkk", "metrics.", "metrics.a\nb"
    ]  # fmt: skip


def test_a_folder_without_event_files_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert "tfevents" in cli.refused("import", "tensorboard", str(tmp_path))
    assert "is no folder" in cli.refused("import", "tensorboard", str(tmp_path / "missing"))
