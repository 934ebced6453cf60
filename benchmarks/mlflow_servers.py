"""The servers that speak MLflow's REST API: ours, and the peers that are installed here.

The peers are too large to be installed for a figure. `MLFLOW_PYTHON` names an interpreter that has MLflow, and
`FASTTRACKML` the command `fml`; without its variable a peer is left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.framework import Figure, Goal, Sample, median
from benchmarks.json_http import JsonHttp
from benchmarks.process import Process, module
from benchmarks.subject import server

API = "/api/2.0/mlflow"
OURS, MLFLOW, FASTTRACKML = "Milepost", "MLflow", "FastTrackML"
_CALLS, _LONGEST_MS = 10, 10_000


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running server, and a connection to it. `pid` is that of a peer's parent."""

    port: int
    pid: int
    http: JsonHttp

    def new_experiment(self) -> str:
        """Creates an experiment, and gives its id."""
        return str(self.http.post(f"{API}/experiments/create", name="benchmark")["experiment_id"])

    def new_run(self, experiment_id: str) -> str:
        """Creates a run as the stock client does, and gives its id."""
        tags = [{"key": "mlflow.user", "value": "user"}, {"key": "mlflow.source.type", "value": "LOCAL"}]
        body = {"experiment_id": experiment_id, "user_id": "user", "start_time": 1_700_000_000_000, "tags": tags}
        return str(self.http.post(f"{API}/runs/create", **body)["run"]["info"]["run_id"])


def mlflow_python() -> str | None:
    """The interpreter that has MLflow."""
    return os.environ.get("MLFLOW_PYTHON")


@contextmanager
def servers(folder: Path) -> Iterator[Mapping[str, MlflowServer]]:
    """All of them by name, each with its defaults and its SQLite database in `folder`."""
    with ExitStack() as stack:
        running: dict[str, MlflowServer] = {}

        def add(name: str, port: int, pid: int) -> None:
            http = JsonHttp(port)
            stack.callback(http.close)
            running[name] = MlflowServer(port, pid, http)

        for name, script, option, program in (
            (MLFLOW, "peers.mlflow_server", "--python", mlflow_python()),
            (FASTTRACKML, "peers.fasttrackml_server", "--program", os.environ.get("FASTTRACKML")),
        ):
            if program:
                peer = stack.enter_context(Process(module(script, option, program, "--folder", folder)))
                add(name, int(peer.first_line), peer.pid)
        ours = stack.enter_context(server(folder))
        add(OURS, ours.http_port, ours.pid)
        yield running


def take_turns(rounds: int, takers: Mapping[str, Callable[[], Sample]]) -> dict[str, Sample]:
    """The median sample of each server; they are measured in turn, so that a noisy moment hits all."""
    samples: dict[str, list[Sample]] = {name: [] for name in takers}
    for _ in range(rounds):
        for name, take in takers.items():
            samples[name].append(take())
    return {name: median(taken) for name, taken in samples.items()}


def median_ms(server: MlflowServer, call: Callable[[], object]) -> Sample:
    """Milliseconds of a call, after a write to a run of its own: the median of ten, or of as many as go into 10 s."""
    run_id = server.new_run("0")
    taken: list[float] = []
    while len(taken) < _CALLS and sum(taken) < _LONGEST_MS:
        server.http.post(f"{API}/runs/set-tag", run_id=run_id, key="written", value=str(len(taken)))
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return Sample(taken[len(taken) // 2], f"{len(taken)} calls a round, worst {taken[-1]:.1f} ms")


def beside(name: str, unit: str, samples: Mapping[str, Sample], goals: Mapping[str, Goal | None]) -> Iterator[Figure]:
    """Our figure beside each peer of `goals`, in that order: under `name` beside MLflow, else with the peer's name.

    A goal of None makes a figure that informs, and so does a peer that was not measured, but for a bound on the value.
    """
    ours = samples[OURS]
    for peer, goal in goals.items():
        full_name = name if peer == MLFLOW else f"{name}, beside {peer}"
        if limit := samples.get(peer):
            yield Figure(
                full_name, ours.value, unit, limit.value, goal, f"\n  {peer}: {limit.detail}\n  {OURS}: {ours.detail}"
            )
        else:
            kept = goal if goal is not None and goal.of == "value" else None
            yield Figure(full_name, ours.value, unit, goal=kept, detail=ours.detail)
