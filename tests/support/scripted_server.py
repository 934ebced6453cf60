"""A real gRPC server with the two methods of the background writer: keeps all in memory, and fails as it is told."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from milepost import v1 as pb

WAIT_S = 60.0
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def refusal(code: int, reason: str = "") -> status_pb2.Status:
    """An error as Milepost servers send it."""
    status = status_pb2.Status(code=code, message=f"{reason} text")
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="milepost"))
    status.details.append(detail)
    return status


UNAVAILABLE = refusal(code_pb2.UNAVAILABLE)
BAD_KEY = refusal(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD")
PARAM_CONFLICT = refusal(code_pb2.ALREADY_EXISTS, "PARAM_CONFLICT")
RUN_NOT_FOUND = refusal(code_pb2.NOT_FOUND, "RUN_NOT_FOUND")

Script = Callable[[Any], status_pb2.Status | None]


def nothing(_: object) -> None:
    """The script of a server to which nothing happens."""


@dataclass
class Stream:
    """What is kept of a writer of a run."""

    durable: int = 0
    batches: list[pb.StreamMetricsBatch] = field(default_factory=list)
    rejections: dict[int, status_pb2.Status] = field(default_factory=dict)


class ScriptedServer:
    """The server. The scripts say how something fails; None: it does not.

    Args:
        port: Where it listens; 0 for any free port.
    """

    def __init__(self, port: int = 0) -> None:
        self.streams: defaultdict[tuple[str, str], Stream] = defaultdict(Stream)
        self.unary: dict[str, pb.LogBatchRequest] = {}
        self.unary_calls: list[str] = []
        self.openings: list[pb.StreamMetricsOpen] = []
        self.gate = threading.Event()
        self.gate.set()
        self.on_unary: Script = nothing
        self.on_open: Script = nothing
        self.on_batch: Script = nothing
        """Whether a batch is rejected."""
        self.before_commit: Script = nothing
        self.before_ack: Script = nothing
        """Whether the stream ends before a batch is stored, and after that."""
        self._server = grpc.server(ThreadPoolExecutor(32))
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    "milepost.v1.MetricService",
                    {
                        "StreamMetrics": grpc.stream_stream_rpc_method_handler(
                            self._stream, pb.StreamMetricsRequest.FromString, pb.StreamMetricsResponse.SerializeToString
                        )
                    },
                ),
                grpc.method_handlers_generic_handler(
                    "milepost.v1.TrackingService",
                    {
                        "LogBatch": grpc.unary_unary_rpc_method_handler(
                            self._log_batch, pb.LogBatchRequest.FromString, pb.LogBatchResponse.SerializeToString
                        )
                    },
                ),
            )
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        """Stops it at once."""
        self.gate.set()
        self._server.stop(None).wait(WAIT_S)

    def steps(self, key: str = "loss", run_id: str = "r") -> list[int]:
        """Steps of the points stored by streams, writer after writer."""
        return [
            step
            for (run, _), stream in self.streams.items()
            if run == run_id
            for batch in stream.batches
            for points in batch.metrics
            if points.key == key
            for step in points.steps
        ]

    def entries(self, kind: str) -> set[str]:
        """Keys of the params or tags stored."""
        return {key for request in self.unary.values() for key in getattr(request, kind)}

    def _log_batch(self, request: pb.LogBatchRequest, context: grpc.ServicerContext) -> pb.LogBatchResponse:
        assert self.gate.wait(WAIT_S)
        self.unary_calls.append(request.request_id)
        _abort(context, self.on_unary(request))
        self.unary.setdefault(request.request_id, request)
        return pb.LogBatchResponse()

    def _stream(
        self, requests: Iterator[pb.StreamMetricsRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.StreamMetricsResponse]:
        opening = next(requests).open
        self.openings.append(opening)
        assert self.gate.wait(WAIT_S)
        _abort(context, self.on_open(opening))
        stream = self.streams[opening.run_id, opening.writer_id]
        yield pb.StreamMetricsResponse(opened=pb.StreamMetricsOpened(durable_sequence=stream.durable))
        for sequence, error in stream.rejections.items():
            if sequence > opening.answered_sequence:
                yield _rejected(sequence, error)
        yield _ack(stream)
        for request in requests:
            assert self.gate.wait(WAIT_S)
            batch = request.batch
            _abort(context, self.before_commit(batch))
            if batch.sequence > stream.durable + 1:
                _abort(context, refusal(code_pb2.INVALID_ARGUMENT, "SEQUENCE_GAP"))
            error = self.on_batch(batch)
            if batch.sequence == stream.durable + 1:
                stream.durable += 1
                if error is None:
                    stream.batches.append(batch)
                else:
                    stream.rejections[batch.sequence] = error
            _abort(context, self.before_ack(batch))
            if error is not None:
                yield _rejected(batch.sequence, error)
            yield _ack(stream)


def _abort(context: grpc.ServicerContext, status: status_pb2.Status | None) -> None:
    if status is not None:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(_CODES[status.code], status.message)


def _ack(stream: Stream) -> pb.StreamMetricsResponse:
    return pb.StreamMetricsResponse(ack=pb.StreamMetricsAck(durable_sequence=stream.durable))


def _rejected(sequence: int, error: status_pb2.Status) -> pb.StreamMetricsResponse:
    return pb.StreamMetricsResponse(rejected=pb.StreamMetricsRejected(sequence=sequence, error=error))
