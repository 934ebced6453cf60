"""Batches as callers give them, turned into what deep learning libraries and text models take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require


def is_frame(data: object) -> bool:
    """Whether data are a data frame, of pandas, polars or the like."""
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def arrays(data: Any) -> Any:
    """The batch as a numpy array, or as a dict, list or tuple of them, shaped as the caller's containers are.

    Columns of a data frame become the columns of one float32 array, since data frames hold float64 where the weights of
    networks are float32. Arrays keep their type.
    """
    numpy = require("numpy", "models")
    if is_frame(data):
        # Row by row in memory, as arrays are: libraries round differently when it is column by column.
        return numpy.ascontiguousarray(data.to_numpy(), dtype=numpy.float32)
    if isinstance(data, Mapping):
        return {str(name): numpy.asarray(values) for name, values in data.items()}
    if isinstance(data, (list, tuple)) and data and all(isinstance(part, numpy.ndarray) for part in data):
        return type(data)(data)
    return numpy.asarray(data)


def texts(data: Any) -> list[str]:
    """The batch as a list of texts: one text, texts in a list or an array, or a data frame of one column.

    Raises:
        SchemaMismatch: The batch is something else.
    """
    if isinstance(data, str):
        return [data]
    if is_frame(data):
        if len(data.columns) != 1:
            raise SchemaMismatch(f"The model takes one column of texts, not the {len(data.columns)} columns given.")
        data = data[data.columns[0]]
    values = data.tolist() if hasattr(data, "tolist") else data.to_list() if hasattr(data, "to_list") else data
    if not isinstance(values, (list, tuple)):
        raise SchemaMismatch(f"The model takes texts, not a {type(data).__name__}.")
    # An array of one column, as a column of a table is often given.
    values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise SchemaMismatch(f"The model takes texts; row {row} is a {type(value).__name__}.")
    return values
