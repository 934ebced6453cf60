"""Data frames of pandas and polars, imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from milepost._views import RunView

if TYPE_CHECKING:
    import pandas
    import polars

_RUN_FIELDS = ("run_id", "name", "experiment_id", "parent_run_id", "state", "user", "start_time", "end_time")
_GROUPS = ("metrics", "params", "tags")


def load(package: str, extra: str | None = None) -> Any:
    """The module `package`. Raises `ImportError` that names the extra to install."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        what = f"'milepost-client[{extra}]'" if extra else package.partition(".")[0]
        raise ImportError(f"This needs {package.partition('.')[0]}: pip install {what}") from error


def to_pandas(columns: dict[str, list[Any]]) -> pandas.DataFrame:
    """A pandas data frame of `columns`."""
    frame: pandas.DataFrame = load("pandas", "pandas").DataFrame(columns)
    return frame


def to_polars(columns: dict[str, list[Any]]) -> polars.DataFrame:
    """A polars data frame of `columns`; a column of mixed types becomes text."""
    module = load("polars", "polars")
    frame: polars.DataFrame = module.DataFrame({name: _one_type(values) for name, values in columns.items()})
    return frame


def run_columns(runs: Iterable[RunView]) -> dict[str, list[Any]]:
    """One row per run: its fields, then `metrics.KEY`, `params.KEY` and `tags.KEY`; None for a key it lacks."""
    rows = [_run_row(run) for run in runs]
    names = dict.fromkeys(_RUN_FIELDS)
    for group in _GROUPS:
        prefix = f"{group}."
        names.update(dict.fromkeys(sorted({name for row in rows for name in row if name.startswith(prefix)})))
    return {name: [row.get(name) for row in rows] for name in names}


def _run_row(run: RunView) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(run, name) for name in _RUN_FIELDS}
    row["state"] = run.state.value
    for group in _GROUPS:
        row.update({f"{group}.{key}": value for key, value in getattr(run, group).items()})
    return row


def _one_type(values: list[Any]) -> list[Any]:
    types = {type(value) for value in values if value is not None}
    if len(types) <= 1 and not types & {list, dict}:
        return values
    if types == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else str(value) for value in values]
