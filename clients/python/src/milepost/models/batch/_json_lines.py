"""Pieces of JSON Lines: each line an object with the values of a row by column, or the row of an array."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from milepost.errors import SchemaMismatch
from milepost.models._data_files import arrays, columns_of, frame, parsed
from milepost.models.batch.reading import Piece, check_kept, share_read
from milepost.models.signatures.schema import Schema


def read_json_lines(path: Path, schema: Schema | None, rows: int, keep: Sequence[str]) -> Iterator[Piece]:
    """The rows of a file of JSON Lines: data frames of pandas for objects, arrays for all else."""
    with path.open("rb") as file:
        values = _values(path, file)
        empty = True
        while some := list(islice(values, rows)):
            if empty:
                check_kept(keep, list({name: None for row in some if isinstance(row, dict) for name in row}), path)
            yield _piece(path, some, schema, keep, share_read(file))
            empty = False
        if empty:
            raise SchemaMismatch(f"{path}: has no rows.")


def _values(path: Path, file: BinaryIO) -> Iterator[Any]:
    for number, line in enumerate(iter(file.readline, b""), 1):  # the file's own iterator would hide its position
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as wrong:
                raise SchemaMismatch(f"{path}, line {number}: is not JSON: {wrong}") from None


def _piece(path: Path, rows: list[Any], schema: Schema | None, keep: Sequence[str], share: float) -> Piece:
    objects = sum(isinstance(row, dict) for row in rows)
    if objects not in (0, len(rows)):
        raise SchemaMismatch(f"{path}: some lines are objects, and some are not.")
    kept = {name: [row.get(name) for row in rows] for name in keep}
    columns = columns_of(schema)
    dropped = {name for name in keep if columns and None not in columns and name not in columns}
    if dropped:
        rows = [{name: value for name, value in row.items() if name not in dropped} for row in rows]
    if objects and not (schema is not None and schema.is_tensors):
        found = parsed(path, lambda: frame("dataframe_records", rows, columns))
        for name, column in columns.items():  # in other pieces they may have values
            if name is not None and not column.required and name not in found.columns:
                found[name] = None
    else:
        found = parsed(path, lambda: arrays("instances", rows, schema))
    return Piece(found, len(rows), share, kept)
