"""Checks of data frames of pandas, polars and pyarrow. One whose types fit is handed on as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures._column_arrays import DTYPES, ColumnArrays, object_array, object_values
from milepost.models.signatures._exact import exact_cast
from milepost.models.signatures.schema import Column, DataType

_NUMBERS = (DataType.INTEGER, DataType.LONG, DataType.FLOAT, DataType.DOUBLE)
# pandas has these as dtypes of numpy without missing values, or with NaN, which is a value of a float.
_NUMPY = {kind: DTYPES[kind] for kind in (DataType.BOOLEAN, *_NUMBERS)}
_EXACT = {
    DataType.INTEGER: "Int32",
    DataType.LONG: "Int64",
    DataType.FLOAT: "Float32",
    DataType.DOUBLE: "Float64",
}
_SMALL = {"Int8", "Int16", "UInt8", "UInt16"}
# Types of columns that stay where they are, so that only the type can say that no value will change.
_FITTING = {
    DataType.BOOLEAN: {"Boolean"},
    DataType.INTEGER: _SMALL | {"Int32"},
    DataType.LONG: _SMALL | {"Int32", "UInt32", "Int64"},
    DataType.FLOAT: _SMALL | {"Float32"},
    DataType.DOUBLE: _SMALL | {"Int32", "UInt32", "Float32", "Float64"},
    DataType.STRING: {"String", "Categorical", "Enum"},
    DataType.BINARY: {"Binary"},
    DataType.DATETIME: {"Datetime", "Date"},
}
_NONE = object()  # equal to no dtype; None is, to float64


class Tables:
    """The check of data frames and series.

    Args:
        arrays: The check of the same columns.
    """

    def __init__(self, arrays: ColumnArrays) -> None:
        self._columns = arrays.columns
        self._labels = arrays.labels
        self._names: list[str] | None = None
        if arrays.columns[0].name is not None:
            self._names = [str(column.name) for column in arrays.columns]
        self._expected = [_NUMPY.get(column.type, _NONE) for column in arrays.columns]  # type: ignore[arg-type]
        self._by_name = {
            column.name: (column, label) for column, label in zip(arrays.columns, arrays.labels, strict=True)
        }

    def check_pandas(self, frame: Any) -> Any:
        """The same frame, or one with columns reordered or cast."""
        if self._names is None or frame.columns.tolist() == self._names:
            dtypes = frame.dtypes.tolist()
            if dtypes == self._expected:
                return frame
        return self.check(frame)

    def check(self, frame: Any) -> Any:
        """The same frame, or one of the same library with columns reordered or cast."""
        nw = _narwhals()
        arrow = type(frame).__module__.partition(".")[0] == "pyarrow"
        names = list(frame.column_names if arrow else frame.columns)
        wanted = self._select(names)
        table = nw.from_native(frame, eager_only=True)
        if wanted != names:
            table = table.select(wanted)
        changed = []
        for i, name in enumerate(wanted):
            column, label = (self._columns[i], self._labels[i]) if self._names is None else self._by_name[name]
            series = table.get_column(name)
            checked = check_series(series, column, label)
            if checked is not series:
                changed.append(checked)
        if changed:
            table = table.with_columns(changed)
        elif wanted == names:
            return frame
        return table.to_native()

    def check_lazy(self, frame: Any, lazy: Any) -> Any:
        """The same for a frame whose values are elsewhere, such as Spark's.

        Its types must be those of the columns or narrower ones. Missing values, and those inside of lists and structs,
        are not looked at.
        """
        schema = lazy.collect_schema()
        names = list(schema)
        wanted = self._select(names)
        for i, name in enumerate(wanted):
            column, label = (self._columns[i], self._labels[i]) if self._names is None else self._by_name[name]
            kind = column.type
            if isinstance(kind, DataType) and type(schema[name]).__name__ not in _FITTING[kind]:
                raise SchemaMismatch(
                    f"{label}: got {schema[name]}, which is not converted. Convert the column first.", str(name)
                )
        return frame if wanted == names else lazy.select(wanted).to_native()

    def _select(self, names: list[Any]) -> list[Any]:
        """The frame's columns that the model takes, in the model's order."""
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SchemaMismatch(f"The data have the column {twice!r:.100} more than once. Rename one.", str(twice))
        if self._names is None:
            if len(names) != len(self._columns):
                raise SchemaMismatch(f"The data have {len(names)} columns; the model takes {len(self._columns)}.")
            return names
        known, given = set(self._names), set(names)
        missing = [str(column.name) for column in self._columns if column.required and column.name not in given]
        if missing:
            raise SchemaMismatch(
                f"The data have no columns {missing!r:.300}, which are required; they have {names!r:.300}.", missing[0]
            )
        if extra := [name for name in names if name not in known]:
            raise SchemaMismatch(
                f"The data have the columns {extra!r:.300}, which the model does not know. Leave them out.",
                str(extra[0]),
            )
        return [name for name in self._names if name in given]


def check_series(series: Any, column: Column, label: str) -> Any:
    """A narwhals series, or one with equal values in the column's type."""
    nw = _narwhals()
    kind, field = column.type, column.name or ""
    objects = getattr(series.to_native(), "dtype", None) == np.dtype(object)
    if not isinstance(kind, DataType):
        object_values(series.to_list(), column, label)
        return series
    if objects:
        return _check_objects(series, column, label)
    dtype = series.dtype
    if kind in _NUMBERS and dtype.is_numeric() and not dtype.is_decimal():
        return _check_numbers(series, column, label)
    fits = {
        DataType.BOOLEAN: (nw.Boolean,),
        DataType.STRING: (nw.String, nw.Categorical, nw.Enum),
        DataType.BINARY: (nw.Binary,),
        DataType.DATETIME: (nw.Datetime, nw.Date),
    }.get(kind, ())
    nulls = series.null_count()
    if not isinstance(dtype, fits) and not (nulls == len(series) and not column.required):
        raise SchemaMismatch(f"{label}: got {dtype}, which is not converted. Convert the column first.", field)
    _refuse_nulls(nulls, column, label)
    return series


def _check_objects(series: Any, column: Column, label: str) -> Any:
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    checked = object_array(values, column, label)
    return series if checked.dtype == object else _replaced(series, checked)


def _check_numbers(series: Any, column: Column, label: str) -> Any:
    nulls = null_count(series)
    _refuse_nulls(nulls, column, label)
    kind = column.type
    if isinstance(kind, DataType) and type(series.dtype).__name__ == _EXACT[kind]:
        return series
    values = (series.drop_nulls() if nulls else series).to_numpy()
    checked = exact_cast(values, DTYPES[kind], column.name or "", label, missing=not column.required)  # type: ignore[index]
    return series if nulls or checked is values else _replaced(series, checked)


def null_count(series: Any) -> int:
    """How many values are missing. NaN in a column that has a dtype of numpy is a value, as it is in polars."""
    if isinstance(getattr(series.to_native(), "dtype", None), np.dtype):
        return 0
    count: int = series.null_count()
    return count


def _replaced(series: Any, values: Any) -> Any:
    nw = _narwhals()
    return nw.new_series(series.name, values, backend=series.implementation)


def _refuse_nulls(nulls: int, column: Column, label: str) -> None:
    if nulls and column.required:
        raise SchemaMismatch(f"{label}: {nulls:,} missing values where each is required.", column.name or "")


def _narwhals() -> Any:
    return require("narwhals.stable.v2", "models")
