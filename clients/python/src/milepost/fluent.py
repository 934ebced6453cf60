"""The fluent API: logging to the run that is active here, under the names that users of MLflow know.

    milepost.set_experiment("digits")
    with milepost.start_run(params={"lr": 3e-4}):
        for step in range(100):
            milepost.log_metric("loss", train(), step=step)

The active run belongs to the context (`contextvars`): threads and tasks do not see each other's. Params, metrics and
tags are queued and sent in the background, see `ActiveRun`; all other calls wait for the server and raise
`MilepostError`. A run that is still active when the program ends is ended then: FAILED after an uncaught exception,
KILLED after Ctrl-C, else FINISHED. A process that is killed cannot say so; its runs stay RUNNING. What the server could
not take until then waits in a file for the next program that logs to it, or for `milepost sync`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat, overload

from milepost import _context, _provenance
from milepost._active import FLUSH_TIMEOUT_S, ActiveRun, Session
from milepost._context import active_run, last_active_run
from milepost._frames import run_columns, to_pandas, to_polars
from milepost._handles import Experiment, Run
from milepost._requests import View
from milepost._views import RunState
from milepost.config import get_tracking_uri, set_tracking_uri
from milepost.data import Dataset
from milepost.errors import RunAlreadyActive

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = [
    "active_run",
    "create_experiment",
    "delete_tag",
    "end_run",
    "flush",
    "get_experiment_by_name",
    "get_run",
    "get_tracking_uri",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "search_runs",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]


def _current() -> ActiveRun:
    run = active_run()
    return start_run() if run is None else run


# Experiments


def create_experiment(name: str, tags: Mapping[str, str] | None = None, *, description: str = "") -> str:
    """Creates an experiment and returns its id. Raises `ExperimentExists`."""
    return _context.session().client.experiments.create(name, description=description, tags=tags).experiment_id


def get_experiment_by_name(name: str) -> Experiment:
    """The experiment of a name, also a deleted one. Raises `ExperimentNotFound`."""
    return _context.session().client.experiments.get_by_name(name)


def set_experiment(name: str | None = None, *, experiment_id: str | None = None) -> Experiment:
    """Chooses the experiment of the runs started from now on, here and in contexts that choose none themselves.

    Args:
        name: Its name; it is created when there is none.
        experiment_id: Its id, instead of a name. Raises `ExperimentNotFound`.
    """
    session = _context.session()
    if name is not None and experiment_id is None:
        experiment = session.client.experiments.get_or_create(name)
    elif experiment_id is not None and name is None:
        experiment = session.client.experiments.get(experiment_id)
    else:
        raise TypeError("set_experiment takes either a name or an experiment_id.")
    _context.choose(experiment, session.config.address)
    return experiment


# Runs


def start_run(
    run_id: str | None = None,
    run_name: str | None = None,
    experiment: str | None = None,
    nested: bool = False,
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    experiment_id: str | None = None,
    parent_run_id: str | None = None,
) -> ActiveRun:
    """Starts or resumes a run and makes it the active one of this context.

    Args:
        run_id: A run to resume: it is RUNNING again. None starts a new one.
        run_name: Name of the run. None: the server makes one up; a resumed run keeps its name.
        experiment: Name of its experiment, which is created when there is none. None: that of the run it is nested in,
            else of `set_experiment`, else `Default`.
        nested: Whether it may start inside the active run, as its child.
        params: Params to log.
        tags: Tags to set, beside those that say where the code comes from.
        description: Free text.
        experiment_id: Its experiment, instead of a name.
        parent_run_id: Another run to be the child of.

    Returns:
        The run; as a context manager it ends with the block.

    Raises:
        RunAlreadyActive: A run is active and `nested` is False.
        RunNotFound: There is no run to resume.
        MilepostError: The server refused or did not answer.
    """
    outer = active_run()
    if outer is not None and not nested:
        raise RunAlreadyActive(
            f"Run {outer.run_id} is active. End it with milepost.end_run(), or start this one with nested=True."
        )
    if experiment is not None and experiment_id is not None:
        raise TypeError("start_run takes either an experiment or an experiment_id.")
    session = _context.session()
    if run_id is not None:
        run = _resume(session, run_id, run_name, description)
    else:
        parent = parent_run_id or (outer.run_id if outer is not None else "")
        chosen = experiment_id or (None if outer is None or experiment else outer.experiment_id)
        run = _create(session, chosen or _context.experiment_id(session, experiment), run_name, parent, description)
    run.log_params(params or {})
    run.set_tags(tags or {})
    _context.activate(run)
    return run


def _create(session: Session, experiment_id: str, name: str | None, parent: str, description: str | None) -> ActiveRun:
    created = session.client.runs.create(
        experiment_id,
        name=name or "",
        parent_run_id=parent,
        description=description or "",
        user=_provenance.user(),
        tags=_provenance.tags(),
        start_time=datetime.now().astimezone(),
    )
    return ActiveRun(session, created.proto)


def _resume(session: Session, run_id: str, name: str | None, description: str | None) -> ActiveRun:
    resumed = session.client.runs.update(
        run_id, state=RunState.RUNNING, name=name, description=description, clear=["end_time"]
    )
    return ActiveRun(session, resumed.proto)


def end_run(status: RunState | str = RunState.FINISHED) -> None:
    """Sends what is queued and ends the active run; the one around it is active again. Nothing happens without one."""
    run = active_run()
    if run is not None:
        run.end(status)


def get_run(run_id: str) -> Run:
    """Reads a run, after sending what is queued. Raises `RunNotFound`."""
    flush()
    return _context.session().client.runs.get(run_id)


def flush(timeout_s: float | None = FLUSH_TIMEOUT_S) -> bool:
    """Waits until what was logged before is stored, for `timeout_s` at most (None: for ever).

    Returns:
        True when everything is. False when time ran out, or something was refused or lost since the last report; a
        `MilepostWarning` says what. When strict, `LoggingError` is raised instead.
    """
    stored = [session.flush(timeout_s) for session in list(_context.sessions.values())]
    return all(stored)


# Logging to the active run; each starts one when there is none


def log_metric(key: str, value: SupportsFloat, step: int | None = None, *, timestamp_ms: int | None = None) -> None:
    """See `ActiveRun.log_metric`."""
    _current().log_metric(key, value, step, timestamp_ms=timestamp_ms)


def log_metrics(
    metrics: Mapping[str, SupportsFloat], step: int | None = None, *, timestamp_ms: int | None = None
) -> None:
    """See `ActiveRun.log_metrics`."""
    _current().log_metrics(metrics, step, timestamp_ms=timestamp_ms)


def log_param(key: str, value: Any) -> Any:
    """See `ActiveRun.log_param`. Returns the value."""
    _current().log_param(key, value)
    return value


def log_params(params: Mapping[str, Any]) -> None:
    """See `ActiveRun.log_params`."""
    _current().log_params(params)


def set_tag(key: str, value: Any) -> None:
    """See `ActiveRun.set_tag`."""
    _current().set_tag(key, value)


def set_tags(tags: Mapping[str, Any]) -> None:
    """See `ActiveRun.set_tags`."""
    _current().set_tags(tags)


def delete_tag(key: str) -> None:
    """Removes a tag. Raises `TagNotFound`."""
    _current().delete_tags(key)


def log_artifact(local_path: str | PathLike[str], artifact_path: str | None = None) -> None:
    """See `ActiveRun.log_artifact`."""
    _current().log_artifact(local_path, artifact_path or "")


def log_artifacts(local_dir: str | PathLike[str], artifact_path: str | None = None) -> None:
    """See `ActiveRun.log_artifacts`."""
    _current().log_artifacts(local_dir, artifact_path or "")


def log_text(text: str, artifact_file: str) -> None:
    """See `ActiveRun.log_text`."""
    _current().log_text(text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str) -> None:
    """See `ActiveRun.log_dict`."""
    _current().log_dict(dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str) -> None:
    """See `ActiveRun.log_figure`."""
    _current().log_figure(figure, artifact_file)


def log_image(image: Any, artifact_file: str) -> None:
    """See `ActiveRun.log_image`."""
    _current().log_image(image, artifact_file)


def log_table(data: Any, artifact_file: str) -> None:
    """See `ActiveRun.log_table`."""
    _current().log_table(data, artifact_file)


def log_input(dataset: Dataset, context: str = "", tags: Mapping[str, str] | None = None) -> None:
    """See `ActiveRun.log_input`."""
    _current().log_input(dataset, context, tags)


# Search


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = ...,
    filter_string: str = ...,
    *,
    experiment_names: Sequence[str] | None = ...,
    search_all_experiments: bool = ...,
    order_by: str | Sequence[str] = ...,
    max_results: int | None = ...,
    view: View = ...,
    output: Literal["pandas"] = ...,
) -> pandas.DataFrame: ...
@overload
def search_runs(
    experiment_ids: Sequence[str] | None = ...,
    filter_string: str = ...,
    *,
    experiment_names: Sequence[str] | None = ...,
    search_all_experiments: bool = ...,
    order_by: str | Sequence[str] = ...,
    max_results: int | None = ...,
    view: View = ...,
    output: Literal["polars"],
) -> polars.DataFrame: ...
@overload
def search_runs(
    experiment_ids: Sequence[str] | None = ...,
    filter_string: str = ...,
    *,
    experiment_names: Sequence[str] | None = ...,
    search_all_experiments: bool = ...,
    order_by: str | Sequence[str] = ...,
    max_results: int | None = ...,
    view: View = ...,
    output: Literal["list"],
) -> list[Run]: ...
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    *,
    experiment_names: Sequence[str] | None = None,
    search_all_experiments: bool = False,
    order_by: str | Sequence[str] = "",
    max_results: int | None = 100_000,
    view: View = "active",
    output: Literal["pandas", "polars", "list"] = "pandas",
) -> pandas.DataFrame | polars.DataFrame | list[Run]:
    """Finds runs, after sending what is queued.

    Args:
        experiment_ids: Experiments to search.
        filter_string: In the filter language, for example `metrics.loss < 0.2 AND params.depth >= 4`.
        experiment_names: Further experiments, by name. With neither: that of `set_experiment`, else `Default`.
        search_all_experiments: Searches all of them instead.
        order_by: One or several attributes, metrics, params or tags, each with an optional `ASC` or `DESC`.
        max_results: Most runs. None for no limit.
        view: Whether deleted ones are shown.
        output: `pandas` or `polars` for a data frame with a row per run and the columns `run_id`, `name`, `state`, ...,
            `metrics.KEY` (last values), `params.KEY` and `tags.KEY`; `list` for handles.
    """
    if output not in ("pandas", "polars", "list"):
        raise ValueError(f"output: {output!r} is none of 'pandas', 'polars' and 'list'.")
    flush()
    session = _context.session()
    if search_all_experiments:
        experiment_ids, experiment_names = None, None
    elif not experiment_ids and not experiment_names:
        experiment_ids = [_context.experiment_id(session, None)]
    runs = session.client.runs.list(
        experiment_ids or (),
        experiment=experiment_names,
        filter=filter_string,
        order_by=order_by if isinstance(order_by, str) else ", ".join(order_by),
        view=view,
        page_size=1000,
        limit=max_results,
    )
    if output == "list":
        return list(runs)
    columns = run_columns(runs)
    return to_pandas(columns) if output == "pandas" else to_polars(columns)
