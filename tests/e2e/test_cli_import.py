from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.cli import Cli
from support.mlflow_stores import START_MS, MlflowDatabase
from support.servers import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    made = MlflowDatabase(tmp_path / "mlflow.db")
    run = made.run(made.experiment(), {"k" * 251: "v"})
    made.points(run, [("loss", step, START_MS, 0.5) for step in range(1234)])
    made.close()
    return made.path


def test_the_report_has_counts_of_both_sides_and_what_was_left_out(cli: Cli, database: Path) -> None:
    result = cli.run("import", "mlflow", str(database), code=1)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Source:", str(database), "(version", "test-version)"] in lines
    assert ["points", "1,234", "1,234"] in lines
    assert "0 different." in result.stdout
    assert "Left out or changed: 1" in result.stderr
    assert "more than the 250 allowed; left out." in result.stderr


def test_a_dry_run_says_that_nothing_is_written_and_needs_no_server(database: Path) -> None:
    result = Cli("127.0.0.1:9").run("import", "mlflow", str(database), "--dry-run", code=1)
    assert "Target: nothing is written, as --dry-run says" in result.stdout
    assert ["points", "1,234"] in [line.split() for line in result.stdout.splitlines()]


@pytest.mark.parametrize("option", [("--artifacts", "some"), ("--verify", "some")])
def test_values_that_an_option_does_not_have_are_bad_usage(cli: Cli, database: Path, option: tuple[str, str]) -> None:
    assert "'some' is none of" in cli.refused("import", "mlflow", str(database), *option, code=2)


def test_a_missing_package_is_named_with_its_extra(cli: Cli, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    message = cli.refused("import", "mlflow", str(database))
    assert "MISSING_PACKAGE" in message
    assert "milepost-client[import]" in message
