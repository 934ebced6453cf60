"""Batches and answers as values of JSON, and what is read out of texts in general.

A document is what scoring servers take: an object with one of `dataframe_split`, `dataframe_records`, `instances` and
`inputs`, and perhaps `params`. Numbers are read in the precision that the model's signature has for them; nothing else
is converted here. Data frames need pandas; arrays do without.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from milepost.errors import MilepostError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures.schema import Column, DataType, Schema

_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(frozen=True)
class Batch:
    """What a file asks.

    Args:
        data: A data frame, an array, or a mapping of arrays.
        params: Params that stand in the file.
    """

    data: Any
    params: Mapping[str, Any] = field(default_factory=dict)


def parsed(path: Path, parse: Callable[[], Any]) -> Any:
    """What `parse` gives; whatever a parser raises becomes `SchemaMismatch`."""
    try:
        return parse()
    except (OSError, MilepostError):
        raise
    except Exception as wrong:
        text = " ".join(str(wrong).split())[:300]
        raise SchemaMismatch(f"{path} cannot be read as {path.suffix.lower()[1:]}: {text}") from wrong


def read_json(path: Path, schema: Schema | None) -> Batch:
    """The batch in a document of JSON.

    Args:
        path: The file.
        schema: Of the model's inputs, whose types texts are read as.

    Raises:
        SchemaMismatch: The content is no such document.
        MissingPackage: Reading it takes pandas.
        OSError: The file cannot be read.
    """
    document = parsed(path, lambda: json.loads(path.read_bytes()))
    if isinstance(document, list):
        document = {"dataframe_records" if document and isinstance(document[0], dict) else "instances": document}
    given = [key for key in _KEYS if isinstance(document, dict) and key in document]
    if len(given) != 1:
        raise SchemaMismatch(f"{path} must be an object with one of {', '.join(_KEYS)}; it has {len(given)} of them.")
    if unknown := document.keys() - {given[0], "params"}:
        raise SchemaMismatch(f"{path} has the unknown keys {sorted(unknown)!r:.200}.")
    params = document.get("params") or {}
    if not isinstance(params, dict):
        raise SchemaMismatch(f"{path}: params must be an object.", field="params")
    value = document[given[0]]
    if given[0].startswith("dataframe"):
        return Batch(parsed(path, lambda: frame(given[0], value, columns_of(schema))), params)
    return Batch(parsed(path, lambda: arrays(given[0], value, schema)), params)


def frame(key: str, value: Any, columns: Mapping[Any, Column]) -> Any:
    """The data frame that stands in a document below `dataframe_records` or `dataframe_split`."""
    pandas = require("pandas", "pandas")
    if key == "dataframe_records":
        made = pandas.DataFrame.from_records(value)
    elif isinstance(value, dict) and value.keys() <= {"columns", "data", "index"} and "data" in value:
        made = pandas.DataFrame(value["data"], columns=value.get("columns"), index=value.get("index"))
    else:
        raise SchemaMismatch("dataframe_split must be an object with columns, data and perhaps index.")
    return typed(pandas, made, columns)


def arrays(key: str, value: Any, schema: Schema | None) -> Any:
    """One array, or one for each name: `inputs` has columns, `instances` may have rows that are objects."""
    numpy = require("numpy", "models")
    if schema is None:
        return _plain_or_array(numpy, value)
    if not schema.is_tensors and _holds_objects(value):
        pandas = require("pandas", "pandas")
        return typed(pandas, pandas.DataFrame(value), columns_of(schema))
    if key == "instances" and _holds_objects(value):
        value = {name: [row[name] for row in value] for name in value[0]}
    from milepost.models.format._example_data import decoded

    made = decoded(value, "ndarray", schema)
    return single_precision(numpy, made, schema)


def single_precision(numpy: Any, values: Any, schema: Schema | None) -> Any:
    """Numbers that were read out of decimal text, which has no precision of its own, in that of the model.

    Integers are not rounded: they stay what they are, and are checked.
    """
    kinds = {one.type if isinstance(one, Column) else one.dtype for one in schema.fields} if schema else set()
    single = kinds in ({DataType.FLOAT}, {"float32"})
    return values.astype(numpy.float32) if single and values.dtype == numpy.float64 else values


def _plain_or_array(numpy: Any, value: Any) -> Any:
    """An array of what is numbers; all else as JSON has it, since nothing says what the model takes."""
    if isinstance(value, dict):
        return {name: _plain_or_array(numpy, one) for name, one in value.items()}
    if not isinstance(value, list) or _holds_objects(value):
        return value
    try:
        made = numpy.array(value)
    except ValueError:  # lists of different lengths
        return value
    return made if made.dtype.kind in "biuf" else value


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def columns_of(schema: Schema | None) -> dict[Any, Column]:
    """The columns of a schema by name; none for tensors."""
    return {one.name: one for one in schema.fields if isinstance(one, Column)} if schema else {}


def typed(pandas: Any, frame: Any, columns: Mapping[Any, Column]) -> Any:
    """The frame with what text has no types for: single precision, times, bytes."""
    for name, column in columns.items():
        if name is None or name not in frame.columns:
            continue
        series = frame[name]
        if column.type is DataType.FLOAT and series.dtype == "float64":
            frame[name] = series.astype("float32")
        elif column.type is DataType.DATETIME and not series.empty:
            frame[name] = _converted(name, partial(pandas.to_datetime, series, format="ISO8601"))
        elif column.type is DataType.BINARY:
            frame[name] = _converted(name, partial(series.map, _decoded))
    return frame


def _decoded(text: Any) -> bytes | None:
    if text is None or text != text:  # missing
        return None
    return base64.b64decode(text, validate=True)


def _converted(name: str, convert: Callable[[], Any]) -> Any:
    try:
        return convert()
    except (ValueError, TypeError, binascii.Error) as wrong:
        raise SchemaMismatch(f"Column {name!r}: {str(wrong)[:200]}", field=name) from None


def answer_json(answer: Any) -> str:
    """The answer as a document of JSON; NaN and the infinities are texts in it."""
    return json.dumps({"predictions": plain(answer)}, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON has it; bytes are base64, and what is no number of JSON is a text."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (str, int, type(None))):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date):
        return value.isoformat() if value == value else None  # pandas has one that is missing
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    if _is_frame(value):
        return answer_rows(answer_columns(value))
    return plain(_listed(value))


def answer_rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of columns, as JSON values."""
    rows = zip(*map(cells, columns.values()), strict=True)
    return [dict(zip(columns, map(plain, row), strict=True)) for row in rows]


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "__getitem__")


