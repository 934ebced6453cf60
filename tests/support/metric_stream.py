"""A metric stream driven message by message."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import grpc

from milepost import v1 as pb

_METHOD = "/milepost.v1.MetricService/StreamMetrics"
_TIMEOUT_S = 120


class MetricStream:
    """One call of `StreamMetrics`. Errors of the call are `grpc.aio.AioRpcError`.

    Args:
        channel: Where to.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        streams: Any = channel.stream_stream(
            _METHOD, pb.StreamMetricsRequest.SerializeToString, pb.StreamMetricsResponse.FromString
        )
        self._call = streams(timeout=_TIMEOUT_S)

    async def __aenter__(self) -> MetricStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call.cancel()

    async def open(self, run_id: str, writer_id: str, answered: int = 0) -> int:
        """Opens the stream and returns the durable sequence number."""
        opening = pb.StreamMetricsOpen(run_id=run_id, writer_id=writer_id, answered_sequence=answered)
        await self.write(pb.StreamMetricsRequest(open=opening))
        response = await self.receive()
        assert response is not None
        assert response.HasField("opened"), response
        return response.opened.durable_sequence

    async def send(self, sequence: int, *metrics: pb.MetricPoints) -> None:
        """Sends a batch."""
        batch = pb.StreamMetricsBatch(sequence=sequence, metrics=metrics)
        await self.write(pb.StreamMetricsRequest(batch=batch))

    async def write(self, request: pb.StreamMetricsRequest) -> None:
        """Sends any message."""
        await self._call.write(request)

    async def receive(self) -> pb.StreamMetricsResponse | None:
        """The next answer; None when the server has ended the stream well."""
        response = await self._call.read()
        return response if isinstance(response, pb.StreamMetricsResponse) else None

    async def acknowledged(self, sequence: int) -> list[pb.StreamMetricsRejected]:
        """Reads answers until a batch is acknowledged, and returns the rejections before."""
        rejected: list[pb.StreamMetricsRejected] = []
        while (response := await self.receive()) is not None:
            if response.HasField("rejected"):
                rejected.append(response.rejected)
            elif response.ack.durable_sequence >= sequence:
                return rejected
        raise AssertionError(f"the stream ended before batch {sequence} was acknowledged")

    async def finish(self) -> Sequence[pb.StreamMetricsResponse]:
        """Sends no more, and returns the answers up to the end."""
        await self._call.done_writing()
        answers = []
        while (response := await self.receive()) is not None:
            answers.append(response)
        return answers
