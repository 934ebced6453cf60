"""Tables as CSV: a header, and cells that are read as the model's signature says. Nothing is guessed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models.signatures._column_values import objects
from milepost.models.signatures._json_values import NOT_FINITE, bytes_of, single, time_of
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.bad_input import Checked, bad_input, malformed
from milepost_server.serving.checks.contract import Contract

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)
_NAN = {**NOT_FINITE, "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_TRUTH = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}

Read = Callable[[str, str, str], Any]
"""Takes a cell that is not empty, its place and its field."""


def read(body: bytes, contract: Contract) -> Payload:
    """The batch of a body with a header row. An empty cell is a missing value.

    | type | cells |
    |---|---|
    | integer, long | digits, with a sign perhaps |
    | float, double | decimal numbers; `NaN`, `Infinity`, `-Infinity`, `nan`, `inf`, `-inf` |
    | boolean | `true` and `false`, also `True` and `TRUE` |
    | datetime | ISO 8601 |
    | binary | base64 |
    | string | anything; an empty cell is the empty text where a value is required |
    | tensors; no signature | numbers; texts where there is no signature and a cell is no number |

    Raises:
        InvalidArgument: `MALFORMED_BODY`: it is no CSV; `BAD_MODEL_INPUT`: a cell is not of its column's type.
    """
    names, rows = _parsed(body)
    if not contract.is_checked:
        types = [""] * len(names)
    elif contract.positional and contract.takes_columns and len(names) == len(contract.inputs):
        types = [spec.dtype for spec in contract.inputs]
    elif not contract.takes_columns:
        only = contract.inputs[0].dtype if len(contract.inputs) == 1 else ""
        types = [only or _tensor_type(contract, name) for name in names]
    else:
        types = [spec.dtype if (spec := contract.input_by_name.get(name)) else "" for name in names]
    required = {spec.name: spec.required for spec in contract.inputs}
    columns: dict[str, Array] = {}
    with Checked():
        for at, (name, kind) in enumerate(zip(names, types, strict=True)):
            cells = [row[at] for row in rows]
            columns[name] = _column(cells, kind, name, required.get(name, True))
    return contract.from_columns(columns)


def _tensor_type(contract: Contract, name: str) -> str:
    spec = contract.input_by_name.get(name)
    return spec.dtype if spec is not None else ""


def _parsed(body: bytes) -> tuple[list[str], list[list[str]]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed("The CSV is no UTF-8.") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as wrong:
        raise malformed(f"The body is no CSV: {wrong}.") from None
    if not rows:
        raise malformed("The CSV is empty. Give a header and at least one row.")
    names, *rows = rows
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise bad_input(f"The CSV has the column {twice!r:.100} more than once.", twice)
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise malformed(f"Row {number} of the CSV has {len(row)} cells; the header has {len(names)}.")
    return names, rows


def _column(cells: Sequence[str], kind: str, name: str, required: bool) -> Array:
    if kind == "":
        return _guessed(cells)
    label = f"Column {name!r:.100} ({kind})"
    if kind == "str":
        return objects([cell if cell or required else None for cell in cells])
    if kind == "object":
        raise SchemaMismatch(f"{label}: CSV has no lists and objects. Send JSON.", name)
    read_cell = _reader(kind)
    values = [read_cell(cell, f"{label}, row {row}", name) if cell else None for row, cell in enumerate(cells)]
    if kind.startswith("datetime64"):
        return np.array(values, dtype="datetime64[ns]")
    if None not in values and kind in ("float64", "float32", "int64", "bool"):
        return np.array(values, dtype=kind)
    return objects(values)


def _guessed(cells: Sequence[str]) -> Array:
    """Of a column that no signature tells about: integers, or decimals, else texts."""
    if all(_INTEGER.fullmatch(cell) for cell in cells) and cells:
        numbers = list(map(int, cells))
        if all(-(2**63) <= number < 2**63 for number in numbers):
            return np.array(numbers, dtype=np.int64)
    if all(not cell or cell in _NAN or _DECIMAL.fullmatch(cell) for cell in cells) and any(cells):
        return np.array([_NAN[cell] if cell in _NAN else float(cell) if cell else np.nan for cell in cells])
    return objects([cell or None for cell in cells])


def _reader(kind: str) -> Read:
    if kind in _READERS:
        return _READERS[kind]
    if kind.startswith(("int", "uint")):
        return _integer
    if kind.startswith("datetime64"):
        return lambda cell, where, field: time_of(cell, where, field)
    if kind == "bytes":
        return bytes_of
    return _decimal


def _integer(cell: str, where: str, field: str) -> int:
    if not _INTEGER.fullmatch(cell):
        raise SchemaMismatch(f"{where}: the cell is no integer.", field)
    return int(cell)


def _decimal(cell: str, where: str, field: str) -> float:
    if cell in _NAN:
        return _NAN[cell]
    number = float(cell) if _DECIMAL.fullmatch(cell) else None
    if number is None or number in (float("inf"), float("-inf")):
        raise SchemaMismatch(f"{where}: the cell is no number of this type.", field)
    return number


def _single(cell: str, where: str, field: str) -> float:
    return single(_decimal(cell, where, field))


def _boolean(cell: str, where: str, field: str) -> bool:
    if cell not in _TRUTH:
        raise SchemaMismatch(f"{where}: the cell is neither true nor false.", field)
    return _TRUTH[cell]


_READERS: Mapping[str, Read] = {"bool": _boolean, "float32": _single, "float64": _decimal}
