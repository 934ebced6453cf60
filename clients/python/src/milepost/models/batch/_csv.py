"""Pieces of CSV files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from milepost.errors import SchemaMismatch
from milepost.models._data_files import columns_of, parsed, single_precision, typed
from milepost.models._lazy import require
from milepost.models.batch.reading import Piece, check_kept, share_read
from milepost.models.signatures.schema import Column, DataType, Schema


def read_csv(path: Path, schema: Schema | None, rows: int, keep: Sequence[str]) -> Iterator[Piece]:
    """The rows of a CSV file: data frames of pandas, or arrays where the model takes tensors or pandas is not here."""
    tensors = schema is not None and schema.is_tensors
    with path.open("rb") as file:
        if tensors or find_spec("pandas") is None:
            with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
                for count, array in _read_numbers(path, text, schema, rows, keep):
                    yield Piece(array, count, share_read(file))
        else:
            yield from _read_frames(path, file, columns_of(schema), rows, keep)


def _read_frames(
    path: Path, file: BinaryIO, columns: Mapping[Any, Column], rows: int, keep: Sequence[str]
) -> Iterator[Piece]:
    pandas = require("pandas", "pandas")
    unknown = [name for name in keep if columns and None not in columns and name not in columns]
    # As text, "007" and "1e5" stay what they are.
    texts = [name for name, column in columns.items() if column.type in (DataType.STRING, DataType.BINARY)]
    # Before version 3, pandas took the last bit of a float lightly unless it was asked not to.
    exact = {"float_precision": "round_trip"} if int(pandas.__version__.partition(".")[0]) < 3 else {}
    dtypes = dict.fromkeys([*texts, *unknown], "str")
    options = {"dtype": dtypes, "low_memory": False, "chunksize": rows, **exact}
    chunks = parsed(path, lambda: pandas.read_csv(file, **options))
    kinds: dict[Any, str] = {}
    while (chunk := parsed(path, lambda: next(chunks, None))) is not None:
        frame = chunk.reset_index(drop=True)
        check_kept(keep, list(frame.columns), path)
        _check_kinds(pandas, frame, [name for name in frame.columns if name not in dtypes], kinds, columns)
        kept = {name: _kept(frame[name]) for name in keep}
        yield Piece(typed(pandas, frame.drop(columns=unknown), columns), len(frame), share_read(file), kept)


def _check_kinds(
    pandas: Any, frame: Any, names: Sequence[Any], kinds: dict[Any, str], columns: Mapping[Any, Column]
) -> None:
    """Refuses a column that the signature does not have, and that is told to be text here and numbers before."""
    for name in names:
        series = frame[name]
        if name in columns or not series.notna().any():
            continue
        types = pandas.api.types
        kind = (
            "truth values" if types.is_bool_dtype(series) else "numbers" if types.is_numeric_dtype(series) else "text"
        )
        if kinds.setdefault(name, kind) != kind:
            raise SchemaMismatch(
                f"Column {name!r}: has {kind} where it had {kinds[name]} before. Give the model a signature, which "
                "says what the column holds, or ask for all rows at once.",
                field=str(name),
            )


def _kept(series: Any) -> Any:
    """A column to be written: what is missing is None."""
    if series.dtype.kind in "biuf":
        return series
    return series.astype(object).where(series.notna(), None).tolist()


def _read_numbers(
    path: Path, text: TextIO, schema: Schema | None, rows: int, keep: Sequence[str]
) -> Iterator[tuple[int, Any]]:
    """A table of numbers as arrays, with their numbers of rows, their columns in the order of the signature."""
    numpy = require("numpy", "models")
    if keep:
        raise SchemaMismatch(f"{path}: columns are kept of data frames only, and the model takes arrays.", keep[0])
    columns = columns_of(schema)
    lines = csv.reader(text)
    names = parsed(path, lambda: next(lines, []))
    order = _order(path, names, columns)
    filled = (row for row in lines if row)
    first = True
    while (values := parsed(path, lambda: list(islice(filled, rows)))) or first:
        array = parsed(path, lambda values=values: _array(numpy, values, order))  # type: ignore[misc]
        yield len(values), single_precision(numpy, array, schema)
        first = False


def _order(path: Path, names: list[str], columns: Mapping[Any, Column]) -> Sequence[int]:
    if columns and set(columns) == set(names):
        return [names.index(name) for name in columns]
    if columns and None not in columns:
        raise SchemaMismatch(f"{path} has the columns {names!r:.300}, the model takes {list(columns)!r:.300}.")
    return range(len(names))


def _array(numpy: Any, values: list[list[str]], order: Sequence[int]) -> Any:
    try:
        return numpy.array([[_number(row[at]) for at in order] for row in values])
    except ValueError:
        require("pandas", "pandas")
        raise


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text) if text else math.nan
