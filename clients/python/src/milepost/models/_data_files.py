"""Batches and answers in files: `.csv`, `.json` and `.parquet`.

JSON is what scoring servers take: an object with one of `dataframe_split`, `dataframe_records`, `instances` and
`inputs`, and perhaps `params`. Numbers are read in the precision that the model's signature has for them; nothing else
is converted here. Data frames need pandas; numbers in CSV and arrays in JSON do without.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milepost.errors import MilepostError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures.schema import Column, DataType, Schema

if TYPE_CHECKING:
    from milepost.models.signatures.signature import ModelSignature

SUFFIXES = (".csv", ".json", ".parquet")

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


def check_suffixes(*paths: Path) -> None:
    """Refuses files of other formats.

    Raises:
        ValueError: A file has none of `SUFFIXES`.
    """
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{path}: the suffix says the format, and must be one of {', '.join(SUFFIXES)}.")


def read_batch(path: Path, signature: ModelSignature | None) -> Batch:
    """The batch in a file.

    Args:
        path: The file.
        signature: Of the model, whose types texts are read as.

    Raises:
        SchemaMismatch: The content is not of the format that the suffix says.
        MissingPackage: Reading it takes pandas.
        OSError: The file cannot be read.
    """
    schema = signature.inputs if signature is not None else None
    kind = path.suffix.lower()
    if kind == ".json":
        return _read_json(path, schema)
    if kind == ".csv":
        return Batch(_read_csv(path, schema))
    pandas = require("pandas", "pandas")
    require("pyarrow", "pandas")
    return Batch(_parsed(path, lambda: pandas.read_parquet(path)))


def _parsed(path: Path, parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except (OSError, MilepostError):
        raise
    except Exception as wrong:
        text = " ".join(str(wrong).split())[:300]
        raise SchemaMismatch(f"{path} cannot be read as {path.suffix.lower()[1:]}: {text}") from wrong


def _read_csv(path: Path, schema: Schema | None) -> Any:
    columns = _columns(schema)
    tensors = schema is not None and schema.is_tensors
    if tensors or find_spec("pandas") is None:
        return _parsed(path, lambda: _numbers_of_csv(path, columns))
    pandas = require("pandas", "pandas")
    # As text, "007" and "1e5" stay what they are.
    texts = {name: "str" for name, column in columns.items() if column.type in (DataType.STRING, DataType.BINARY)}
    # Before version 3, pandas took the last bit of a float lightly unless it was asked not to.
    exact = {"float_precision": "round_trip"} if int(pandas.__version__.partition(".")[0]) < 3 else {}
    frame = _parsed(path, lambda: pandas.read_csv(path, dtype=texts, **exact))
    return _typed(pandas, frame, columns)


def _numbers_of_csv(path: Path, columns: Mapping[Any, Column]) -> Any:
    """A table of numbers as an array, its columns in the order of the signature."""
    numpy = require("numpy", "models")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        names = next(rows, [])
        values = [row for row in rows if row]
    order = [names.index(name) for name in columns] if columns and set(columns) == set(names) else range(len(names))
    if columns and isinstance(order, range) and None not in columns:
        raise SchemaMismatch(f"{path} has the columns {names!r:.300}, the model takes {list(columns)!r:.300}.")
    try:
        return numpy.array([[_number(row[i]) for i in order] for row in values])
    except ValueError:
        require("pandas", "pandas")
        raise


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text) if text else math.nan


def _read_json(path: Path, schema: Schema | None) -> Batch:
    document = _parsed(path, lambda: json.loads(path.read_bytes()))
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
        return Batch(_parsed(path, lambda: _frame(given[0], value, _columns(schema))), params)
    return Batch(_parsed(path, lambda: _arrays(given[0], value, schema)), params)


def _frame(key: str, value: Any, columns: Mapping[Any, Column]) -> Any:
    pandas = require("pandas", "pandas")
    if key == "dataframe_records":
        frame = pandas.DataFrame.from_records(value)
    elif isinstance(value, dict) and value.keys() <= {"columns", "data", "index"} and "data" in value:
        frame = pandas.DataFrame(value["data"], columns=value.get("columns"), index=value.get("index"))
    else:
        raise SchemaMismatch("dataframe_split must be an object with columns, data and perhaps index.")
    return _typed(pandas, frame, columns)


def _arrays(key: str, value: Any, schema: Schema | None) -> Any:
    """One array, or one for each name: `inputs` has columns, `instances` may have rows that are objects."""
    numpy = require("numpy", "models")
    if schema is None:
        return _plain_or_array(numpy, value)
    if not schema.is_tensors and _holds_objects(value):
        pandas = require("pandas", "pandas")
        return _typed(pandas, pandas.DataFrame(value), _columns(schema))
    if key == "instances" and _holds_objects(value):
        value = {name: [row[name] for row in value] for name in value[0]}
    from milepost.models.format._example_data import decoded

    made = decoded(value, "ndarray", schema)
    kinds = {column.type for column in _columns(schema).values()}
    # Decimal text has no precision of its own. Integers are not rounded: they stay what they are, and are checked.
    return made.astype(numpy.float32) if kinds == {DataType.FLOAT} and made.dtype == numpy.float64 else made


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


def _columns(schema: Schema | None) -> dict[Any, Column]:
    return {one.name: one for one in schema.fields if isinstance(one, Column)} if schema else {}


def _typed(pandas: Any, frame: Any, columns: Mapping[Any, Column]) -> Any:
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


def _decoded(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)


def _converted(name: str, convert: Callable[[], Any]) -> Any:
    try:
        return convert()
    except (ValueError, TypeError, binascii.Error) as wrong:
        raise SchemaMismatch(f"Column {name!r}: {str(wrong)[:200]}", field=name) from None


def write_answer(answer: Any, path: Path) -> None:
    """Writes what a model answered.

    A CSV or Parquet file has the columns of a data frame or mapping; an array of one dimension becomes the column
    `prediction`, one of two the columns `0`, `1` and so on. JSON is `{"predictions": …}`, with data frames as records.

    Raises:
        ModelError: The answer is no table, and the format has no other.
        MissingPackage: Writing Parquet takes pyarrow.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        path.write_text(answer_json(answer), encoding="utf-8")
    elif kind == ".csv":
        columns = _answer_columns(answer)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    else:
        pyarrow, parquet = require("pyarrow", "pandas"), require("pyarrow.parquet", "pandas")
        parquet.write_table(pyarrow.table(_answer_columns(answer)), path)


