"""`runs/search` of MLflow's REST API, beside MLflow's own server and FastTrackML."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import orjson

from benchmarks.fill.mlflow_runs import fill_by_api, fill_mlflow, synthetic_runs
from benchmarks.fill.store import fill
from benchmarks.fill.synthetic import Shape
from benchmarks.framework import THOROUGH, Effort, Figure, Goal, benchmark
from benchmarks.mlflow_servers import (
    API,
    FASTTRACKML,
    MLFLOW,
    OURS,
    MlflowServer,
    beside,
    median_ms,
    mlflow_python,
    servers,
    take_turns,
)
from benchmarks.subject import scratch_folder

_RUNS = (10_000, 100_000)
_SEARCH = {
    "filter": "metrics.m1 > 0.5 and params.p1 = 'x'",
    "order_by": ["metrics.m2 DESC"],
    "run_view_type": "ACTIVE_ONLY",
    "max_results": 100,
}
_SEARCH_GOALS = {MLFLOW: Goal("ratio", "<", 1 / 10), FASTTRACKML: Goal("ratio", "<", 1 / 3)}


def _search_name(runs: int) -> str:
    return f"mlflow runs/search of {runs:,} runs"


@benchmark(*(f"{_search_name(runs)}{end}" for runs in _RUNS for end in ("", f", beside {FASTTRACKML}")))
def searches(effort: Effort) -> Iterator[Figure]:
    """Milliseconds of a search that 5% of the runs pass, by a metric, 100 results; one caller, the median.

    The runs are those of `benchmarks.fill` in one experiment. Before each call a tag is set elsewhere, so that no
    answer is given again. A quick look leaves out 100,000 runs, which FastTrackML takes many minutes to store; and
    MLflow takes a minute to search them, so there are fewer rounds.
    """
    few, many = _RUNS
    with scratch_folder() as folder:
        yield from _searches(effort.rounds, folder, few)
    if effort == THOROUGH:
        with scratch_folder() as folder:
            yield from _searches((effort.rounds + 1) // 3, folder, many)


def _searches(rounds: int, folder: Path, runs: int) -> Iterator[Figure]:
    shape = Shape(runs)
    (folder / "data").mkdir()
    experiments = {OURS: asyncio.run(fill(f"sqlite:///{folder}/data/milepost.db", shape, "filled"))}
    if python := mlflow_python():
        experiments[MLFLOW] = fill_mlflow(python, folder, synthetic_runs(shape))
    with servers(folder) as running:
        if peer := running.get(FASTTRACKML):
            experiments[FASTTRACKML] = peer.new_experiment()
            fill_by_api(peer.port, experiments[FASTTRACKML], synthetic_runs(shape))
        calls = {name: _search(server, experiments[name]) for name, server in running.items()}
        _check_same({name: _names(call()) for name, call in calls.items()})
        takers = {name: partial(median_ms, server, calls[name]) for name, server in running.items()}
        yield from beside(_search_name(runs), "ms", take_turns(rounds, takers), _SEARCH_GOALS)


def _search(server: MlflowServer, experiment_id: str) -> Callable[[], bytes]:
    body = orjson.dumps({"experiment_ids": [experiment_id], **_SEARCH})
    return lambda: server.http.send("POST", f"{API}/runs/search", body)


def _names(answer: bytes) -> list[str]:
    return [run["info"]["run_name"] for run in orjson.loads(answer)["runs"]]


def _check_same(found: Mapping[str, object]) -> None:
    """Raises `RuntimeError` when servers answered differently: they would be compared at different work."""
    different = [name for name, answer in found.items() if answer != found[OURS]]
    if different:
        raise RuntimeError(f"{different} answered something else than {OURS}: {found}")
