"""Checks of numpy arrays, dense or sparse, that are given for columns: by position, without copies if they fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from milepost.errors import SchemaMismatch
from milepost.models.signatures._exact import exact_cast
from milepost.models.signatures._value_checks import compile_value, is_missing
from milepost.models.signatures.schema import Column, DataType

Array = NDArray[Any]

DTYPES = {
    DataType.BOOLEAN: np.dtype(np.bool_),
    DataType.INTEGER: np.dtype(np.int32),
    DataType.LONG: np.dtype(np.int64),
    DataType.FLOAT: np.dtype(np.float32),
    DataType.DOUBLE: np.dtype(np.float64),
    DataType.STRING: np.dtype(np.str_),
    DataType.BINARY: np.dtype(np.bytes_),
    DataType.DATETIME: np.dtype("datetime64[ns]"),
}


class ColumnArrays:
    """The check of arrays for some columns.

    Args:
        columns: Those of the schema.
        labels: How messages name them, in the same order.
    """

    def __init__(self, columns: Sequence[Column], labels: Sequence[str]) -> None:
        self.columns = columns
        self.labels = labels
        kinds = {column.type for column in columns}
        only = next(iter(kinds)) if len(kinds) == 1 else None
        self.dtype: np.dtype[Any] | None = DTYPES[only] if isinstance(only, DataType) else None
        """Of every column; None when they differ, so that no array but one of objects can have the dtypes of all."""
        # One object for each of numpy's own dtypes in the byte order of the machine, so that `is` tells.
        self._plain = self.dtype if self.dtype is not None and self.dtype.kind in "biuf" else object()
        self._count = len(columns)

    def check(self, array: Array) -> Array:
        """The array, cast if that changes no value. Shape `(rows, columns)`, or `(rows,)` for a single column."""
        if array.ndim == 2 and array.shape[1] == self._count:
            if array.dtype is self._plain and type(array) is np.ndarray:
                return array
        elif array.ndim != 2 and not (array.ndim == 1 and self._count == 1):
            raise SchemaMismatch(
                f"An array of shape {array.shape} is given for {self._count} columns; "
                f"it must have the shape (rows, {self._count})."
            )
        elif array.ndim == 2:
            raise SchemaMismatch(
                f"An array of {array.shape[1]} columns is given for {self._count}: {', '.join(self.labels):.500}."
            )
        return self._convert(array)

    def check_sparse(self, matrix: Any) -> Any:
        """The same for a matrix of scipy. Zeros that are not stored fit every type of number."""
        if matrix.ndim != 2 or matrix.shape[1] != self._count:
            raise SchemaMismatch(f"A sparse matrix of shape {matrix.shape} is given for {self._count} columns.")
        if self.dtype is None or self.dtype.kind not in "iuf":
            raise SchemaMismatch("A sparse matrix is given for columns that are not numbers of one type.")
        if matrix.dtype == self.dtype:
            return matrix
        exact_cast(matrix.tocsr().data, self.dtype, "", f"The sparse matrix ({self.columns[0].type})")
        return matrix.astype(self.dtype)

    def _convert(self, array: Array) -> Array:
        if isinstance(array, np.ma.MaskedArray):
            if np.ma.is_masked(array):
                raise SchemaMismatch("The array has masked values; fill them, or give a data frame.")
            array = np.asarray(array)
        parts = [self._column(array if array.ndim == 1 else array[:, i], i) for i in range(self._count)]
        if self.dtype is None or self.dtype.kind in "USM":
            return array
        if any(part.dtype != self.dtype for part in parts):
            return array  # numbers with missing ones among them
        if array.dtype == self.dtype:
            return array
        return parts[0] if array.ndim == 1 else np.stack(parts, axis=1)

    def _column(self, values: Array, position: int) -> Array:
        column, label = self.columns[position], self.labels[position]
        field = column.name or ""
        if values.dtype.kind == "O":
            return object_array(values, column, label)
        if not isinstance(column.type, DataType):
            raise SchemaMismatch(f"{label}: an array of {values.dtype} is given; give a data frame or rows.", field)
        cast = exact_cast(values, DTYPES[column.type], field, label, missing=not column.required)
        if cast.dtype.kind == "M" and column.required and np.isnat(cast).any():
            raise SchemaMismatch(f"{label}: a time is missing where a value is required.", field)
        return cast


def object_array(values: Array, column: Column, label: str) -> Array:
    """Values that came as Python objects, as an array of the column's dtype where numpy has one for them.

    Missing values of optional numbers are NaN in it.
    """
    checked = object_values(values.tolist(), column, label)
    if isinstance(column.type, DataType) and DTYPES[column.type].kind in "biuf" and None not in checked:
        return np.array(checked, dtype=DTYPES[column.type])
    if column.type in (DataType.FLOAT, DataType.DOUBLE):
        return np.array(checked, dtype=DTYPES[column.type])  # numpy makes NaN of None
    if column.type in (DataType.INTEGER, DataType.LONG):
        floats = np.array(checked, dtype=np.float64)
        if all(value is None or value == number for value, number in zip(checked, floats.tolist(), strict=True)):
            return floats
        raise SchemaMismatch(
            f"{label}: integers beside missing values become float64, which has no equal for one of them.",
            column.name or "",
        )
    result = np.empty(len(checked), dtype=object)
    result[:] = checked
    return result


def object_values(values: Sequence[Any], column: Column, label: str) -> list[Any]:
    """The values, each checked; None for those that are missing where they may be."""
    check = compile_value(column.type, column.name or "")
    if column.required:
        return [check(value, f"{label}, row {row}") for row, value in enumerate(values)]
    return [None if is_missing(value) else check(value, f"{label}, row {row}") for row, value in enumerate(values)]
