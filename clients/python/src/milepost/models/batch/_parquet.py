"""Pieces of Parquet files, of which never more than a piece, and a page of each column, is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import SchemaMismatch
from milepost.models._data_files import parsed
from milepost.models._lazy import require
from milepost.models.batch.reading import Piece, check_kept
from milepost.models.signatures.schema import Schema

_READ_BYTES = 1024 * 1024


def read_parquet(path: Path, schema: Schema | None, rows: int, keep: Sequence[str]) -> Iterator[Piece]:
    """The rows of a Parquet file as data frames of pandas."""
    require("pandas", "pandas")
    parquet = require("pyarrow.parquet", "pandas")
    # Otherwise whole column chunks are read, and those of all row groups ahead.
    with parsed(path, lambda: parquet.ParquetFile(path, pre_buffer=False, buffer_size=_READ_BYTES)) as file:
        check_kept(keep, file.schema_arrow.names, path)
        known = {one.name for one in schema.fields} if schema is not None else set()
        unknown = [name for name in keep if known and name not in known]
        floats = _integers_with_nulls(file)
        total, done = file.metadata.num_rows, 0
        batches = file.iter_batches(batch_size=rows)
        while (batch := parsed(path, lambda: next(batches, None))) is not None:
            done += batch.num_rows
            yield _piece(path, batch, floats, unknown, keep, done / total)
        if total == 0:
            yield _piece(path, file.schema_arrow.empty_table(), floats, unknown, keep, 1.0)


def _piece(path: Path, table: Any, floats: Sequence[str], unknown: list[str], keep: Sequence[str], share: float) -> Any:
    kept = {name: table.column(name) for name in keep}
    given = table.drop_columns(unknown) if unknown else table
    for name in floats:
        if name not in unknown:
            given = _as_floats(given, name)
    frame = parsed(path, given.to_pandas)
    return Piece(frame, len(frame), share, kept)


def _integers_with_nulls(file: Any) -> list[str]:
    """Columns of integers that pandas would have as floats in pieces with nulls, and as integers in others."""
    types = require("pyarrow.types", "pandas")
    names = [one.name for one in file.schema_arrow if types.is_integer(one.type) and one.nullable]
    places = {file.schema.column(at).path: at for at in range(len(file.schema))}
    return [name for name in names if _may_have_nulls(file.metadata, places.get(name))]


def _may_have_nulls(metadata: Any, place: int | None) -> bool:
    if place is None:
        return True
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_null_count or statistics.null_count:
            return True
    return False


def _as_floats(table: Any, name: str) -> Any:
    pyarrow = require("pyarrow", "pandas")
    place = table.schema.get_field_index(name)
    try:
        values = table.column(place).cast(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        raise SchemaMismatch(
            f"Column {name!r}: has integers beyond 2**53 and missing values, which no column of pandas has without "
            "loss. Fill the missing values.",
            field=name,
        ) from None
    return table.set_column(place, name, values)
