"""Metric streams, which exist over gRPC only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from milepost import v1 as pb
from support.errors import ApiError
from support.grpc_api import GrpcApi, read_error
from support.metric_stream import MetricStream
from support.values import INT64_MAX, INT64_MIN, bits


@pytest.fixture
async def run_id(grpc_api: GrpcApi) -> str:
    """Id of a run of the test's own."""
    experiment = await grpc_api.create_experiment()
    return (await grpc_api.create_run(experiment.experiment_id)).run_id


def points(*values: float, key: str = "loss", steps: Sequence[int] = (), times: Sequence[int] = ()) -> pb.MetricPoints:
    return pb.MetricPoints(key=key, values=values, steps=steps, timestamps_ms=times)


async def history(api: GrpcApi, run_id: str, key: str = "loss") -> list[float]:
    return list((await api.list_metric_history(run_id, key)).points.values)


async def end_of(stream: MetricStream) -> ApiError:
    """The error that the stream ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.finish()
    return read_error(caught.value)


def reason(rejected: pb.StreamMetricsRejected) -> str:
    info = error_details_pb2.ErrorInfo()
    assert rejected.error.details[0].Unpack(info)
    return str(info.reason)


async def test_batches_are_stored_in_order_and_exactly(grpc_api: GrpcApi, run_id: str) -> None:
    values = [0.1, math.nan, -0.0, math.inf]
    async with grpc_api.stream_metrics() as stream:
        assert await stream.open(run_id, "w") == 0
        await stream.send(1, points(*values, steps=[3, INT64_MIN, INT64_MAX, 3], times=[4, 3, 2, INT64_MIN]))
        await stream.send(2, points(5.0, steps=[1], times=[1]), points(6.0, key="accuracy"))
        assert await stream.acknowledged(2) == []
    stored = (await grpc_api.list_metric_history(run_id, "loss")).points
    assert bits(stored.values) == bits([*values, 5.0])
    assert list(stored.steps) == [3, INT64_MIN, INT64_MAX, 3, 1]
    assert list(stored.timestamps_ms) == [4, 3, 2, INT64_MIN, 1]
    assert await history(grpc_api, run_id, "accuracy") == [6.0]


async def test_batch_sent_again_is_acknowledged_and_not_stored_twice(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        await stream.send(1, points(1.0))
        await stream.send(2, points(2.0))
        await stream.acknowledged(2)
    async with grpc_api.stream_metrics() as stream:
        assert await stream.open(run_id, "w") == 2
        await stream.send(2, points(2.0))
        await stream.send(3, points(3.0))
        await stream.acknowledged(3)
    assert await history(grpc_api, run_id) == [1.0, 2.0, 3.0]


async def test_writers_of_one_run_have_sequences_of_their_own(grpc_api: GrpcApi, run_id: str) -> None:
    for writer in ("a", "b"):
        async with grpc_api.stream_metrics() as stream:
            assert await stream.open(run_id, writer) == 0
            await stream.send(1, points(1.0, key=writer))
            await stream.acknowledged(1)
    assert sorted((await grpc_api.get_run(run_id)).metrics) == ["a", "b"]


async def test_bad_batch_is_rejected_and_its_neighbours_are_stored(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        await stream.send(1, points(1.0))
        await stream.send(2, points(2.0), points(9.0, steps=[1, 2]))
        await stream.send(3, points(3.0, key="bad\nkey"))
        await stream.send(4, points(4.0))
        rejected = await stream.acknowledged(4)
    assert [(each.sequence, reason(each)) for each in rejected] == [(2, "UNEVEN_COLUMNS"), (3, "INVALID_FIELD")]
    assert "batch.metrics[1].steps" in rejected[0].error.message
    assert await history(grpc_api, run_id) == [1.0, 4.0]


async def test_rejection_that_the_client_may_have_missed_is_told_again(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        await stream.send(1, points(1.0, steps=[1, 2]))
        await stream.send(2, points(2.0))
        await stream.acknowledged(2)
    for answered, told in ((0, [1]), (1, []), (0, [])):
        async with grpc_api.stream_metrics() as stream:
            assert await stream.open(run_id, "w", answered) == 2
            *rejections, last = await stream.finish()
            assert [answer.rejected.sequence for answer in rejections] == told
            assert last.ack.durable_sequence == 2


async def test_missing_batch_ends_the_stream_and_what_came_before_is_stored(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        await stream.send(1, points(1.0))
        await stream.send(3, points(3.0))
        error = await end_of(stream)
    assert (error.reason, error.metadata["expected"], error.metadata["given"]) == ("SEQUENCE_GAP", "2", "3")
    assert await history(grpc_api, run_id) == [1.0]


async def test_two_streams_of_one_writer_store_each_batch_once(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as first, grpc_api.stream_metrics() as second:
        await first.open(run_id, "w")
        await second.open(run_id, "w")
        await first.send(1, points(1.0))
        await first.acknowledged(1)
        await second.send(1, points(1.0))
        await second.send(2, points(2.0))
        await second.acknowledged(2)
        await first.send(2, points(2.0))
        await first.acknowledged(2)
    assert await history(grpc_api, run_id) == [1.0, 2.0]


async def test_all_is_answered_when_the_client_closes_its_side(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        for sequence in range(1, 101):
            await stream.send(sequence, points(float(sequence)))
        answers = await stream.finish()
    assert answers[-1].ack.durable_sequence == 100
    assert await history(grpc_api, run_id) == [float(value) for value in range(1, 101)]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.StreamMetricsRequest(batch=pb.StreamMetricsBatch(sequence=1)), "open"),
        (pb.StreamMetricsRequest(), "open"),
        (pb.StreamMetricsRequest(open=pb.StreamMetricsOpen(writer_id="w")), "open.run_id"),
        (pb.StreamMetricsRequest(open=pb.StreamMetricsOpen(run_id="r", writer_id="a b")), "open.writer_id"),
    ],
)
async def test_stream_without_a_good_opening_is_refused(
    grpc_api: GrpcApi, request_: pb.StreamMetricsRequest, field: str
) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.write(request_)
        error = await end_of(stream)
    assert error.metadata["field"] == field


async def test_stream_of_a_run_that_is_not_there_or_deleted_is_refused(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.open("nobody", "w")
    assert read_error(caught.value).reason == "RUN_NOT_FOUND"
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        await grpc_api.delete_run(run_id)
        await stream.send(1, points(1.0))
        assert (await end_of(stream)).reason == "RUN_DELETED"


async def test_points_without_times_get_the_time_of_arrival(grpc_api: GrpcApi, run_id: str) -> None:
    async with grpc_api.stream_metrics() as stream:
        await stream.open(run_id, "w")
        await stream.send(1, points(1.0, 2.0))
        await stream.acknowledged(1)
    stored: Any = (await grpc_api.list_metric_history(run_id, "loss")).points
    created = (await grpc_api.get_run(run_id)).create_time.ToMilliseconds()
    assert list(stored.steps) == [0, 0]
    assert all(time >= created for time in stored.timestamps_ms)
