"""Rows of points to columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy
from numpy.typing import NDArray

from milepost.migration.source import Points


def of_run(run_id: str, rows: Sequence[Any]) -> Points:
    """The points of rows `(key, step, timestamp, value, is_nan)`, at least one, in their order."""
    keys, steps, times, values, nans = zip(*rows, strict=True)
    return columns(run_id, keys, numbers(steps), numbers(times), floats(values, nans))


def of_runs(rows: Sequence[Any]) -> Iterator[Points]:
    """The points of such rows that end with the run's id, and are sorted by it."""
    for run_id, some in groupby(rows, key=lambda row: row[5]):
        yield of_run(str(run_id), [tuple(row[:5]) for row in some])


def columns(
    run_id: str,
    keys: Sequence[str],
    steps: NDArray[numpy.int64],
    times: NDArray[numpy.int64],
    values: NDArray[numpy.float64],
) -> Points:
    """Points with the key of each."""
    numbered = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    codes = numpy.fromiter(map(numbered.__getitem__, keys), numpy.intp, len(keys))
    return Points(run_id, list(numbered), codes, steps, times, values)


def numbers(values: Sequence[Any]) -> NDArray[numpy.int64]:
    """Whole numbers as a column; what is missing is 0."""
    try:
        return numpy.array(values, numpy.int64)
    except TypeError:
        return numpy.array([value or 0 for value in values], numpy.int64)


def floats(values: Sequence[Any], nans: Sequence[Any]) -> NDArray[numpy.float64]:
    """Values as a column; NaN where MLflow says so, and where there is none."""
    column = numpy.array(values, numpy.float64)  # None becomes NaN
    if any(nans):
        column[numpy.array([bool(flag) for flag in nans])] = numpy.nan
    return column
