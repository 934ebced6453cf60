"""`milepost serving` against a model server that follows a registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import milepost
from milepost.serving import ModelServer
from support.cli import Cli
from support.servers import RunningModelServer, RunningServer
from support.serving_models import COLUMNS, ROWS, columns_model
from support.serving_registry import RegisteredModel
from support.waiting import until

BATCH = np.array([[1.0], [2.0]])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisteredModel]:
    """A registered model whose versions 1 and 2 answer 10 and 20; the alias points to 1."""
    tracking = RunningServer(tmp_path_factory.mktemp("tracking"))
    with milepost.Client(tracking.grpc_address) as client:
        made = RegisteredModel(client, tmp_path_factory.mktemp("models"))
        made.add(10, champion=True)
        made.add(20)
        yield made
    tracking.stop()


@pytest.fixture(scope="module")
def running(model: RegisteredModel) -> Iterator[RunningModelServer]:
    address = model.client.config.address
    made = RunningModelServer(model.uri, f"columns={columns_model()}", tracking_uri=address, trust=True)
    yield made
    made.stop()


@pytest.fixture
def cli(running: RunningModelServer, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("MILEPOST_SERVING_URI", running.grpc_address)
    return Cli("127.0.0.1:1")


@pytest.fixture
def server(running: RunningModelServer) -> Iterator[ModelServer]:
    with ModelServer(running.grpc_address) as made:
        yield made


def answer(server: ModelServer, model: RegisteredModel) -> float:
    return float(server.predict(model.name, BATCH).data[0])


def test_the_served_models_are_listed_and_shown(cli: Cli, model: RegisteredModel) -> None:
    listed = cli.json("serving", "list")["servedModels"]
    assert [(one["name"], one.get("liveVersion")) for one in listed] == [("columns", None), (model.name, "1")]
    assert f"{model.name}  {model.uri}" in cli.out("serving", "list")
    shown = cli.out("serving", "get", model.name)
    assert "follows   champion" in shown
    assert "ready" in shown
    assert cli.json("serving", "get", model.name)["source"] == model.uri


def test_a_version_is_made_live_taken_back_and_followed_again(
    cli: Cli, model: RegisteredModel, server: ModelServer
) -> None:
    assert cli.out("serving", "set-live", model.name, "2") == (
        f"Version 2 of {model.name!r} is live; no alias is followed until `milepost serving follow`.\n"
    )
    assert answer(server, model) == 20
    assert cli.json("serving", "roll-back", model.name)["liveVersion"] == "1"
    assert answer(server, model) == 10
    assert "alias champion is followed" in cli.out("serving", "follow", model.name)
    model.move(2)
    until(lambda: answer(server, model) == 20)
    model.move(1)
    until(lambda: answer(server, model) == 10)


def test_a_canary_gets_its_share_until_it_is_ended(cli: Cli, model: RegisteredModel, server: ModelServer) -> None:
    assert cli.out("serving", "canary", model.name, "2", "100") == (
        f"Version 2 of {model.name!r} gets 100% of the traffic.\n"
    )
    assert answer(server, model) == 20
    assert "canary    2 (100%)" in cli.out("serving", "get", model.name)
    assert cli.out("serving", "canary", model.name, "0") == f"{model.name!r} has no canary.\n"
    assert answer(server, model) == 10
    assert "PERCENT" in cli.run("serving", "canary", model.name, "2", code=2).stderr


def test_a_shadow_is_compared(cli: Cli, model: RegisteredModel, server: ModelServer) -> None:
    cli.out("serving", "shadow", model.name, "2")
    assert answer(server, model) == 10
    until(lambda: server.get(model.name).shadow.compared)
    assert "compared  1 answer, 1 different (by 10 at most)" in cli.out("serving", "get", model.name)
    assert cli.out("serving", "shadow", model.name, "0") == f"{model.name!r} has no shadow.\n"


def test_a_model_is_loaded_under_a_name_and_unloaded(cli: Cli, model: RegisteredModel, server: ModelServer) -> None:
    source = f"models:/{model.name}/2"
    assert cli.out("serving", "load", source, "--name", "other") == "Version 2 of 'other' is live.\n"
    assert server.predict("other", BATCH).version == 2
    assert cli.json("serving", "unload", "other") == {"unloaded": "other"}
    assert "SERVED_MODEL_NOT_FOUND" in cli.refused("serving", "get", "other")


def test_a_model_that_is_loaded_without_a_name_has_that_of_the_registry(cli: Cli, model: RegisteredModel) -> None:
    loaded = cli.json("serving", "load", model.uri, "--workers", "1")
    assert (loaded["name"], loaded["liveVersion"]) == (model.name, "1")


def test_a_file_is_asked_and_answered_by_a_file(cli: Cli, tmp_path: Path) -> None:
    given, answered = tmp_path / "in.csv", tmp_path / "out.jsonl"
    lines = [",".join(COLUMNS), *(",".join(map(repr, row)) for row in ROWS[:10].tolist())]
    given.write_text("\n".join(lines))
    said = cli.run("serving", "predict", "columns", "-i", str(given), "-o", str(answered), "--batch-rows", "4")
    assert "10 rows" in said.stderr
    printed = json.loads(cli.out("serving", "predict", "columns", "-i", str(given)))
    assert [row["output"] for row in printed["predictions"]] == [
        json.loads(line)["output"] for line in answered.read_text().splitlines()
    ]


def test_a_server_that_is_away_is_named(cli: Cli) -> None:
    said = cli.refused("serving", "--server", "127.0.0.1:1", "list")
    assert "no model server answers at 127.0.0.1:1. Start one with `milepost serve`" in said


def test_the_tracking_servers_option_is_not_taken_for_the_model_servers(cli: Cli) -> None:
    assert "Put it behind `serving`" in cli.refused("--server", "127.0.0.1:1", "serving", "list", code=2)
