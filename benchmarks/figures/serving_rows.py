"""Predictions of 1,000 rows at once, beside a bare loop over the library's `predict` in one process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from threadpoolctl import threadpool_limits

from benchmarks.figures.serving import MLSERVER, V2_PATH, native_input, v2_request
from benchmarks.framework import Effort, Figure, Goal, Sample, benchmark
from benchmarks.load.counting import Report, write_payloads
from benchmarks.mlflow_servers import OURS, take_turns
from benchmarks.model_servers import NAME, Models, ModelServer, milepost_serve, mlserver
from benchmarks.rates import rate_sample, run_load
from benchmarks.subject import scratch_folder

_ROWS, _CALLERS = 1000, 4
_V2, _STREAM = "predict 1,000 rows over gRPC V2", "predict 1,000 rows by a stream"
_BESIDE_MLSERVER = f"{_V2}, beside {MLSERVER}"


@benchmark(_V2, _STREAM, _BESIDE_MLSERVER)
def serving_rows(effort: Effort) -> Iterator[Figure]:
    """Batches of 1,000 rows of 20 float64 for a logistic regression by 4 callers; 160 kB each.

    Beside scikit-learn's own `predict` of the same array, called in a loop with one thread, which sends nothing
    anywhere. Callers are grpc.aio with bytes built ahead.
    """
    with scratch_folder() as folder, ExitStack() as stack:
        models = Models(folder)
        ours = stack.enter_context(milepost_serve({NAME: models.arrays}))
        peer = stack.enter_context(mlserver(models))
        v2, native = folder / "v2.json", folder / "native.json"
        write_payloads(v2, [v2_request(models, _ROWS)])
        write_payloads(native, [native_input(models, _ROWS)])

        def unary(server: ModelServer) -> Sample:
            options = ("--path", V2_PATH, "--payloads", v2, "--connections", _CALLERS)
            return _sample("grpc_aio_calls", server, effort, *options)

        takers = {
            "loop": partial(_loop, models, effort),
            _V2: partial(unary, ours),
            _STREAM: partial(_sample, "serving_stream", ours, effort, "--payloads", native, "--model", NAME),
            **({MLSERVER: partial(unary, peer)} if peer else {}),
        }
        samples = take_turns(effort.rounds, takers)
    loop = samples["loop"]
    for name in (_V2, _STREAM):
        yield Figure(name, samples[name].value, "calls/s", loop.value, Goal("ratio", ">=", 0.7), samples[name].detail)
    beside = samples.get(MLSERVER)
    detail = f"\n  {MLSERVER}: {beside.detail}\n  {OURS}: {samples[_V2].detail}" if beside else ""
    limit = beside.value if beside else None
    yield Figure(_BESIDE_MLSERVER, samples[_V2].value, "calls/s", limit, detail=detail)


def _sample(load: str, server: ModelServer, effort: Effort, *options: object) -> Sample:
    given = ("--port", server.grpc_port, "--server-pid", server.pid, "--seconds", effort.seconds)
    return rate_sample(Report(**run_load(load, *given, "--callers", _CALLERS, *options)))


def _loop(models: Models, effort: Effort) -> Sample:
    """Calls a second of `predict` in this process."""
    calls = 0
    with threadpool_limits(1):
        began = time.perf_counter()
        while time.perf_counter() - began < effort.seconds:
            models.of_arrays.predict(models.values)
            calls += 1
        return Sample(calls / (time.perf_counter() - began))
