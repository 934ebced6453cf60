"""Answers into Parquet, with one schema for the whole file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from milepost.errors import ModelError
from milepost.models._data_files import cells
from milepost.models._lazy import require
from milepost.models.batch.writing import check_names, joined
from milepost.models.signatures.schema import Column, DataType, Schema

# Small row groups make files large and slow to read; large ones are held in memory.
_GROUP_ROWS = 100_000
_GROUP_BYTES = 32 * 1024 * 1024

_NUMBERS = "biuf"
_TYPES = {
    DataType.BOOLEAN: "bool_",
    DataType.INTEGER: "int32",
    DataType.LONG: "int64",
    DataType.FLOAT: "float32",
    DataType.DOUBLE: "float64",
    DataType.STRING: "string",
    DataType.BINARY: "binary",
}


class ParquetWriter:
    """See `writing.Writer`.

    The schema is that of the first answer, and what comes later is cast to it where no value changes. A column of the
    first answer that has no value, or integers where the signature has floats, is of the type in the signature.

    Args:
        path: The file.
        outputs: What the model says that it answers.
    """

    def __init__(self, path: Path, outputs: Schema | None) -> None:
        self._pyarrow = require("pyarrow", "pandas")
        self._parquet = require("pyarrow.parquet", "pandas")
        self._path = path
        self._declared = _declared(self._pyarrow, outputs)
        self._schema: Any = None
        self._file: Any = None
        self._waiting: list[Any] = []

    def write(self, answer: Any, kept: Mapping[str, Any]) -> int:
        """See `Writer`."""
        columns = {name: self._array(column) for name, column in joined(answer, kept).items()}
        if self._schema is None:
            self._begin(columns)
        check_names(self._schema.names, list(columns))
        fitted = [self._fitted(one, columns[one.name]) for one in self._schema]
        table = self._pyarrow.table(fitted, schema=self._schema)
        self._waiting.append(table)
        if sum(map(len, self._waiting)) >= _GROUP_ROWS or sum(one.nbytes for one in self._waiting) >= _GROUP_BYTES:
            self._flush()
        return len(table)

    def close(self) -> None:
        """See `Writer`."""
        self._flush()
        self.abandon()

    def abandon(self) -> None:
        """Closes the file as it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(self._pyarrow.concat_tables(self._waiting).combine_chunks())
            self._waiting.clear()

    def _begin(self, columns: Mapping[str, Any]) -> None:
        self._schema = self._pyarrow.schema([(name, self._type(name, array)) for name, array in columns.items()])
        self._file = self._parquet.ParquetWriter(self._path, self._schema)

    def _type(self, name: str, array: Any) -> Any:
        declared, types = self._declared.get(name), require("pyarrow.types", "pandas")
        if declared is None:
            return array.type
        widened = types.is_integer(array.type) and types.is_floating(declared)
        return declared if types.is_null(array.type) or widened else array.type

    def _fitted(self, wanted: Any, array: Any) -> Any:
        if array.type == wanted.type:
            return array
        try:
            return array.cast(wanted.type)
        except (self._pyarrow.ArrowInvalid, self._pyarrow.ArrowNotImplementedError) as failed:
            known = "no value" if self._pyarrow.types.is_null(wanted.type) else str(wanted.type)
            raise ModelError(
                f"Column {wanted.name!r}: has {array.type} here and had {known} in the rows before, which a column of "
                f"Parquet cannot both hold without loss ({failed}). Write .csv or .jsonl, or save the model with a "
                "signature of its outputs."
            ) from None

    def _array(self, column: Any) -> Any:
        """A column of arrow. Missing values of libraries become null; NaN, which is a number, stays."""
        if isinstance(column, (self._pyarrow.Array, self._pyarrow.ChunkedArray)):
            return column
        kind = getattr(getattr(column, "dtype", None), "kind", "")
        if kind == "M":
            return self._pyarrow.array(column)
        values = column.to_numpy() if hasattr(column, "to_numpy") else column
        if kind and kind in _NUMBERS and getattr(getattr(values, "dtype", None), "kind", "") == kind:
            return self._pyarrow.array(values)
        try:
            return self._pyarrow.array(cells(column))
        except (self._pyarrow.ArrowInvalid, self._pyarrow.ArrowTypeError, OverflowError) as failed:
            raise ModelError(f"The answer has values that no column of Parquet can hold together: {failed}") from None


def _declared(pyarrow: Any, outputs: Schema | None) -> dict[str, Any]:
    columns = [one for one in outputs.fields if isinstance(one, Column)] if outputs is not None else []
    named = {one.name if one.name is not None else "prediction": one.type for one in columns}
    return {
        name: getattr(pyarrow, _TYPES[kind])()
        for name, kind in named.items()
        if isinstance(kind, DataType) and kind in _TYPES
    }
