"""Answers as JSON: numbers are written so that they are read as the same; NaN and the infinities are texts."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson

from milepost.models._data_files import plain as plain_value
from milepost.models.worker.payload import Array, Payload
from milepost_server.errors import Unimplemented
from milepost_server.serving.codecs.times import iso_texts

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


def plain(value: Any) -> Any:
    """A value that a model gave as JSON has it.

    Raises:
        Unimplemented: It nests so deep that no JSON library would read it.
    """
    try:
        return plain_value(value)
    except RecursionError:
        raise Unimplemented("The model's answer nests too deep for JSON.") from None


def dumps(value: Any) -> bytes:
    """JSON of what `of_payload`, `of_array` and `plain` give."""
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError:  # integers of more than 64 bits, lone surrogates, many levels
        return json.dumps(value, default=lists, allow_nan=False, separators=(",", ":")).encode()


def of_payload(answer: Payload) -> Any:
    """What `dumps` takes: frames as records, `arrays` as an object of nested lists."""
    if answer.form == "array":
        return of_array(answer.arrays[0])
    if answer.form == "value":
        return plain(answer.value)
    if answer.form == "arrays":
        return {name: of_array(array) for name, array in zip(answer.names or (), answer.arrays, strict=True)}
    return _records(answer)


def of_array(array: Array) -> Any:
    """The array itself where orjson writes it as it should, else nested lists."""
    kind = array.dtype.kind
    if array.ndim and (kind in "iub" or (kind == "f" and array.dtype.itemsize in (4, 8) and np.isfinite(array).all())):
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)
    return lists(array)


def lists(array: Array) -> Any:
    """Nested lists of values that JSON has."""
    kind = array.dtype.kind
    if kind in "iub":
        return array.tolist()
    if kind == "f":
        return _floats(array)
    if kind == "M":
        return iso_texts(array)
    return plain(array.tolist() if kind in "OUS" else array.astype(str).tolist())


def _floats(array: Array) -> Any:
    # The shortest text of a narrow float is that of no double next to it, so it is read again as one.
    doubles = array if array.dtype.itemsize == 8 else array.astype(str).astype(np.float64)
    values = doubles.tolist()
    return values if np.isfinite(doubles).all() else _texts(values)


def _texts(values: Any) -> Any:
    if isinstance(values, list):
        return [_texts(value) for value in values]
    if math.isfinite(values):
        return values
    return "NaN" if math.isnan(values) else "Infinity" if values > 0 else "-Infinity"


def _records(answer: Payload) -> list[dict[str, Any]]:
    if answer.block:
        rows = lists(answer.arrays[0])
        width = answer.arrays[0].shape[1]
    else:
        rows = zip(*map(lists, answer.arrays), strict=True)
        width = len(answer.arrays)
    names = answer.names if answer.names is not None else tuple(map(str, range(width)))
    return [dict(zip(names, row, strict=True)) for row in rows]
