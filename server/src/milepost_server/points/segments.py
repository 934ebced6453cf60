"""The best of each run of consecutive rows, over columns of rows.

Runs are given as `starts`: the index where each begins, rising strictly from 0; each ends where the next begins.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.intp]
Column: TypeAlias = NDArray[Any]
Choice: TypeAlias = Literal["least", "greatest"]

_LONG_RUN = 300  # rows from which on a call for each run is cheaper than passes over all rows


def best(keys: Sequence[Column], starts: Indices, choice: Choice) -> Indices:
    """Index of the best row of each run: the first of those whose keys are least or greatest.

    Keys are compared one after the other. They must have no NaN.
    """
    reduce = np.minimum.reduceat if choice == "least" else np.maximum.reduceat
    rows: Indices | None = None
    for key in keys:
        column = key if rows is None else key[rows]
        lengths = np.diff(starts, append=len(column))
        hits = np.flatnonzero(column == np.repeat(reduce(column, starts), lengths))
        starts = np.searchsorted(hits, starts)
        rows = hits if rows is None else rows[hits]
        if len(rows) == len(starts):
            break
    assert rows is not None
    return rows[starts]


def best_value(values: NDArray[np.float64], starts: Indices, choice: Choice) -> Indices:
    """Index of the least or greatest value of each run that is not NaN, or of the first where all are NaN."""
    if len(values) > _LONG_RUN * len(starts):
        rows = _best_of_long_runs(values, starts, choice)
        if not np.isnan(values[rows]).any():
            return rows
    if not _any_nan(values):
        return best([values], starts, choice)
    nan = np.isnan(values)
    return best([nan if choice == "least" else ~nan, rank(values)], starts, choice)


def _best_of_long_runs(values: NDArray[np.float64], starts: Indices, choice: Choice) -> Indices:
    """As `best_value`, but the first NaN of a run that has any."""
    bounds = [*starts.tolist(), len(values)]
    runs = [values[begin:end] for begin, end in itertools.pairwise(bounds)]
    return starts + np.array([run.argmin() if choice == "least" else run.argmax() for run in runs], np.intp)


def rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where values stand among those of one step and time: NaN counts as 0."""
    return np.where(np.isnan(values), 0.0, values) if _any_nan(values) else values


def _any_nan(values: NDArray[np.float64]) -> bool:
    """Asks `argmin`, which finds the first NaN in a fraction of the time that `isnan` takes."""
    return math.isnan(values[values.argmin()])


def rising(column: Column) -> bool:
    """Whether a column never decreases."""
    return not np.count_nonzero(column[1:] < column[:-1])


def rising_within(column: Column, begins: Indices) -> bool:
    """Whether a column never decreases but where a run begins."""
    falls = np.flatnonzero(column[1:] < column[:-1]) + 1
    if len(falls) >= len(begins):
        return False
    return not len(falls) or bool((begins[np.searchsorted(begins, falls, side="right") - 1] == falls).all())


def joined(*columns: Indices) -> Indices:
    """Indices of several columns in order, each once."""
    indices = np.sort(np.concatenate(columns))
    return indices[run_starts(indices)]


def run_starts(column: Column) -> Indices:
    """Where runs of equal elements begin in a column that is not empty."""
    changes = np.empty(len(column), np.bool_)
    changes[0] = True
    np.not_equal(column[1:], column[:-1], out=changes[1:])
    return changes.nonzero()[0]
