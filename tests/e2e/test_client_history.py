"""Whole histories and charts as the clients give them: exact columns and data frames."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import milepost
from milepost import errors
from milepost import v1 as pb
from support.servers import RunningServer
from support.values import INT64_MAX, INT64_MIN, NEGATIVE_NAN, bits, points

STEPS = [INT64_MIN, 0, INT64_MAX]
VALUES = [NEGATIVE_NAN, -0.0, 1 / 3]


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def run(client: milepost.Client) -> milepost.Run:
    """A run with the metrics `many` (70,000 points) and `odd` (three)."""
    made = client.runs.create()
    made.log_metrics([points("many", range(70_000)), points("odd", VALUES, STEPS, STEPS)])
    return made


def test_a_history_is_columns_of_numpy_exact_to_the_bit(run: milepost.Run) -> None:
    history = run.metric_history("odd")
    assert (history.run_id, history.key, len(history)) == (run.run_id, "odd", 3)
    assert bits(history.values) == bits(VALUES)
    assert history.steps.tolist() == history.timestamps_ms.tolist() == STEPS
    assert [column.dtype.str for column in history.columns.values()] == ["<i8", "<i8", "<f8"]
    assert np.array_equal(run.metric_history("many").values, np.arange(70_000.0))


def test_histories_of_several_metrics_make_one_frame(client: milepost.Client, run: milepost.Run) -> None:
    other = client.runs.create()
    other.log_metrics({"odd": 5.0}, step=7)
    assert [history.key for history in run.metric_histories()] == ["many", "odd"]
    found = client.metrics.histories([other.run_id, run.run_id], ["odd"])
    frame = found.to_pandas()
    assert list(frame.columns) == ["run_id", "key", "step", "timestamp_ms", "value"]
    assert frame["run_id"].tolist() == [other.run_id] + [run.run_id] * 3
    assert frame["step"].tolist() == [7, *STEPS]
    assert found.to_polars()["value"][3] == 1 / 3
    assert found.to_polars().schema["key"] == pl.Categorical


def test_no_histories_make_an_empty_frame(client: milepost.Client) -> None:
    found = client.metrics.histories([])
    assert found.to_pandas().shape == found.to_polars().shape == (0, 5)


def test_a_stream_has_pieces_of_bounded_size(client: milepost.Client, run: milepost.Run) -> None:
    pieces = list(client.metrics.stream_history(run.run_id))
    assert [(piece.key, len(piece)) for piece in pieces] == [("many", 65_536), ("many", 4_464), ("odd", 3)]


def test_an_export_goes_to_a_path_or_a_file(client: milepost.Client, run: milepost.Run, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    size = client.metrics.export(run.run_id, buffer, "odd")
    assert size == len(buffer.getvalue()) == client.metrics.export(run.run_id, tmp_path / "odd.arrow", ["odd"])
    assert (tmp_path / "odd.arrow").read_bytes() == buffer.getvalue()
    assert pa.ipc.open_stream(buffer.getvalue()).read_all()["step"].to_pylist() == STEPS
    assert pl.read_ipc_stream(tmp_path / "odd.arrow")["key"].to_list() == ["odd"] * 3


def test_an_export_that_fails_leaves_no_file(client: milepost.Client, run: milepost.Run, tmp_path: Path) -> None:
    with pytest.raises(errors.MetricNotFound):
        client.metrics.export(run.run_id, tmp_path / "x.arrow", "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_chart_has_buckets_as_columns_and_as_a_frame(client: milepost.Client, run: milepost.Run) -> None:
    chart = client.metrics.series(run.run_id, ["many", "nothing"], buckets=7, start=0, end=69_999)
    assert (chart.start, chart.bucket_width, len(chart)) == (0, 10_000, 1)
    assert chart[0].counts.tolist() == [10_000] * 7
    assert chart[0].max_values.tolist() == [10_000.0 * number + 9_999 for number in range(7)]
    frame = chart.to_pandas()
    assert list(frame.columns)[:5] == ["run_id", "key", "bucket", "count", "first_position"]
    assert frame["min_position"].tolist() == chart.to_polars()["first_position"].to_list()


def test_a_chart_of_relative_time_counts_from_the_start_of_the_run(client: milepost.Client) -> None:
    run = client.runs.create()
    begin = run.proto.start_time.ToMilliseconds()
    run.log_metrics([pb.MetricPoints(key="m", values=[1.0, 2.0], steps=[0, 0], timestamps_ms=[begin + 5, begin + 9])])
    chart = client.metrics.series(run.run_id, "m", axis="relative_time", buckets=5)
    assert chart[0].first_positions.tolist() == [5, 9]


def test_an_unknown_axis_is_a_value_error(client: milepost.Client) -> None:
    with pytest.raises(ValueError, match="'sideways' is none of 'step', 'time', 'relative_time'"):
        client.metrics.series("r", "m", axis="sideways")  # type: ignore[arg-type]


def test_a_limit_gives_the_first_points(client: milepost.Client, run: milepost.Run) -> None:
    history = client.metrics.history(run.run_id, "many", limit=25_000, page_size=10_000)
    assert history.values.tolist() == [float(number) for number in range(25_000)]


async def test_the_asynchronous_client_reads_the_same(server: RunningServer, run: milepost.Run) -> None:
    async with milepost.AsyncClient(server.grpc_address) as client:
        handle = await client.runs.get(run.run_id)
        assert bits((await handle.metric_history("odd")).values) == bits(VALUES)
        assert [one.key for one in await handle.metric_histories()] == ["many", "odd"]
        sizes = [len(piece) async for piece in client.metrics.stream_history(run.run_id, "many")]
        assert sizes == [65_536, 4_464]
        buffer = io.BytesIO()
        assert await client.metrics.export(run.run_id, buffer) == len(buffer.getvalue())
        chart = await client.metrics.series([run.run_id], ["odd"], buckets=1)
        assert math.isclose(chart[0].last_values[0], 1 / 3)


WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None
import milepost
with milepost.Client(sys.argv[1]) as client:
    history = client.runs.get(sys.argv[2]).metric_history("odd")
    print(type(history.values).__name__, history.steps.tolist())
    print(client.metrics.series(sys.argv[2], "many", buckets=2)[0].counts.tolist())
"""


def test_columns_are_arrays_of_the_standard_library_without_numpy(server: RunningServer, run: milepost.Run) -> None:
    command = [sys.executable, "-c", WITHOUT_NUMPY, server.grpc_address, run.run_id]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert printed == [f"array {STEPS}", "[35000, 35000]"]
