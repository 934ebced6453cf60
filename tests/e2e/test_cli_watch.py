"""`milepost runs watch`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from milepost.client import Client, Run
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def run(server: RunningServer) -> Iterator[Run]:
    with Client(server.grpc_address) as client:
        yield client.runs.create(name="watched")


def test_run_that_has_ended_is_one_line(cli: Cli, run: Run) -> None:
    run.log_metrics({"loss": 0.25, "acc": 0.5}, step=7)
    run.end()
    line = cli.out("runs", "watch", run.run_id)
    expected = rf"\d\d:\d\d:\d\d  FINISHED  watched \({run.run_id}\)  after .*  step 7  acc=0\.5  loss=0\.25\n"
    assert re.fullmatch(expected, line)


def test_run_is_followed_until_it_ends(cli: Cli, run: Run) -> None:
    with ThreadPoolExecutor(1) as pool:
        printed = pool.submit(cli.out, "runs", "watch", run.run_id)
        for step in range(20):
            run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
        run.end("FAILED")
        lines = printed.result(60).splitlines()
    assert "FAILED" in lines[-1]
    assert "loss=0.05" in "".join(lines)


def test_many_metrics_are_counted(cli: Cli, run: Run) -> None:
    run.log_metrics({f"m{index}": 1.0 for index in range(10)})
    run.end()
    assert cli.out("runs", "watch", run.run_id).endswith("m7=1  and 2 more metrics\n")


def test_lines_of_json_are_the_run(cli: Cli, run: Run) -> None:
    run.log_metrics({"loss": 0.25})
    run.end()
    (document,) = [json.loads(line) for line in cli.out("runs", "watch", run.run_id, "--json").splitlines()]
    assert (document["runId"], document["state"]) == (run.run_id, "STATE_FINISHED")
    assert document["metrics"]["loss"]["last"] == 0.25


def test_unknown_run_is_said(cli: Cli) -> None:
    assert "No run has the id 'nothing'" in cli.refused("runs", "watch", "nothing")
