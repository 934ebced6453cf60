"""Input examples as files of a model: `input_example.json`, and `serving_input_example.json`, which servers take.

The files and the descriptor's `saved_input_example_info` are MLflow's. JSON has no bytes, times and missing numbers:
they are base64, ISO 8601 and null there, and the model's signature says what they are when they are read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

if TYPE_CHECKING:
    from milepost.models.format.descriptor import ModelDescriptor

EXAMPLE_FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"

_FRAMES = {"pandas", "polars", "pyarrow"}
_FIELD = "saved_input_example_info"
_MAX_BYTES = 64 * 1024 * 1024


def split_example(example: Any) -> tuple[Any, Mapping[str, Any] | None]:
    """The data and the params of an example, which is the data, or a pair of data and a mapping of params."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], Mapping):
        return example
    return example, None


def write_example(folder: Path, example: Any) -> dict[str, Any]:
    """Writes both files.

    Args:
        folder: The model's folder.
        example: A data frame, array, sparse matrix, mapping of arrays, or what JSON has; or a pair of one and params.

    Returns:
        What the descriptor says of them.

    Raises:
        ModelFormatError: A value has no form in JSON.
        MissingPackage: numpy, or narwhals for data frames, is not installed.
    """
    data, params = split_example(example)
    try:
        info, content, serving = _encoded(data)
        encoded = _json(params)
    except RecursionError:
        raise ModelFormatError("The input example holds itself, or nests too deep for JSON.") from None
    serving_content = serving
    if params is not None:
        content = {"inputs": content, "params": encoded}
        serving_content = {**serving, "params": encoded}
        info["params"] = "true"
    _write(folder / EXAMPLE_FILE, content)
    _write(folder / SERVING_FILE, serving_content)
    return {"artifact_path": EXAMPLE_FILE, "serving_input_path": SERVING_FILE, **info}


def read_example(folder: Path, descriptor: ModelDescriptor) -> tuple[Any, dict[str, Any] | None]:
    """The example of a model and its params, None without.

    A data frame comes back as one of pandas, whatever wrote it.

    Raises:
        ModelFormatError: The model has no example, or it cannot be read.
        MissingPackage: pandas or scipy is not installed, and the example is a data frame or a sparse matrix.
    """
    from milepost.models.format._example_data import decoded

    info = descriptor.input_example
    if info is None:
        raise ModelFormatError("MLmodel: saved_input_example_info is missing: the model has no input example.")
    path = inside(folder, info.get("artifact_path"), f"{_FIELD}.artifact_path")
    content, params = _read(path), None
    if info.get("params"):
        if not isinstance(content, dict) or not isinstance(content.get("params"), dict) or "inputs" not in content:
            raise ModelFormatError(f"{path.name} must have the keys inputs and params, both of the example.")
        content, params = content["inputs"], content["params"]
    schema = descriptor.signature.inputs if descriptor.signature is not None else None
    try:
        return decoded(content, info.get("type"), schema), params
    except (SchemaMismatch, ValueError, TypeError, KeyError, IndexError, OverflowError) as wrong:
        raise ModelFormatError(f"{path.name} is no example of the kind {info.get('type')!r:.50}: {wrong}") from wrong


def _encoded(data: Any) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """What the descriptor says, the content of the example, and of the request to a server."""
    np = require("numpy", "models")
    package = type(data).__module__.partition(".")[0]
    if package in _FRAMES:
        split = _split(data)
        return {"type": "dataframe", "pandas_orient": "split" if "columns" in split else "values"}, split, {
            "dataframe_split": split
        }  # fmt: skip
    if package == "scipy":
        kind = "sparse_matrix_csc" if getattr(data, "format", "") == "csc" else "sparse_matrix_csr"
        matrix = data.tocsc() if kind == "sparse_matrix_csc" else data.tocsr()
        parts = {name: _json(getattr(matrix, name)) for name in ("data", "indices", "indptr")}
        return {"type": kind}, {**parts, "shape": list(matrix.shape)}, {"inputs": _json(matrix.toarray())}
    if not isinstance(data, np.ndarray | np.generic) and hasattr(data, "__array__"):
        data = np.asarray(data)
    arrays = isinstance(data, Mapping) and bool(data) and all(isinstance(part, np.ndarray) for part in data.values())
    content = _json(data)
    return {"type": "ndarray" if arrays or isinstance(data, np.ndarray) else "json_object"}, content, {
        "inputs": content
    }  # fmt: skip


def _split(data: Any) -> dict[str, Any]:
    """The columns and rows of a data frame or series; no names where the columns are only numbered."""
    nw = require("narwhals.stable.v2", "models")
    native = nw.from_native(data, eager_only=True, allow_series=True)
    if isinstance(native, nw.Series):
        names, columns = [native.name], [native.to_list()]
    else:
        names = list(native.columns)
        columns = [native.get_column(name).to_list() for name in names]
    rows = [[None if _is_nan(value) else _json(value) for value in row] for row in zip(*columns, strict=True)]
    numbered = names in ([None], list(range(len(names))))
    return {"data": rows} if numbered else {"columns": names, "data": rows}


def _json(value: Any) -> Any:
    """A value in JSON: NaN in arrays is null, times are ISO 8601, bytes base64."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ModelFormatError(f"The input example has keys that are no texts: {list(value)!r:.200}.")
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, date):
        return None if value != value else value.isoformat()  # pandas' NaT is a date, and not itself
    return _numpy_json(value)


def _numpy_json(value: Any) -> Any:
    np = require("numpy", "models")
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "Mm":
            return np.datetime_as_string(value).tolist() if value.dtype.kind == "M" else _refuse(value)
        if value.dtype.kind not in "biufUSO" or (value.dtype.itemsize > 8 and value.dtype.kind in "fiu"):
            return _refuse(value)
        if value.dtype.kind == "f" and np.isnan(value).any():
            return np.where(np.isnan(value), None, value).tolist()
        return _json(value.tolist()) if value.dtype.kind in "OS" else value.tolist()
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return value.item()
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return _refuse(value)


def _refuse(value: Any) -> Any:
    kind = f"array of {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
    raise ModelFormatError(
        f"The input example has a value that JSON cannot hold, a {kind}. Leave it out or convert it."
    )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _write(path: Path, content: Any) -> None:
    try:
        path.write_text(json.dumps(content), encoding="utf-8")
    except (ValueError, RecursionError) as wrong:
        raise ModelFormatError(f"The input example cannot be written as JSON: {wrong}") from None


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ModelFormatError(f"{path.name} has more than {_MAX_BYTES:,} bytes.")
        return json.loads(content)
    except (OSError, ValueError, RecursionError) as wrong:
        raise ModelFormatError(f"{path.name} is not JSON that can be read: {wrong}") from None
