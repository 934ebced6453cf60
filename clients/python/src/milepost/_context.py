"""What the fluent API remembers: connections, the active runs and the experiment of each context, and how to end."""

from __future__ import annotations

import atexit
import os
import sys
import time
from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple

from milepost._active import FLUSH_TIMEOUT_S, ActiveRun, Session, state_after
from milepost._handles import Experiment
from milepost._views import RunState
from milepost.config import ClientConfig


class _Chosen(NamedTuple):
    address: str
    name: str
    experiment_id: str


sessions: dict[ClientConfig, Session] = {}

_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("milepost_active_runs", default=())
_chosen: ContextVar[_Chosen | None] = ContextVar("milepost_experiment", default=None)
# For contexts that chose none, such as new threads: the last choice of any.
_chosen_last: _Chosen | None = None

_started: list[ActiveRun] = []
_last: ActiveRun | None = None
_crash: RunState | None = None
_hooked = False
_prepared_pid = 0


def session() -> Session:
    """The connection to the server that is configured now."""
    config = ClientConfig.resolve()
    found = sessions.get(config)
    if found is None:
        found = sessions.setdefault(config, Session(config, before_sending=prepare_exit))
    return found


def choose(experiment: Experiment, address: str) -> None:
    """Makes an experiment that of the runs started from now on."""
    global _chosen_last
    _chosen_last = _Chosen(address, experiment.name, experiment.experiment_id)
    _chosen.set(_chosen_last)


def experiment_id(current: Session, name: str | None) -> str:
    """The id of the experiment of a name, created when there is none; if None, of the chosen one, else `Default`."""
    if name is None:
        chosen = _chosen.get() or _chosen_last
        if chosen is None:
            return "0"
        if chosen.address == current.config.address:
            return chosen.experiment_id
        name = chosen.name
    return current.client.experiments.get_or_create(name).experiment_id


def activate(run: ActiveRun) -> None:
    """Makes a run the active one of this context."""
    global _last
    prepare_exit()
    _last = run
    _started[:] = [other for other in _started if not other.ended] + [run]
    _stack.set((*(other for other in _stack.get() if not other.ended), run))


def active_run() -> ActiveRun | None:
    """The run that logging goes to here. None when there is none, or it has ended."""
    stack = _stack.get()
    if stack and not stack[-1].ended:
        return stack[-1]
    return next((run for run in reversed(stack) if not run.ended), None)


def last_active_run() -> ActiveRun | None:
    """The active run, else the one last started in this process. None when there was none."""
    return active_run() or _last


def prepare_exit() -> None:
    """Sees to it that this process sends what is queued and ends its runs when it ends. Cheap when that was done."""
    global _hooked, _prepared_pid
    if _prepared_pid == os.getpid():
        return
    _prepared_pid = os.getpid()
    if not _hooked:  # a forked child inherits both
        _hooked = True
        _note_crashes()
        atexit.register(_at_exit)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        # Workers of multiprocessing leave by os._exit, past atexit.
        Finalize(None, _at_exit, exitpriority=0)


def _note_crashes() -> None:
    previous = sys.excepthook

    def note_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        global _crash
        _crash = state_after(error)
        previous(kind, error, trace)

    sys.excepthook = note_crash


def _at_exit() -> None:
    deadline = time.monotonic() + FLUSH_TIMEOUT_S

    def left_s() -> float:
        return max(deadline - time.monotonic(), 0.0)

    for run in reversed(_started):
        # A forked child must not end its parent's runs.
        if not run.ended and run.pid == os.getpid():
            run.end(_crash or RunState.FINISHED, timeout_s=left_s())
    for current in sessions.values():
        if not current.writer.close(left_s()):
            print(_not_sent(current), file=sys.stderr)
        current.client.close()


def _not_sent(current: Session) -> str:
    writer, config = current.writer, current.config
    text = f"milepost: {writer.pending} logged values did not reach {config.address} before the program ended"
    kept = writer.pending - writer.unwritten
    if kept > 0:
        text += f"; {kept} wait in {config.spool_dir}: the next program that logs there sends them, or `milepost sync`"
    if writer.unwritten:
        text += f"; {writer.unwritten} found no room in {config.spool_dir} and are LOST"
    return f"{text}."
