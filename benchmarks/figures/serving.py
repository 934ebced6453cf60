"""Predictions of one row by 16 callers: each interface of the model server beside its peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import orjson
from google.protobuf.wrappers_pb2 import BytesValue

from benchmarks.framework import Effort, Figure, Goal, Sample, benchmark, median
from benchmarks.load.counting import Report, write_payloads
from benchmarks.mlflow_servers import MLFLOW, OURS, beside
from benchmarks.model_servers import NAME, Models, ModelServer, milepost_serve, mlflow_scoring, mlserver
from benchmarks.peers import grpc_echo
from benchmarks.process import Process, module
from benchmarks.rates import rate_sample, run_load
from benchmarks.subject import scratch_folder
from milepost import v1 as pb
from milepost.serving._values import encode
from milepost_server.serving import inference as v2

MLSERVER, ECHO = "MLServer", "a bare echo"
FRAMES = f"{NAME}-frames"
_CALLERS, _MANY = 16, 256
V2_PATH = "/inference.GRPCInferenceService/ModelInfer"
_V2, _ARRAYS, _SPLIT = "served row, gRPC V2", "served row, HTTP inputs", "served row, HTTP dataframe_split"
_STREAM, _STREAM_MANY = "served row, stream", f"served row, stream of {_MANY} callers"

Take = Callable[[], Report]
Reports = Mapping[str, list[Report]]


def v2_request(models: Models, rows: int, name: str = NAME) -> bytes:
    """Rows of the model's data as the Open Inference Protocol has them, with raw contents."""
    tensor = v2.ModelInferRequest.InferInputTensor(name="input", datatype="FP64", shape=models.values[:rows].shape)
    raw = [models.values[:rows].tobytes()]
    return v2.ModelInferRequest(model_name=name, inputs=[tensor], raw_input_contents=raw).SerializeToString()


def native_input(models: Models, rows: int) -> bytes:
    """The same as the native interface has them."""
    values = models.values[:rows]
    tensor = pb.Tensor(dtype="float64", shape=values.shape, data=values.tobytes())
    return pb.PredictInput(tensors=pb.Tensors(tensors=[tensor])).SerializeToString()


def native_frame(models: Models, rows: int) -> bytes:
    """The same as a data frame, for the model that takes columns."""
    return encode(models.frame[:rows]).input.SerializeToString()


class _Load:
    """The load generators against servers, with what they send."""

    def __init__(self, folder: Path, effort: Effort, models: Models) -> None:
        self._folder = folder
        self._seconds = effort.seconds
        row = models.values[:1].tolist()
        request = v2_request(models, 1)
        self.v2 = self._payload("v2", request)
        # As long as the request, in the message that the echo parses.
        self.echo = self._payload("echo", BytesValue(value=bytes(len(request) - 3)).SerializeToString())
        self.native = self._payload("native", native_input(models, 1))
        self.inputs = self._payload("inputs", orjson.dumps({"inputs": row}))
        self.split = self._payload("split", orjson.dumps({"dataframe_split": {"columns": models.columns, "data": row}}))

    def _payload(self, name: str, content: bytes) -> Path:
        path = self._folder / f"{name}.json"
        write_payloads(path, [content])
        return path

    def _run(self, name: str, port: int, pid: int, payload: Path, callers: int, *options: object) -> Report:
        given = ("--port", port, "--server-pid", pid, "--seconds", self._seconds, "--callers", callers)
        return Report(**run_load(name, *given, "--payloads", payload, *options))

    def unary(self, server: ModelServer, payload: Path, path: str = V2_PATH) -> Report:
        return self._run("grpc_calls", server.grpc_port, server.pid, payload, _CALLERS, "--path", path)

    def post(self, server: ModelServer, payload: Path, path: str = "/invocations") -> Report:
        return self._run("serving_posts", server.http_port, server.pid, payload, _CALLERS, "--path", path)

    def stream(self, server: ModelServer, callers: int) -> Report:
        return self._run("serving_stream", server.grpc_port, server.pid, self.native, callers, "--model", NAME)


