"""Whole histories: streamed as messages and as Arrow, exact and in order."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.values import INT64_MAX, INT64_MIN, NEGATIVE_NAN, PAYLOAD_NAN, bits, points

TRICKY = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 1 / 3]
STEPS = [INT64_MAX, INT64_MIN, 0, -1, 1, 1, 7, 3]
TIMES = [0, INT64_MIN, INT64_MAX, -1, 1_700_000_000_000, 1, 5, 4]


def _joined(parts: list[pb.MetricPoints]) -> dict[str, pb.MetricPoints]:
    """The points of a stream by key. Checks that metrics come one after the other, by key."""
    found: dict[str, pb.MetricPoints] = {}
    for part in parts:
        assert 0 < len(part.values) == len(part.steps) == len(part.timestamps_ms) <= 65_536
        if part.key in found:
            assert part.key == list(found)[-1]
        found.setdefault(part.key, pb.MetricPoints()).MergeFrom(part)
    assert list(found) == sorted(found)
    return found


def _table(data: bytes) -> pa.Table:
    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    return table


async def test_stream_has_every_point_exactly(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", TRICKY, STEPS, TIMES), points("other", [1.0]))
    found = _joined(await api.stream_metric_history(run.run_id, "m"))
    assert list(found) == ["m"]
    assert bits(found["m"].values) == bits(TRICKY)
    assert (list(found["m"].steps), list(found["m"].timestamps_ms)) == (STEPS, TIMES)


async def test_stream_of_all_metrics_has_small_and_large_ones_by_key(api: Api, run: pb.Run) -> None:
    for begin in (0, 80_000):
        await api.log_metrics(run.run_id, points("m", range(begin, begin + 80_000)), points("z", [begin]))
        await api.log_metrics(run.run_id, points("a", [begin, begin + 1]), points("é" * 500, [begin]))
    found = _joined(await api.stream_metric_history(run.run_id))
    assert {key: len(one.values) for key, one in found.items()} == {"a": 4, "m": 160_000, "z": 2, "é" * 500: 2}
    assert np.array_equal(found["m"].values, np.arange(160_000))
    assert list(found["a"].values) == [0.0, 1.0, 80_000.0, 80_001.0]


async def test_stream_after_a_rewind_has_what_stayed_and_what_came_later(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", range(10_000)))
    await api.rewind_metrics(run.run_id, 4_999)
    await api.log_metrics(run.run_id, points("m", [-1.0, -2.0], [5_000, 5_001]))
    found = _joined(await api.stream_metric_history(run.run_id))
    assert found["m"].values == [*map(float, range(5_000)), -1.0, -2.0]
    page = await api.list_metric_history(run.run_id, "m", page_size=3_000)
    page = await api.list_metric_history(run.run_id, "m", page_size=3_000, page_token=page.next_page_token)
    assert page.points.values == [*map(float, range(3_000, 5_000)), -1.0, -2.0]
    assert page.next_page_token == ""


async def test_run_without_metrics_has_an_empty_stream(api: Api, run: pb.Run) -> None:
    assert await api.stream_metric_history(run.run_id) == []
    table = _table(await api.export_metric_history(run.run_id))
    assert (table.num_rows, table.column_names) == (0, ["key", "step", "timestamp_ms", "value"])


async def test_export_is_an_arrow_stream_of_the_points(api: Api, run: pb.Run) -> None:
    values = [*TRICKY, PAYLOAD_NAN, NEGATIVE_NAN] if api.transport == "grpc" else TRICKY
    steps, times = [*STEPS, 1, 1][: len(values)], [*TIMES, 1, 1][: len(values)]
    await api.log_metrics(run.run_id, points("m", values, steps, times), points("é" * 500, range(70_000)))
    table = _table(await api.export_metric_history(run.run_id))
    assert table.schema.types == [pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.int64(), pa.float64()]
    assert table.num_rows == len(values) + 70_000
    assert bits(table["value"].to_numpy()[: len(values)]) == bits(values)
    assert table["step"].to_pylist()[: len(values)] == steps
    assert table["timestamp_ms"].to_pylist()[: len(values)] == times
    assert table["key"].to_pylist() == ["m"] * len(values) + ["é" * 500] * 70_000


async def test_export_of_some_metrics_has_no_others(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, *(points(key, [1.0]) for key in "abc"))
    table = _table(await api.export_metric_history(run.run_id, "c", "a"))
    assert table["key"].to_pylist() == ["a", "c"]


async def test_stream_keeps_the_payload_of_nan(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    await grpc_api.log_metrics(run.run_id, points("m", [PAYLOAD_NAN, NEGATIVE_NAN]))
    found = _joined(await grpc_api.stream_metric_history(run.run_id))
    assert bits(found["m"].values) == bits([PAYLOAD_NAN, NEGATIVE_NAN])


async def test_missing_runs_and_metrics_are_named(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0]))
    for read in (api.stream_metric_history, api.export_metric_history):
        with refused("NOT_FOUND", "RUN_NOT_FOUND"):
            await read("missing-run")
        with refused("NOT_FOUND", "METRIC_NOT_FOUND") as refusal:
            await read(run.run_id, "m", "no such metric")
        assert "no such metric" in refusal.error.metadata.values()


@pytest.mark.parametrize("count", [1, 16, 17, 4096, 4097])
async def test_pages_of_any_size_join_to_the_whole(api: Api, run: pb.Run, count: int) -> None:
    for number in range(3):
        await api.log_metrics(run.run_id, points("m", range(number * count, (number + 1) * count)))
    found: list[float] = []
    token, first = "", True
    while token or first:
        size = max(2 * count - 1, 1)
        page = await api.list_metric_history(run.run_id, "m", page_size=size, page_token=token)
        assert len(page.points.values) == min(size, 3 * count - len(found))
        found += page.points.values
        token, first = page.next_page_token, False
    assert found == [float(number) for number in range(3 * count)]
