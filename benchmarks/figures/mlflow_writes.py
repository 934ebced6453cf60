"""Logging metrics by MLflow's REST API, beside MLflow's own server and FastTrackML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.framework import Effort, Figure, Goal, Sample, benchmark
from benchmarks.load.counting import Report, write_payloads
from benchmarks.mlflow_servers import FASTTRACKML, MLFLOW, MlflowServer, beside, servers, take_turns
from benchmarks.rates import rate_sample, run_load
from benchmarks.subject import scratch_folder

# MLflow answers some of 32 calls after a second only.
_LEAST_S = 3.0


@dataclass(frozen=True, slots=True)
class _Case:
    """A call, by how many callers at once, and how many times as fast as each peer it should be."""

    call: str
    callers: int
    points: int
    unit: str
    goals: dict[str, float]


_CASES = (
    _Case("log-metric", 32, 1, "calls/s", {MLFLOW: 10, FASTTRACKML: 1.5}),
    _Case("log-batch", 4, 1000, "points/s", {MLFLOW: 10, FASTTRACKML: 5}),
)


@benchmark(*(f"mlflow {case.call}{end}" for case in _CASES for end in ("", f", beside {FASTTRACKML}")))
def writes(effort: Effort) -> Iterator[Figure]:
    """`log-metric` by 32 callers, and `log-batch` of 10 keys x 100 steps by 4; each caller has a run of its own.

    What we and MLflow answer is on disk; FastTrackML leaves it to the system (SQLite's `synchronous=NORMAL`). Every
    sample has new runs, in a database that has those of the samples before.
    """
    with scratch_folder() as folder, servers(folder) as running:
        experiments = {name: peer.new_experiment() for name, peer in running.items()}
        for case in _CASES:
            takers = {
                name: partial(_rate, effort, folder, case, peer, experiments[name]) for name, peer in running.items()
            }
            goals = {peer: Goal("ratio", ">=", least) for peer, least in case.goals.items()}
            yield from beside(f"mlflow {case.call}", case.unit, take_turns(effort.rounds, takers), goals)


def _rate(effort: Effort, folder: Path, case: _Case, peer: MlflowServer, experiment_id: str) -> Sample:
    payloads = folder / "runs.json"
    write_payloads(payloads, [peer.new_run(experiment_id).encode() for _ in range(case.callers)])
    seconds = max(effort.seconds, _LEAST_S)
    options = ("--port", peer.port, "--server-pid", peer.pid, "--seconds", seconds, "--payloads", payloads)
    report = Report(**run_load("mlflow_writes", "--call", case.call, *options))
    sample = rate_sample(report)
    return Sample(sample.value * case.points, sample.detail)