_GOALS: dict[str, Mapping[str, Goal | None]] = {
    _V2: {MLFLOW: Goal("ratio", ">=", 3), MLSERVER: Goal("ratio", ">=", 2.5), ECHO: None},
    _ARRAYS: {MLFLOW: Goal("ratio", ">=", 5), ECHO: None},
    _SPLIT: {MLFLOW: Goal("ratio", ">=", 10), ECHO: None},
    _STREAM: {MLFLOW: Goal("ratio", ">=", 10), ECHO: None},
    _STREAM_MANY: {MLFLOW: Goal("ratio", ">=", 10), ECHO: None},
}
_P99 = {name: f"{name}, p99" for name in (_V2, _ARRAYS, _SPLIT)}


def _names() -> Iterator[str]:
    for name, goals in _GOALS.items():
        yield from (name if peer == MLFLOW else f"{name}, beside {peer}" for peer in goals)
    yield from _P99.values()


@benchmark(*_names())
def serving(effort: Effort) -> Iterator[Figure]:
    """One row of 20 float64 for a logistic regression by 16 callers, each of which waits for its answer.

    Each interface of `milepost serve` with its defaults (one process of the model) beside MLflow's scoring server, of
    which those over gRPC are compared with its `inputs`, MLServer over the same gRPC protocol, and a bare server of the
    same transport. All callers of gRPC send bytes that are built ahead over 4 connections, or by one stream; those of
    HTTP have a kept connection each.
    """
    with scratch_folder() as folder, ExitStack() as stack:
        models = Models(folder)
        ours = stack.enter_context(milepost_serve({NAME: models.arrays, FRAMES: models.frames}))
        peer_arrays = stack.enter_context(mlflow_scoring(models, "array"))
        peer_frames = stack.enter_context(mlflow_scoring(models, "frame"))
        peer_v2 = stack.enter_context(mlserver(models))
        echo = stack.enter_context(Process(module("peers.grpc_echo", "--answer-bytes", 60)))
        post_echo = stack.enter_context(Process(module("peers.asgi_post_echo")))
        grpc_bare = ModelServer(0, int(echo.first_line), echo.pid)
        http_bare = ModelServer(int(post_echo.first_line), 0, post_echo.pid)
        load = _Load(folder, effort, models)
        taken = _take_turns(
            effort.rounds,
            {
                _V2: partial(load.unary, ours, load.v2),
                _ARRAYS: partial(load.post, ours, load.inputs, f"/models/{NAME}/invocations"),
                _SPLIT: partial(load.post, ours, load.split, f"/models/{FRAMES}/invocations"),
                _STREAM: partial(load.stream, ours, _CALLERS),
                _STREAM_MANY: partial(load.stream, ours, _MANY),
                f"{MLFLOW} inputs": partial(load.post, peer_arrays, load.inputs) if peer_arrays else None,
                f"{MLFLOW} split": partial(load.post, peer_frames, load.split) if peer_frames else None,
                MLSERVER: partial(load.unary, peer_v2, load.v2) if peer_v2 else None,
                "bare gRPC": partial(load.unary, grpc_bare, load.echo, grpc_echo.PATH),
                "bare HTTP": partial(load.post, http_bare, load.inputs),
                "bare HTTP split": partial(load.post, http_bare, load.split),
            },
        )
    yield from _figures(taken)


def _take_turns(rounds: int, takers: Mapping[str, Take | None]) -> Reports:
    """Reports of each, taken in turn, so that a noisy moment hits all; None is left out."""
    reports: dict[str, list[Report]] = {name: [] for name, take in takers.items() if take}
    for _ in range(rounds):
        for name, take in takers.items():
            if take:
                reports[name].append(take())
    return reports


def _figures(reports: Reports) -> Iterator[Figure]:
    bare = {_ARRAYS: "bare HTTP", _SPLIT: "bare HTTP split"}
    for name, goals in _GOALS.items():
        mlflow = f"{MLFLOW} split" if name == _SPLIT else f"{MLFLOW} inputs"
        keys = {OURS: name, MLFLOW: mlflow, MLSERVER: MLSERVER, ECHO: bare.get(name, "bare gRPC")}
        known = {label: reports[key] for label, key in keys.items() if key in reports}
        rates = {label: median(map(rate_sample, taken)) for label, taken in known.items()}
        yield from beside(name, "calls/s", rates, goals)
        if name in _P99:
            tails = {label: median(map(_tail, taken)) for label, taken in known.items()}
            yield from beside(_P99[name], "ms", tails, {MLFLOW: Goal("ratio", "<", 1 / 3)})


def _tail(report: Report) -> Sample:
    return Sample(report.p99_ms, f"p99 {report.p99_ms:.1f} ms at {report.calls_per_s:,.0f} calls/s")
