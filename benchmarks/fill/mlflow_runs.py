"""Runs as MLflow's interfaces take them, and how the databases of its peers get them."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypedDict

import orjson

from benchmarks.fill.synthetic import Shape, synthetic_run
from benchmarks.json_http import JsonHttp
from benchmarks.process import ROOT, environment
from milepost import v1 as pb

_API = "/api/2.0/mlflow"
_ENTITIES_A_CALL = 1000
_CALLERS = 4


class Points(TypedDict):
    """The points of one metric, column by column."""

    values: list[float]
    steps: list[int]
    timestamps: list[int]


class Run(TypedDict):
    """A run that has not ended."""

    run_id: str
    run_name: str
    user_id: str
    start_time: int
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, Points]


def synthetic_runs(shape: Shape) -> Iterator[Run]:
    """The runs of `synthetic_run`, without their ends, and with their params as text."""
    for number in range(shape.runs):
        run, metrics = synthetic_run(shape, number)
        tags = {**run.tags, "mlflow.parentRunId": run.parent_run_id} if run.parent_run_id else dict(run.tags)
        yield Run(
            run_id=run.run_id,
            run_name=run.name,
            user_id=run.user,
            start_time=run.start_time.ToMilliseconds(),
            params={key: _text(param) for key, param in run.params.items()},
            tags=tags,
            metrics={points.key: _points(points) for points in metrics},
        )


def _text(param: pb.ParamValue) -> str:
    return str(getattr(param, param.WhichOneof("kind") or "string_value"))


def _points(points: pb.MetricPoints) -> Points:
    return Points(values=list(points.values), steps=list(points.steps), timestamps=list(points.timestamps_ms))


def fill_mlflow(python: str, folder: Path, runs: Iterable[Run]) -> str:
    """Inserts runs into a database of MLflow's server by its own models, and gives the id of their experiment.

    Args:
        python: An interpreter that has MLflow.
        folder: That of the server.
        runs: What to insert.
    """
    script = ROOT / "benchmarks" / "peers" / "mlflow_fill_runs.py"
    command = [python, str(script), f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts")]
    with subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for run in runs:
            process.stdin.write(orjson.dumps(run, option=orjson.OPT_APPEND_NEWLINE))
        process.stdin.close()
        answer = process.stdout.read().decode().split()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return answer[-1]


def fill_by_api(port: int, experiment_id: str, runs: Iterable[Run]) -> list[str]:
    """Creates runs by MLflow's REST API on a few connections, and gives the ids they got, in no order."""
    waiting, lock = iter(runs), threading.Lock()

    def take() -> Run | None:
        with lock:
            return next(waiting, None)

    def work(_: int) -> list[str]:
        with closing(JsonHttp(port)) as http:
            return [_create(http, experiment_id, run) for run in iter(take, None)]

    with ThreadPoolExecutor(_CALLERS) as pool:
        return [run_id for created in pool.map(work, range(_CALLERS)) for run_id in created]


def _create(http: JsonHttp, experiment_id: str, run: Run) -> str:
    created = http.post(
        f"{_API}/runs/create",
        experiment_id=experiment_id,
        run_name=run["run_name"],
        user_id=run["user_id"],
        start_time=run["start_time"],
        tags=_pairs(run["tags"]),
    )
    run_id = str(created["run"]["info"]["run_id"])
    points = [point for key, columns in run["metrics"].items() for point in _metrics(key, columns)]
    # At most 1,000 entities a call: params come with the first points, which are fewer for that.
    params, first = _pairs(run["params"]), _ENTITIES_A_CALL - len(run["params"])
    http.post(f"{_API}/runs/log-batch", run_id=run_id, params=params, metrics=points[:first])
    for begin in range(first, len(points), _ENTITIES_A_CALL):
        http.post(f"{_API}/runs/log-batch", run_id=run_id, metrics=points[begin : begin + _ENTITIES_A_CALL])
    return run_id


def _pairs(texts: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in texts.items()]


def _metrics(key: str, points: Points) -> Iterator[dict[str, object]]:
    for value, step, timestamp in zip(points["values"], points["steps"], points["timestamps"], strict=True):
        yield {"key": key, "value": value, "step": step, "timestamp": timestamp}
