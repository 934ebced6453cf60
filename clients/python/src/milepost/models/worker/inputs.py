"""Payloads as what models take."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from milepost.models._lazy import require
from milepost.models.worker.payload import Payload


def model_input(payload: Payload) -> Any:
    """An array, a mapping of arrays, a data frame of pandas, or the value. Pandas is imported for frames only.

    Raises:
        MissingPackage: It is a frame, and pandas is not installed.
    """
    if payload.form == "array":
        return payload.arrays[0]
    if payload.form == "arrays":
        return dict(zip(payload.names or (), payload.arrays, strict=True))
    if payload.form == "frame":
        return _frame(payload)
    return payload.value


def _frame(payload: Payload) -> Any:
    pandas = require("pandas", "pandas")
    arrays = payload.arrays
    names = None if payload.names is None else list(payload.names)
    if payload.block:
        return pandas.DataFrame(arrays[0], columns=_index(payload.names, arrays[0].shape[1]), copy=False)
    if len(arrays) > 1 and arrays[0].dtype.kind != "O" and all(array.dtype == arrays[0].dtype for array in arrays[1:]):
        # One block: a frame made of its columns takes five times as long for 20 of them.
        return pandas.DataFrame(np.column_stack(arrays), columns=names, copy=False)
    frame = pandas.DataFrame(dict(enumerate(arrays)), copy=False)
    if names is not None:
        frame.columns = names
    return frame


@lru_cache(maxsize=64)
def _index(names: tuple[str, ...] | None, count: int) -> Any:
    """Labels of columns. Making them takes longer than making the frame of a single row."""
    pandas = require("pandas", "pandas")
    return pandas.RangeIndex(count) if names is None else pandas.Index(names)