def answer_json(answer: Any) -> str:
    """The answer as a document of JSON; NaN and the infinities are texts in it."""
    return json.dumps({"predictions": _plain(answer)}, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (str, int, type(None))):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    if _is_frame(value):
        columns = _answer_columns(value)
        return [dict(zip(columns, map(_plain, row), strict=True)) for row in zip(*columns.values(), strict=True)]
    return _plain(_listed(value))


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "__getitem__")


def _listed(value: Any) -> Any:
    """Python values of an array, a series or a scalar of numpy and libraries like it."""
    for name in ("toarray", "tolist", "to_list", "numpy", "item"):
        convert = getattr(value, name, None)
        if callable(convert):
            return convert()
    return str(value)


def _answer_columns(answer: Any) -> dict[str, Sequence[Any]]:
    if _is_frame(answer):
        return {str(name): _cells(answer[name]) for name in answer.columns}
    if isinstance(answer, Mapping):
        return {str(name): _cells(column) for name, column in answer.items()}
    values = _cells(answer)
    if values and isinstance(values[0], dict):
        return {str(name): [row.get(name) for row in values] for name in values[0]}
    if values and all(isinstance(row, (list, tuple)) and len(row) == len(values[0]) for row in values):
        return {str(i): list(column) for i, column in enumerate(zip(*values, strict=True))}
    return {"prediction": values}


def _cells(column: Any) -> list[Any]:
    found = column
    while not isinstance(found, (list, tuple, str, int, float, bytes, type(None), Mapping)):
        found = _listed(found)
    return list(found) if isinstance(found, (list, tuple)) else [found]
