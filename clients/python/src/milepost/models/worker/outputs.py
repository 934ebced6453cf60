"""What models answer, as payloads. No library is imported for it: who has such an answer has done so."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from milepost.models.worker.payload import Array, Payload
from milepost.models.worker.plain import NotSendable

_TABLES = ("DataFrame", "LazyFrame", "RecordBatch", "Table")
_SCALARS = (str, bytes, bool, int, float, type(None))
_NUMBERS = {bool: np.bool_, int: np.int64, float: np.float64}


def answer_payload(answer: Any) -> Payload:
    """The payload of an answer.

    Arrays, tensors, sparse matrices and single columns become `array`; mappings of such `arrays`; data frames `frame`;
    a list of numbers of one type `array`; everything else that JSON has `value`.

    Raises:
        NotSendable: There is no form for it; the message names its type.
    """
    if isinstance(answer, list):
        numbers = _numbers(answer)
        return Payload("value", value=answer) if numbers is None else Payload("array", [numbers])
    if isinstance(answer, _SCALARS):
        return Payload("value", value=answer)
    array = _array(answer)
    if array is not None:
        return Payload("array", [array])
    if isinstance(answer, Mapping):
        return _mapping(answer)
    if isinstance(answer, tuple):
        return Payload("value", value=list(answer))
    return _frame(answer)


def _mapping(answer: Mapping[Any, Any]) -> Payload:
    """Arrays where all members are arrays, else a value, whose arrays become lists."""
    arrays = {str(name): _array(value) for name, value in answer.items()}
    if arrays and len(arrays) == len(answer) and all(array is not None for array in arrays.values()):
        return Payload("arrays", [array for array in arrays.values() if array is not None], tuple(arrays))
    members = {
        str(name): value if array is None else array.tolist()
        for (name, value), array in zip(answer.items(), arrays.values(), strict=True)
    }
    return Payload("value", value=members)


def _numbers(items: list[Any]) -> Array | None:
    kinds = set(map(type, items))
    if len(kinds) != 1 or (dtype := _NUMBERS.get(kinds.pop())) is None:
        return None
    try:
        return np.array(items, dtype=dtype)
    except OverflowError:
        return None


def _array(value: Any) -> Array | None:
    """Arrays of any library; None for what is no array."""
    if isinstance(value, np.ndarray):
        return _plain_array(value)
    if isinstance(value, np.generic):
        return np.asarray(value)
    package = type(value).__module__.partition(".")[0]
    if package == "torch" and hasattr(value, "detach"):
        tensor = value.detach().cpu()
        return np.asarray(tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor)
    if package == "scipy" and hasattr(value, "toarray"):
        return np.asarray(value.toarray())
    if package in ("pandas", "polars", "pyarrow"):
        return None if type(value).__name__ in _TABLES or not hasattr(value, "to_numpy") else _column(value)
    if hasattr(value, "__array__") and hasattr(value, "dtype") and hasattr(value, "shape"):  # TensorFlow, JAX, CuPy
        return np.asarray(value)
    return None


def _plain_array(array: Array) -> Array:
    if np.ma.isMaskedArray(array) and np.ma.is_masked(array):
        raise NotSendable("An array has masked values. Fill them before you answer with it.")
    return np.asarray(array)


def _frame(answer: Any) -> Payload:
    kind = type(answer)
    package = kind.__module__.partition(".")[0]
    if package == "pandas" and kind.__name__ == "DataFrame":
        return _pandas(answer)
    if package == "polars" and kind.__name__ == "DataFrame":
        return Payload("frame", [_column(column) for column in answer.get_columns()], tuple(answer.columns))
    if package == "pyarrow" and kind.__name__ in _TABLES:
        return Payload("frame", [_column(column) for column in answer.columns], tuple(answer.schema.names))
    raise NotSendable(
        f"The model answered with a {kind.__module__}.{kind.__qualname__}, which cannot be sent. Answer with arrays, "
        "data frames, mappings of arrays, or what JSON has."
    )


def _pandas(frame: Any) -> Payload:
    positions = type(frame.columns).__name__ == "RangeIndex"
    names = None if positions else tuple(str(name) for name in frame.columns)
    dtypes = set(frame.dtypes)
    if len(dtypes) == 1 and isinstance(dtype := dtypes.pop(), np.dtype) and dtype.kind in "biuf":
        return Payload("frame", [frame.to_numpy()], names, block=True)
    return Payload("frame", [_column(frame.iloc[:, i]) for i in range(frame.shape[1])], names)


def _column(series: Any) -> Array:
    """Values of a column; times in nanoseconds of UTC, missing ones None where numpy has no other."""
    if getattr(getattr(series, "dtype", None), "tz", None) is not None:  # of pandas
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if type(series).__module__.startswith("pandas"):
        return _pandas_column(series)
    values = np.asarray(_to_numpy(series))
    return _nanoseconds(values) if values.dtype.kind == "M" else values


def _to_numpy(column: Any) -> Any:
    """Values of a column of polars or pyarrow; the latter wants to be allowed to copy what is not numpy's already."""
    if type(column).__name__ == "ChunkedArray" or not type(column).__module__.startswith("pyarrow"):
        return column.to_numpy()
    return column.to_numpy(zero_copy_only=False)


def _pandas_column(series: Any) -> Array:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind != "O":
        values = np.asarray(series.to_numpy())
        return _nanoseconds(values) if values.dtype.kind == "M" else values
    missing = sys.modules["pandas"].isna(series)
    if not np.any(missing):
        return np.asarray(series.to_numpy())
    values = np.array(series.astype(object), dtype=object)  # else integers would become floats
    values[np.asarray(missing)] = None
    return values


def _nanoseconds(times: Array) -> Array:
    exact = times.astype("datetime64[ns]")
    if not np.array_equal(exact.astype(times.dtype), times, equal_nan=True):
        raise NotSendable("A time is before 1677 or after 2262, which nanoseconds cannot count.")
    return exact