def _listed(value: Any) -> Any:
    """Python values of an array, a series or a scalar of numpy and libraries like it."""
    for name in ("toarray", "tolist", "to_list", "to_pylist", "numpy", "item"):
        convert = getattr(value, name, None)
        if callable(convert):
            return convert()
    return str(value)


def answer_columns(answer: Any) -> dict[str, Any]:
    """An answer as columns of equal length, which `cells` lists.

    They are those of a data frame or mapping; an array of one dimension becomes the column `prediction`, one of two the
    columns `0`, `1` and so on.
    """
    if _is_frame(answer):
        return {str(name): answer[name] for name in answer.columns}
    if isinstance(answer, Mapping):
        return {str(name): column for name, column in answer.items()}
    dimensions = answer.ndim if hasattr(answer, "dtype") and not hasattr(answer, "toarray") else 0
    if dimensions == 2:
        return {str(at): answer[:, at] for at in range(answer.shape[1])}
    if dimensions == 1:
        return {"prediction": answer}
    values = cells(answer)
    if values and isinstance(values[0], dict):
        return {str(name): [row.get(name) for row in values] for name in values[0]}
    if values and all(isinstance(row, (list, tuple)) and len(row) == len(values[0]) for row in values):
        return {str(at): list(column) for at, column in enumerate(zip(*values, strict=True))}
    return {"prediction": values}


def cells(column: Any) -> list[Any]:
    """The values of a column as values of Python."""
    found = column
    while not isinstance(found, (list, tuple, str, int, float, bytes, type(None), Mapping)):
        found = _listed(found)
    return list(found) if isinstance(found, (list, tuple)) else [found]
