"""Metric histories by MLflow's REST API, beside MLflow's own server and FastTrackML."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlencode

from benchmarks.fill.mlflow_runs import Points, Run, fill_by_api, fill_mlflow
from benchmarks.framework import Effort, Figure, Goal, benchmark
from benchmarks.mlflow_servers import (
    API,
    FASTTRACKML,
    MLFLOW,
    MlflowServer,
    beside,
    median_ms,
    mlflow_python,
    servers,
    take_turns,
)
from benchmarks.subject import scratch_folder

_POINTS, _PAGE, _SAMPLED = 1_000_000, 25_000, 320
_TOKEN = re.compile(rb'"next_page_token":\s*"([^"]*)"')
_HISTORY = "mlflow sampled history of 1M points", "mlflow history of 1M points, in pages"


@benchmark(*_HISTORY, f"{_HISTORY[1]}, beside {FASTTRACKML}")
def histories(effort: Effort) -> Iterator[Figure]:
    """Milliseconds of reading one metric of 1,000,000 points; one caller, the median.

    `sampled`: the 320 points that the UI asks for, which FastTrackML does not answer. `in pages`: all, by 25,000, as
    the stock client reads them; FastTrackML gives all in one answer. Before each call a tag is set elsewhere. Rounds
    are fewer than usual: MLflow takes seconds for the one and a minute for the other.
    """
    rounds = (effort.rounds + 1) // 3
    with scratch_folder() as folder:
        run_ids = {MLFLOW: _long_run()["run_id"]}
        if python := mlflow_python():
            fill_mlflow(python, folder, [_long_run()])
        with servers(folder) as running:
            for name, server in running.items():
                if name != MLFLOW:
                    run_ids[name] = fill_by_api(server.port, server.new_experiment(), [_long_run()])[0]
            sampled = {
                name: partial(median_ms, server, _sampled(server, run_ids[name]))
                for name, server in running.items()
                if name != FASTTRACKML
            }
            goal = Goal("value", "<", 100)
            yield from beside(_HISTORY[0], "ms", take_turns(rounds, sampled), {MLFLOW: goal})
            paged = {
                name: partial(median_ms, server, partial(_read_pages, server, run_ids[name]))
                for name, server in running.items()
            }
            goals = {MLFLOW: Goal("ratio", "<", 1 / 5), FASTTRACKML: None}
            yield from beside(_HISTORY[1], "ms", take_turns(rounds, paged), goals)


def _long_run() -> Run:
    """A run whose metric has regular steps, and times and values that jitter."""
    chance = random.Random(0)
    points = Points(
        values=[chance.random() for _ in range(_POINTS)],
        steps=list(range(_POINTS)),
        timestamps=[1_700_000_000_000 + 37 * step + chance.randrange(9) for step in range(_POINTS)],
    )
    return Run(
        run_id=f"{0:032x}",
        run_name="long",
        user_id="user",
        start_time=1_700_000_000_000,
        params={},
        tags={},
        metrics={"loss": points},
    )


def _sampled(server: MlflowServer, run_id: str) -> Callable[[], bytes]:
    query = urlencode({"run_ids": run_id, "metric_key": "loss", "max_results": _SAMPLED})
    return lambda: server.http.send("GET", f"/ajax-{API[1:]}/metrics/get-history-bulk-interval?{query}")


def _read_pages(server: MlflowServer, run_id: str) -> None:
    """Reads all points. Only tokens are looked for in the answers: to parse them takes longer than some servers."""
    query = {"run_uuid": run_id, "run_id": run_id, "metric_key": "loss", "max_results": _PAGE}
    found = 0
    while True:
        answer = server.http.send("GET", f"{API}/metrics/get-history?{urlencode(query)}")
        found += answer.count(b'"timestamp"')
        token = _TOKEN.search(answer, max(0, len(answer) - 1000))
        if token is None or not token[1]:
            break
        query["page_token"] = token[1].decode()
    if found != _POINTS:
        raise RuntimeError(f"{found:,} points were read of {_POINTS:,}")
