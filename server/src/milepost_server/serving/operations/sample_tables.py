"""Requests and their answers as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from milepost.models.signatures._column_values import objects
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs.arrow_columns import to_arrow
from milepost_server.serving.operations.sample_columns import Types, arrow_column, arrow_types, repeated

# A table with more columns is slow to write and to read; the values of a row are one list then.
_MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """A request and its answer.

    Args:
        time_ns: When it was answered, since the epoch.
        model: Name that the model is served under.
        version: Number of the version that answered.
        call_id: Names the call in logs.
        contract: Of that version.
        given: The batch.
        answer: What it answered.
    """

    time_ns: int
    model: str
    version: int
    call_id: str
    contract: Contract
    given: Payload
    answer: Payload


def to_table(sample: Sample) -> pa.Table:
    """A row for each row of the batch; one row when the answer does not have as many.

    The columns are those of the batch, by the names of the signature, or by position (`0`, `1`, ...) where it has none;
    then the answer: `prediction`, `prediction_0`, ... for an array of two dimensions, `prediction_NAME` for several
    outputs; then `_milepost_time`, `_milepost_model`, `_milepost_version`, `_milepost_call_id`, and `_milepost_row`,
    the position in the request. What Arrow has no one type for is a text of JSON.

    Raises:
        ArrowException: There are values that a table cannot hold.
        TypeError: So.
        ValueError: So.
    """
    rows = sample.given.rows
    whole = rows is None or rows != sample.answer.rows
    count = 1 if whole else rows or 0
    signature, inputs = sample.contract.signature, sample.contract.inputs
    taken = arrow_types(signature.inputs if signature is not None else None)
    made = arrow_types(signature.outputs if signature is not None else None)
    given = dict(_columns(sample.given, taken, whole=whole))
    columns: dict[str, pa.Array] = {}
    if sample.given.form == "frame" and sample.given.names is not None:
        # Columns that the caller left out, as it may, so that all requests have the same.
        for name, known in taken.items():
            _add(columns, name, given.pop(name) if name in given else pa.nulls(count, known or pa.large_string()))
    for name, values in given.items():
        _add(columns, name or (inputs[0].name if inputs else "input"), values)
    for name, values in _columns(sample.answer, made, whole=whole):
        _add(columns, f"prediction_{name}" if name else "prediction", values)
    return pa.table(columns | _metadata(sample, count))


def _metadata(sample: Sample, count: int) -> dict[str, pa.Array]:
    times = to_arrow(np.full(count, sample.time_ns, np.int64).view("datetime64[ns]"))
    return {
        "_milepost_time": times.cast(pa.timestamp("ns", "UTC")),
        "_milepost_model": repeated(sample.model, count),
        "_milepost_version": to_arrow(np.full(count, sample.version, np.int64)),
        "_milepost_call_id": repeated(sample.call_id, count),
        "_milepost_row": to_arrow(np.arange(count, dtype=np.int64)),
    }


def _add(columns: dict[str, pa.Array], name: str, values: pa.Array) -> None:
    """Adds a column; one whose name is taken, or looks like ours, gets `_` behind it."""
    while name in columns or name.startswith("_milepost_"):
        name = f"{name.lstrip('_')}_"
    columns[name] = values


def _columns(payload: Payload, types: Types, *, whole: bool) -> Iterable[tuple[str, pa.Array]]:
    """Names and values; the name is empty for values that have none."""
    if payload.form == "value":
        return _value_columns(payload.value, types, whole=whole)
    arrays: Sequence[Array] = list(payload.arrays[0].T) if payload.block else payload.arrays
    names = payload.names
    if payload.form == "array" and arrays[0].ndim == 2 and arrays[0].shape[1] <= _MOST_COLUMNS and not whole:
        arrays = list(arrays[0].T)
    elif payload.form == "array":
        names = ("",)
    if names is None:
        names = tuple(map(str, range(len(arrays))))
    if whole:
        arrays = [array[np.newaxis] for array in arrays]
    return [(name, arrow_column(array, types, name)) for name, array in zip(names, arrays, strict=True)]


def _value_columns(value: Any, types: Types, *, whole: bool) -> Iterable[tuple[str, pa.Array]]:
    rows = [value] if whole else value
    names = list(rows[0]) if rows and isinstance(rows[0], dict) and not whole else []
    if names and all(isinstance(row, dict) and list(row) == names for row in rows):
        return [(str(name), arrow_column(objects([row[name] for row in rows]), types, str(name))) for name in names]
    return [("", arrow_column(objects(rows), types, "0"))]
