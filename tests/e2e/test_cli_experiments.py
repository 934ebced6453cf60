from __future__ import annotations

import uuid

import pytest

from milepost.client import Client
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def name() -> str:
    return f"exp-{uuid.uuid4().hex[:8]}"


def test_a_created_experiment_is_listed_and_shown(cli: Cli, name: str) -> None:
    made = cli.json("experiments", "create", name, "--description", "first\nsecond", "--tag", "team=vision")
    listed = cli.out("experiments", "list", "--filter", f"name = '{name}'")
    shown = cli.out("experiments", "show", name)
    assert made["tags"] == {"team": "vision"}
    assert "team=vision" in listed
    assert "first" in listed
    assert "second" not in listed
    assert shown.endswith("first\nsecond\n")


def test_an_experiment_is_found_by_id_and_by_a_name_of_digits(cli: Cli) -> None:
    digits = str(uuid.uuid4().int % 10**17)
    made = cli.json("experiments", "create", digits)
    assert cli.json("experiments", "show", made["experimentId"])["name"] == digits
    assert cli.json("experiments", "show", digits)["name"] == digits


def test_update_changes_only_what_is_given(cli: Cli, name: str) -> None:
    cli.run("experiments", "create", name, "--description", "old", "--tag", "a=1", "--tag", "b=2")
    changed = cli.json("experiments", "update", name, "--description", "new", "--tag", "a=3=4", "--untag", "b")
    assert (changed["name"], changed["description"], changed["tags"]) == (name, "new", {"a": "3=4"})


def test_update_without_a_change_is_bad_usage(cli: Cli, name: str) -> None:
    assert "--description" in cli.run("experiments", "update", name, code=2).stderr


def test_a_tag_without_a_value_is_bad_usage(cli: Cli, name: str) -> None:
    assert "KEY=VALUE" in cli.run("experiments", "create", name, "--tag", "team", code=2).stderr


def test_deleted_experiments_are_hidden_then_marked_then_restored(cli: Cli, name: str) -> None:
    cli.run("experiments", "create", name)
    cli.run("experiments", "delete", name)
    only = ("experiments", "list", "--filter", f"name = '{name}'")
    hidden, marked = cli.run(*only), cli.out(*only, "--all")
    cli.run("experiments", "restore", name)
    assert (hidden.stdout, hidden.stderr) == ("", "No experiments.\n")
    assert f"{name} (deleted)" in marked
    assert cli.json(*only)["experiments"][0]["name"] == name


def test_a_deletion_of_several_asks_and_is_refused_without_a_terminal(cli: Cli, name: str) -> None:
    names = (f"{name}-a", f"{name}-b")
    for each in names:
        cli.run("experiments", "create", each)
    line = cli.refused("experiments", "delete", *names, code=2)
    assert line.startswith("milepost: NOT_CONFIRMED: ")
    assert all(each in line for each in names)
    assert len(cli.json("experiments", "delete", *names, "--yes")["experiments"]) == 2


def test_purge_says_what_goes_and_frees_the_name(cli: Cli, name: str, server: RunningServer) -> None:
    cli.run("experiments", "create", name)
    with Client(server.grpc_address) as client:
        run = client.experiments.get_by_name(name).create_run()
        run.log_metrics({"loss": 0.5})
    cli.run("experiments", "delete", name)
    would = cli.json("experiments", "purge", name, "--dry-run")
    asked = cli.refused("experiments", "purge", name, code=2)
    done = cli.json("experiments", "purge", name, "--yes")
    assert would["dryRun"]
    assert "1 run, 1 metric point, 0 artifacts" in asked
    assert {key: done["purged"][0][key] for key in ("runs", "metricPoints", "artifacts", "artifactBytes")} == {
        "runs": "1",
        "metricPoints": "1",
        "artifacts": "0",
        "artifactBytes": "0",
    }
    cli.run("experiments", "create", name)


def test_purge_of_an_active_experiment_is_refused_before_the_question(cli: Cli, name: str) -> None:
    cli.run("experiments", "create", name)
    assert cli.refused("experiments", "purge", name).startswith("milepost: NOT_DELETED: ")


def test_a_limit_says_that_there_is_more(cli: Cli, name: str) -> None:
    for index in range(3):
        cli.run("experiments", "create", f"{name}-{index}")
    result = cli.run("experiments", "list", "--filter", f"name LIKE '{name}%'", "--limit", "2", "--json")
    assert result.stdout.count('"name"') == 2
    assert "--limit 0" in result.stderr
