"""What callers notice of a hot swap, and of a model's process that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import milepost
from benchmarks.figures.serving import V2_PATH, v2_request
from benchmarks.framework import Effort, Figure, Goal, benchmark
from benchmarks.load.counting import write_payloads
from benchmarks.model_servers import NAME, Models, milepost_serve
from benchmarks.model_servers import ModelServer as ServerProcess
from benchmarks.process import ROOT, environment, module
from benchmarks.subject import scratch_folder, server
from milepost.models.registry.publishing import upload_model
from milepost.serving import ModelServer

_SWAP = "served hot swap, failed calls"
_CALLERS = 16
_OTHER = "other"
_WAIT_S = 60.0
_POLL_S = 0.02
_SETTLE_S = 1.0
# Of each model: one that answers, and a spare, which loads in some seconds once the server has begun to answer.
_PROCESSES = 2
_SPARES_LOAD_S = 8.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of calls: when they were answered and when they failed, in seconds since the epoch, and why."""

    answered_at: list[float]
    failed_at: list[float]
    failures: dict[str, int]

    def gap_after(self, moment: float) -> float:
        """Seconds from `moment` to the end of the longest time without an answer that reaches beyond it."""
        gaps = [(later - earlier, later) for earlier, later in pairwise(self.answered_at) if later > moment]
        return max(gaps)[1] - moment

    def __str__(self) -> str:
        return f"{len(self.answered_at):,} answers, failures: {self.failures or 'none'}"


@contextmanager
def _calling(port: int, models: Models, folder: Path, name: str) -> Iterator[Callable[[], Outcome]]:
    """Callers of a model until the function that is given is called, which says what became of their calls."""
    payload = folder / f"faults-{name}.json"
    write_payloads(payload, [v2_request(models, 1, name)])
    options = ("--port", port, "--path", V2_PATH, "--payloads", payload, "--callers", _CALLERS)
    child = subprocess.Popen(
        module("load.serving_faults", *options),
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def finish() -> Outcome:
        return Outcome(**json.loads(child.communicate()[0]))

    try:
        assert child.stdout is not None
        if child.stdout.readline() != "started\n":
            raise RuntimeError("the callers did not start")
        yield finish
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@benchmark(_SWAP)
def hot_swap(effort: Effort) -> Iterator[Figure]:
    """Calls by 16 callers of which any fails while an alias moves back and forth between two versions, round by round.

    A tracking server has the registry; the model server follows the alias, loads the version, and gives it the traffic.
    """
    uri = f"models:/{NAME}@champion"
    with scratch_folder() as folder, server(folder) as tracking, milepost.Client(tracking.target) as client:
        models = Models(folder)
        numbers = [_register(client, models.arrays) for _ in range(2)]
        client.registered_models.set_alias(NAME, "champion", numbers[0])
        with (
            milepost_serve({NAME: uri}, ("--tracking-uri", tracking.target)) as ours,
            ModelServer(f"127.0.0.1:{ours.grpc_port}") as asked,
            _calling(ours.grpc_port, models, folder, NAME) as finish,
        ):
            for turn in range(1, effort.rounds + 1):
                time.sleep(_SETTLE_S)
                number = numbers[turn % 2]
                client.registered_models.set_alias(NAME, "champion", number)
                _until(lambda wanted=number: asked.get(NAME).live_version == wanted)  # type: ignore[misc]
            time.sleep(_SETTLE_S)
            outcome = finish()
    failed = len(outcome.failed_at)
    detail = f"{effort.rounds} swaps; {outcome}"
    yield Figure(_SWAP, failed, "calls", goal=Goal("value", "<", 1), detail=detail)


_KILLED = ("served kill -9, failed calls", "served kill -9, recovery", "served kill -9, failed calls of another model")


@benchmark(*_KILLED)
def killed_worker(effort: Effort) -> Iterator[Figure]:
    """A model's only process is killed while 16 callers ask it, and 16 others ask another model of the server.

    Each of the 16 has one request in flight. Recovery is the time from the kill to the first answer after it. Spares
    have loaded the model before: one that is still loading would be waited for.
    """
    with scratch_folder() as folder:
        models = Models(folder)
        with (
            _served_with_spares(models) as ours,
            ModelServer(f"127.0.0.1:{ours.grpc_port}") as asked,
            _calling(ours.grpc_port, models, folder, NAME) as finish,
            _calling(ours.grpc_port, models, folder, _OTHER) as finish_other,
        ):
            time.sleep(_SETTLE_S)
            os.kill(_workers(ours.pid)[0], signal.SIGKILL)
            killed_at = time.time()
            _until(lambda: any(_restarts(asked, name) for name in (NAME, _OTHER)))
            time.sleep(2 * _SETTLE_S + effort.seconds)
            outcomes = {NAME: finish(), _OTHER: finish_other()}
            hit = NAME if _restarts(asked, NAME) else _OTHER
    victim, other = outcomes.pop(hit), outcomes.popitem()[1]
    failed, of_other = len(victim.failed_at), len(other.failed_at)
    yield Figure(_KILLED[0], failed, "calls", goal=Goal("value", "<", _CALLERS + 1), detail=str(victim))
    yield Figure(_KILLED[1], victim.gap_after(killed_at), "s", goal=Goal("value", "<", 2))
    yield Figure(_KILLED[2], of_other, "calls", goal=Goal("value", "<", 1), detail=str(other))


@contextmanager
def _served_with_spares(models: Models) -> Iterator[ServerProcess]:
    """Two models, once their spares have had time to load."""
    with milepost_serve({NAME: models.arrays, _OTHER: models.arrays}) as ours:
        _until(lambda: len(_workers(ours.pid)) == 2 * _PROCESSES)
        time.sleep(_SPARES_LOAD_S)
        yield ours


def _register(client: milepost.Client, folder: Path) -> int:
    run = client.runs.create()
    logged = upload_model(client, client.logged_models.create(run.run_id, "model"), folder)
    return int(client.model_versions.create(NAME, model_id=logged.model_id, create_model=True).version)


def _restarts(asked: ModelServer, name: str) -> int:
    return int(asked.get(name).versions[0].restarts)


def _workers(pid: int) -> list[int]:
    """The processes of models that a server has."""
    children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    found = [int(child) for group in children for child in group]
    workers = [child for child in found if b"milepost.models.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
    if not workers:
        raise RuntimeError(f"the server has no process of a model among its children {found}")
    return workers


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"what was waited for did not happen within {_WAIT_S:g} s")
        time.sleep(_POLL_S)
