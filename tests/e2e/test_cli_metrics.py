from __future__ import annotations

import csv
import math
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from milepost import v1 as pb
from milepost.client import Client, Run
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture(scope="module")
def run(server: RunningServer) -> Run:
    """A run with `loss` (falling, one NaN), `gain` (rising) and `lost` (nothing but NaN)."""
    made = Client(server.grpc_address).runs.create()
    steps = list(range(20))
    loss = [math.nan if step == 10 else 1 / (step + 1) for step in steps]
    times = [1_700_000_000_000 + 500 * step for step in steps]
    made.log_metrics(
        [
            pb.MetricPoints(key="loss", values=loss, steps=steps, timestamps_ms=times),
            pb.MetricPoints(key="gain", values=[float(step) for step in steps], steps=steps, timestamps_ms=times),
            pb.MetricPoints(key="lost", values=[math.nan], steps=[0]),
        ]
    )
    return made


def test_history_prints_points_in_full_and_in_order(cli: Cli, run: Run) -> None:
    lines = [line.split() for line in cli.out("metrics", "history", run.run_id, "loss").splitlines()]
    assert lines[0] == ["STEP", "TIME", "VALUE"]
    assert [line[0] for line in lines[1:]] == [str(step) for step in range(20)]
    assert lines[3][-1] == repr(1 / 3)
    assert lines[11][-1] == "nan"


def test_history_as_json_has_the_columns_of_the_proto(cli: Cli, run: Run) -> None:
    found = cli.json("metrics", "history", run.run_id, "loss", "--limit", "2")
    assert found == {
        "key": "loss",
        "values": [1.0, 0.5],
        "steps": ["0", "1"],
        "timestampsMs": ["1700000000000", "1700000000500"],
    }


def test_an_unknown_metric_is_refused(cli: Cli, run: Run) -> None:
    assert "METRIC_NOT_FOUND" in cli.refused("metrics", "history", run.run_id, "speed")


def test_a_plot_has_labelled_axes_and_a_legend(cli: Cli, run: Run) -> None:
    lines = cli.out("metrics", "plot", run.run_id, "loss", "--width", "60", "--height", "10").splitlines()
    assert lines[0].lstrip().startswith("1 ┤")
    assert lines[9].lstrip().startswith("0.05 ┤")
    assert lines[10].lstrip().startswith("└")
    assert lines[11].split() == ["0", "19"]
    assert max(map(len, lines[:11])) <= 60
    assert "loss (20 points, 1 of them NaN)" in lines[-1]


def test_lines_of_a_plot_without_colours_are_told_apart_by_letters(cli: Cli, run: Run) -> None:
    printed = cli.out("metrics", "plot", run.run_id, "loss", "gain", "--x", "time")
    assert "a loss (20 points" in printed
    assert "b gain (20 points)" in printed
    assert "9.5" in printed.splitlines()[17]


def test_a_plot_of_nothing_but_nan_says_so(cli: Cli, run: Run) -> None:
    result = cli.run("metrics", "plot", run.run_id, "lost")
    assert result.stdout == ""
    assert "nothing to draw" in result.stderr


def test_a_plot_as_json_has_what_is_drawn(cli: Cli, run: Run) -> None:
    found = cli.json("metrics", "plot", run.run_id, "lost", "gain")["series"]
    assert [one["metricKey"] for one in found] == ["lost", "gain"]
    assert found[0]["firstValues"] == ["NaN"]
    assert found[1]["lastPositions"] == [str(step) for step in range(20)]


def test_a_plot_of_an_unknown_metric_is_refused(cli: Cli, run: Run) -> None:
    assert "METRIC_NOT_FOUND" in cli.refused("metrics", "plot", run.run_id, "loss", "speed")


def test_points_are_exported_as_csv_parquet_and_arrow(cli: Cli, run: Run, tmp_path: Path) -> None:
    for kind in ("csv", "parquet", "arrow"):
        cli.out("metrics", "export", run.run_id, str(tmp_path / f"points.{kind}"), "loss", "gain")
    rows = list(csv.DictReader((tmp_path / "points.csv").read_text().splitlines()))
    assert [row["key"] for row in rows] == ["gain"] * 20 + ["loss"] * 20
    assert (rows[22]["step"], rows[22]["timestamp_ms"], rows[22]["value"]) == ("2", "1700000001000", repr(1 / 3))
    with (tmp_path / "points.arrow").open("rb") as file:
        arrow = pa.ipc.open_stream(file).read_all()
    assert repr(arrow.to_pydict()) == repr(parquet.read_table(tmp_path / "points.parquet").to_pydict())
    assert arrow["value"].to_pylist()[:20] == [float(step) for step in range(20)]
    assert math.isnan(arrow["value"][30].as_py())


def test_points_are_exported_to_standard_output(cli: Cli, run: Run) -> None:
    lines = cli.out("metrics", "export", run.run_id, "-", "lost", "--format", "csv").splitlines()
    assert lines[0] == "key,step,timestamp_ms,value"
    assert lines[1].startswith("lost,0,")
    assert lines[1].endswith(",nan")


def test_an_export_of_an_unknown_format_or_metric_leaves_no_file(cli: Cli, run: Run, tmp_path: Path) -> None:
    assert (
        "Give --format arrow, csv or parquet" in cli.run("metrics", "export", run.run_id, "points.txt", code=2).stderr
    )
    cli.refused("metrics", "export", run.run_id, str(tmp_path / "points.csv"), "speed")
    assert list(tmp_path.iterdir()) == []
