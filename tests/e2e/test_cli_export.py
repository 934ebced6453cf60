from __future__ import annotations

import csv
import io
import json
import math
import sys
import uuid
from pathlib import Path

import pandas as pd
import pytest

from milepost.client import Client, Experiment
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture(scope="module")
def experiment(server: RunningServer) -> Experiment:
    """Two runs that have a param of the same key but of other types, and one metric that is NaN."""
    client = Client(server.grpc_address)
    made = client.experiments.create(f"export-{uuid.uuid4().hex[:8]}")
    made.create_run("a", params={"lr": 0.1, "mixed": 1, "layers": {"n": [1, 2]}}, tags={"text": 'é,"\n'})
    made.create_run("b", params={"mixed": "one"}).log_metrics({"loss": math.nan})
    return made


def test_csv_has_a_row_for_each_run_and_a_column_for_each_key(cli: Cli, experiment: Experiment, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    assert cli.out("runs", "export", str(file), "-e", experiment.name, "-o", "name").startswith("Wrote 2 runs to ")
    first, second = csv.DictReader(io.StringIO(file.read_bytes().decode(), newline=""))
    assert (first["name"], first["params.lr"], first["params.layers"]) == ("a", "0.1", '{"n": [1, 2]}')
    assert first["tags.text"] == 'é,"\n'
    assert first["start_time"].endswith("Z")
    assert (second["params.lr"], second["metrics.loss"]) == ("", "nan")


def test_json_keeps_types_and_leaves_out_what_is_missing(cli: Cli, experiment: Experiment) -> None:
    first, second = json.loads(
        cli.out("runs", "export", "-", "--format", "json", "-e", experiment.name, "-o", "name"),
    )
    assert first["params.layers"] == {"n": [1, 2]}
    assert "params.lr" not in second
    assert second["metrics.loss"] == "NaN"


def test_parquet_is_read_by_pandas(cli: Cli, experiment: Experiment, tmp_path: Path) -> None:
    file = tmp_path / "runs.parquet"
    said = cli.json("runs", "export", str(file), "-e", experiment.name, "-o", "name")
    frame = pd.read_parquet(file)
    assert said == {"path": str(file), "format": "parquet", "runs": 2}
    assert list(frame["params.mixed"]) == ["1", "one"]
    assert frame["params.lr"][0] == 0.1
    assert str(frame["start_time"].dtype) == "datetime64[us, UTC]"


def test_an_export_of_no_runs_has_the_attribute_columns(cli: Cli) -> None:
    printed = cli.out("runs", "export", "-", "--format", "csv", "-f", "run_id = 'none'")
    assert next(csv.reader(io.StringIO(printed)))[:2] == ["run_id", "name"]


def test_an_unknown_suffix_is_bad_usage(cli: Cli, tmp_path: Path) -> None:
    assert "--format" in cli.run("runs", "export", str(tmp_path / "runs.xls"), code=2).stderr


def test_parquet_without_its_package_names_the_extra(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    line = cli.refused("runs", "export", str(tmp_path / "runs.parquet"))
    assert line.startswith("milepost: MISSING_PACKAGE: ")
    assert "milepost-client[pandas]" in line


def test_a_failed_export_leaves_the_old_file(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("old")
    cli.refused("runs", "export", str(file), "-f", "nonsense")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_one_line(cli: Cli, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "LOCAL_FILE" in cli.refused("runs", "export", str(blocked / "runs.csv"), "-f", "run_id = 'none'")
