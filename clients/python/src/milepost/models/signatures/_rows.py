"""Tables from plain Python: lists of mappings, mappings of lists, lists of lists. They become neutral frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models.signatures._column_arrays import ColumnArrays
from milepost.models.signatures._column_values import column_values, plain_array
from milepost.models.signatures._frames import frame
from milepost.models.signatures._json_values import Decode, compile_decode
from milepost.models.signatures._shown import shown, shown_names
from milepost.models.signatures.schema import DataType
from milepost.models.worker.payload import Array, Payload


class Rows:
    """Makes frames of rows, or of columns.

    Args:
        arrays: The check of the same columns.
        json: Whether values are as JSON has them, see `compile_decode`.
    """

    def __init__(self, arrays: ColumnArrays, *, json: bool = False) -> None:
        self._arrays = arrays
        self._columns = arrays.columns
        self._labels = arrays.labels
        self._json = json
        self._decodes: list[Decode | None] = [
            compile_decode(column.type, column.name or "") if json else None for column in arrays.columns
        ]
        self._names: tuple[str, ...] | None = None
        if arrays.columns[0].name is not None:
            self._names = tuple(str(column.name) for column in arrays.columns)
        self._positions = {name: i for i, name in enumerate(self._names or ())}
        only = arrays.columns[0].type if arrays.dtype is not None else None
        self._only = only if isinstance(only, DataType) else None
        self._get = _getter(self._names or ())

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        """The frame of rows that are mappings or lists, all of them the same."""
        if not rows:
            raise SchemaMismatch("The data have no rows. Give at least one, or a data frame without rows.")
        kinds = set(map(type, rows))
        if all(issubclass(kind, Mapping) for kind in kinds):
            return self._from_mappings(rows)
        if all(issubclass(kind, list | tuple) for kind in kinds):
            self._check_lengths(rows, len(self._columns))
            return self._from_lists(rows)
        raise SchemaMismatch(
            "Rows must be mappings of names to values, or lists, not "
            f"{', '.join(sorted(kind.__name__ for kind in kinds)):.200}."
        )

    def from_table(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Payload:
        """The frame of rows that are lists, whose values have these names."""
        if not rows:
            raise SchemaMismatch("The data have no rows. Give at least one.")
        self._check_lengths(rows, len(names))
        if self._names is None or tuple(names) == self._names:
            self._check_lengths(rows, len(self._columns))
            return self._from_lists(rows)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SchemaMismatch(f"The data have the column {shown_names([twice])} more than once.", twice)
        return self.from_columns(dict(zip(names, zip(*rows, strict=True), strict=True)))

    def from_mapping(self, data: Mapping[str, Any]) -> Payload:
        """The frame of a mapping of lists or arrays; a mapping of values is one row."""
        if self._names is None:
            raise SchemaMismatch("The model's columns have no names. Give an array or a list of rows.")
        if not self._holds_columns(data):
            return self._from_mappings([data])
        self._check_names(data, "The data")
        return self.from_columns({name: self._listed(column, name) for name, column in data.items()})

    def from_columns(self, columns: Mapping[str, Any]) -> Payload:
        """The frame of columns that are sequences or arrays of one dimension, by their names or positions as texts."""
        names = self._names or tuple(map(str, range(len(self._columns))))
        self._check_names(columns, "The data")
        present = tuple(name for name in names if name in columns)
        lengths = {name: len(columns[name]) for name in present}
        if len(set(lengths.values())) > 1:
            raise SchemaMismatch(f"The columns have different lengths: {lengths!r:.300}.")
        values = [columns[name] for name in present]
        lists = not any(isinstance(column, np.ndarray) for column in values)
        if lists and len(values) == len(names) and any(lengths.values()):
            return self._from_lists(list(zip(*values, strict=True)))
        return self._frame(present, values)

    def _holds_columns(self, data: Mapping[str, Any]) -> bool:
        """Whether values are columns: an array, or a list where the column's own type is none."""
        for column in self._columns:
            value = data.get(str(column.name))
            if isinstance(column.type, DataType) and value is not None:
                return isinstance(value, list | tuple | np.ndarray)
        return False

    def _listed(self, values: Any, name: str) -> Any:
        if isinstance(values, list | tuple) or (isinstance(values, np.ndarray) and values.ndim == 1):
            return values
        raise SchemaMismatch(
            f"Column {name!r}: {shown(values)} where a list or an array of one dimension is required.", name
        )

    def _from_mappings(self, rows: Sequence[Mapping[str, Any]]) -> Payload:
        names = self._names
        if names is None:
            raise SchemaMismatch("The model's columns have no names. Give an array or a list of lists.")
        known = self._positions.keys()
        complete = True
        for number, row in enumerate(rows):
            if row.keys() != known:
                self._check_names(row, f"Row {number}")
                complete = False
        if complete:
            return self._from_lists(list(map(self._get, rows)))
        present = tuple(name for name in names if any(name in row for row in rows))
        return self._frame(present, [[row.get(name) for row in rows] for name in present])

    def _check_names(self, data: Mapping[str, Any], what: str) -> None:
        known = self._positions if self._names is not None else set(map(str, range(len(self._columns))))
        if extra := [name for name in data if name not in known]:
            raise SchemaMismatch(f"{what} has the unknown columns {shown_names(extra)}. Leave them out.", str(extra[0]))
        missing = [
            str(column.name if column.name is not None else i)
            for i, column in enumerate(self._columns)
            if column.required and (column.name if column.name is not None else str(i)) not in data
        ]
        if missing:
            raise SchemaMismatch(
                f"{what} has no value for the columns {missing!r:.300}, which are required.", missing[0]
            )

    def _check_lengths(self, rows: Sequence[Sequence[Any]], count: int) -> None:
        if set(map(len, rows)) != {count}:
            number = next(i for i, row in enumerate(rows) if len(row) != count)
            raise SchemaMismatch(
                f"Row {number} has {len(rows[number])} values for {count} columns: {', '.join(self._labels):.500}."
            )

    def _from_lists(self, rows: Sequence[Sequence[Any]]) -> Payload:
        block = self._plain_block(rows)
        if block is not None:
            return Payload("frame", (self._arrays.check(block),), self._names, block=True)
        names = self._names or tuple(map(str, range(len(self._columns))))
        return self._frame(names, list(zip(*rows, strict=True)))

    def _plain_block(self, rows: Sequence[Sequence[Any]]) -> Array | None:
        """All values as one array, where numpy's own conversion changes none of them."""
        if self._only is None:
            return None
        return plain_array(rows, set(map(type, chain.from_iterable(rows))), self._only, json=self._json)

    def _frame(self, names: tuple[str, ...], columns: Sequence[Any]) -> Payload:
        if not names:
            raise SchemaMismatch("The data have none of the model's columns. Give one of them at least.")
        arrays = []
        for i, (name, values) in enumerate(zip(names, columns, strict=True)):
            at = i if self._names is None else self._positions[name]
            column, label = self._columns[at], self._labels[at]
            arrays.append(column_values(values, column, label, self._decodes[at], json=self._json))
        return frame(names if self._names is not None else None, arrays)


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the values of a row in order; `itemgetter` of one name does not give a tuple."""
    return itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)
