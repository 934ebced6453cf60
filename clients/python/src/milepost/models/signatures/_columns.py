"""The check of inputs that are columns, by the kind of object that the caller gives."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures._column_arrays import ColumnArrays, object_values
from milepost.models.signatures._rows import Rows
from milepost.models.signatures._shown import shown
from milepost.models.signatures._tables import Tables, check_series
from milepost.models.signatures._value_checks import compile_value
from milepost.models.signatures.schema import Column, ColumnType, DataType, MapType, ObjectType
from milepost.models.worker.inputs import model_input


class ColumnsCheck:
    """The check for columns. Callable."""

    def __init__(self, columns: Sequence[Column]) -> None:
        labels = [label_of(column, i) for i, column in enumerate(columns)]
        self._first, self._label = columns[0], labels[0]
        self._single = len(columns) == 1
        # One column without a name is a batch of values, not a table.
        self._values = self._single and columns[0].name is None
        self._arrays = ColumnArrays(columns, labels)
        self._tables = Tables(self._arrays)
        self._rows = Rows(self._arrays)
        self._check_one = compile_value(columns[0].type, columns[0].name or "")

    def __call__(self, data: Any) -> Any:
        """The data, checked; see `compile_inputs`."""
        if isinstance(data, np.ndarray):
            return self._arrays.check(data)
        pandas = sys.modules.get("pandas")  # who has a frame of pandas has imported it
        if pandas is not None and isinstance(data, pandas.DataFrame):
            return self._tables.check_pandas(data)
        if isinstance(data, list | tuple):
            if self._values:
                return object_values(data, self._first, self._label)
            return model_input(self._rows.from_rows(data))
        if isinstance(data, Mapping) and not self._takes_mapping():
            return model_input(self._rows.from_mapping(data))
        return self._other(data)

    def _takes_mapping(self) -> bool:
        return self._values and isinstance(self._first.type, MapType | ObjectType)

    def _other(self, data: Any) -> Any:
        package = type(data).__module__.partition(".")[0]
        if package == "scipy" and hasattr(data, "tocsr"):
            return self._arrays.check_sparse(data)
        if package in {"pandas", "polars", "pyarrow", "pyspark"}:
            return self._frame(data)
        if self._values:
            return self._check_one(data, self._label)
        raise SchemaMismatch(
            f"{shown(data)} is given for {len(self._arrays.columns)} columns. "
            "Give a data frame, an array of two dimensions, or a list of rows."
        )

    def _frame(self, data: Any) -> Any:
        nw = require("narwhals.stable.v2", "models")
        native = nw.from_native(data, allow_series=True, pass_through=True)
        if isinstance(native, nw.DataFrame):
            return self._tables.check(data)
        if isinstance(native, nw.LazyFrame):
            return self._tables.check_lazy(data, native)
        if isinstance(native, nw.Series) and self._single:
            checked = check_series(native, self._first, self._label)
            return data if checked is native else checked.to_native()
        raise SchemaMismatch(f"{type(data).__name__} is given for {len(self._arrays.columns)} columns.")


def label_of(column: Column, position: int) -> str:
    """How messages name a column, such as `Column 'age' (long)`."""
    return f"Column {column.name if column.name is not None else position!r} ({_type_name(column.type)})"


def _type_name(column_type: ColumnType) -> str:
    if isinstance(column_type, DataType):
        return column_type.value
    return type(column_type).__name__.removesuffix("Type").lower()
