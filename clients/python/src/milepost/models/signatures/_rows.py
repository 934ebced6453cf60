"""Tables from plain Python: lists of mappings, mappings of lists, lists of lists. They become a pandas data frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures._column_arrays import ColumnArrays, object_array, object_values
from milepost.models.signatures._value_checks import shown
from milepost.models.signatures.schema import Column, DataType

_SCALARS = (DataType.BOOLEAN, DataType.INTEGER, DataType.LONG, DataType.FLOAT, DataType.DOUBLE)
# The one Python type for which numpy's own conversion keeps each value, or overflows; and the dtype of that conversion.
# numpy 1 cuts integers that are too large for 32 bits.
_PLAIN: dict[DataType, tuple[type, type]] = {
    DataType.BOOLEAN: (bool, np.bool_),
    DataType.INTEGER: (int, np.int64),
    DataType.LONG: (int, np.int64),
    DataType.DOUBLE: (float, np.float64),
}


class Rows:
    """Makes data frames of rows, or of columns that are lists.

    Args:
        arrays: The check of the same columns.
    """

    def __init__(self, arrays: ColumnArrays) -> None:
        self._arrays = arrays
        self._columns = arrays.columns
        self._labels = arrays.labels
        self._names: list[str] | None = None
        if arrays.columns[0].name is not None:
            self._names = [str(column.name) for column in arrays.columns]
        self._known = set(self._names or ())
        self._all_required = all(column.required for column in arrays.columns)
        # Columns of one dtype are one block of a data frame, which is made ten times faster.
        self._block = arrays.columns[0].type if arrays.dtype is not None else None
        self._index: Any = None
        self._get = _getter(self._names or [])

    def from_rows(self, rows: Sequence[Any]) -> Any:
        """A data frame of rows that are mappings or lists, all of them the same."""
        if not rows:
            raise SchemaMismatch("The data have no rows. Give at least one, or a data frame without rows.")
        kinds = set(map(type, rows))
        if all(issubclass(kind, Mapping) for kind in kinds):
            return self._from_mappings(rows)
        if all(issubclass(kind, list | tuple) for kind in kinds):
            lengths = list(map(len, rows))
            if set(lengths) != {len(self._columns)}:
                number = next(i for i, length in enumerate(lengths) if length != len(self._columns))
                raise SchemaMismatch(
                    f"Row {number} has {lengths[number]} values for {len(self._columns)} columns: "
                    f"{', '.join(self._labels):.500}."
                )
            return self._from_lists(rows)
        raise SchemaMismatch(
            "Rows must be mappings of names to values, or lists, not "
            f"{', '.join(sorted(kind.__name__ for kind in kinds)):.200}."
        )

    def from_mapping(self, data: Mapping[str, Any]) -> Any:
        """A data frame of a mapping of lists; a mapping of values is one row."""
        if self._names is None:
            raise SchemaMismatch("The model's columns have no names. Give an array or a list of rows.")
        if not self._holds_columns(data):
            return self._from_mappings([data])
        self._check_names(data, "The data")
        values = {name: self._listed(data[name], name) for name in self._names if name in data}
        lengths = {name: len(column) for name, column in values.items()}
        if len(set(lengths.values())) > 1:
            raise SchemaMismatch(f"The columns have different lengths: {lengths!r:.300}.")
        if len(values) == len(self._names) and not any(isinstance(column, np.ndarray) for column in values.values()):
            return self._from_lists(list(zip(*values.values(), strict=True)))
        return self._frame(values)

    def _holds_columns(self, data: Mapping[str, Any]) -> bool:
        """Whether values are columns: an array, or a list where the column's own type is none."""
        for column in self._columns:
            value = data.get(str(column.name))
            if isinstance(column.type, DataType) and value is not None:
                return isinstance(value, list | tuple | np.ndarray)
        return False

    def _listed(self, values: Any, name: str) -> Any:
        if isinstance(values, np.ndarray) and values.ndim == 1:
            return values
        if isinstance(values, list | tuple):
            return values
        raise SchemaMismatch(
            f"Column {name!r}: {shown(values)} where a list or an array of one dimension is required.", name
        )

    def _from_mappings(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        names = self._names
        if names is None:
            raise SchemaMismatch("The model's columns have no names. Give an array or a list of lists.")
        for number, row in enumerate(rows):
            if row.keys() != self._known:
                self._check_names(row, f"Row {number}")
        if self._all_required:
            return self._from_lists(list(map(self._get, rows)))
        present = [name for name in names if any(name in row for row in rows)]
        return self._frame({name: [row.get(name) for row in rows] for name in present})

    def _check_names(self, data: Mapping[str, Any], what: str) -> None:
        if extra := [name for name in data if name not in self._known]:
            raise SchemaMismatch(f"{what} has the unknown columns {extra!r:.300}. Leave them out.", str(extra[0]))
        missing = [str(column.name) for column in self._columns if column.required and column.name not in data]
        if missing:
            raise SchemaMismatch(
                f"{what} has no value for the columns {missing!r:.300}, which are required.", missing[0]
            )

    def _from_lists(self, rows: Sequence[Sequence[Any]]) -> Any:
        plain, dtype = _PLAIN.get(self._block, (None, None)) if isinstance(self._block, DataType) else (None, None)
        if plain is not None and all(kinds == {plain} for kinds in map(_types, rows)):
            try:
                block = np.array(rows, dtype=dtype)
            except OverflowError:
                pass  # found again below, by its column
            else:
                return self._block_frame(self._arrays.check(block))
        columns = list(zip(*rows, strict=True))
        return self._frame(
            dict(enumerate(columns)) if self._names is None else dict(zip(self._names, columns, strict=True))
        )

    def _block_frame(self, block: Any) -> Any:
        pandas = require("pandas", "pandas")
        if self._index is None:
            self._index = pandas.RangeIndex(len(self._columns)) if self._names is None else pandas.Index(self._names)
        return pandas.DataFrame(block, columns=self._index)

    def _frame(self, values: Mapping[Any, Any]) -> Any:
        pandas = require("pandas", "pandas")
        by_name: dict[Any, tuple[Column, str]] = {
            column.name if column.name is not None else i: (column, label)
            for i, (column, label) in enumerate(zip(self._columns, self._labels, strict=True))
        }
        return pandas.DataFrame({name: _column(column, *by_name[name]) for name, column in values.items()}, copy=False)


def _types(row: Sequence[Any]) -> set[type]:
    return set(map(type, row))


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the values of a row in order; `itemgetter` of one name does not give a tuple."""
    return itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)


def _column(values: Any, column: Column, label: str) -> Any:
    """What pandas makes a column of: an array of the right dtype, or a list of checked values."""
    kind = column.type
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return ColumnArrays([column], [label]).check(values)
    if kind in _SCALARS and isinstance(kind, DataType):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return object_array(array, column, label)
    return object_values(list(values), column, label)
