"""Checks of tensors: dtype and shape. Lists become arrays; an array that fits is handed on as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures._exact import exact_cast
from milepost.models.signatures._json_values import NOT_FINITE, bytes_of, time_of
from milepost.models.signatures._shown import shown, shown_names
from milepost.models.signatures._tables import null_count
from milepost.models.signatures._value_checks import compile_value
from milepost.models.signatures.schema import DataType, Tensor

_MAX_DEPTH = 32


class TensorCheck:
    """The check of one tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._dtype = np.dtype(tensor.dtype)
        self._field = tensor.name or ""
        named = f"Tensor {tensor.name!r}" if tensor.name is not None else "The array"
        self._what = f"{named} ({tensor.dtype}, shape {list(tensor.shape)})"
        self._rank = len(tensor.shape)
        self._fixed = [(axis, size) for axis, size in enumerate(tensor.shape) if size != -1]

    def __call__(self, data: Any) -> Any:
        """The same tensor, or one of numpy with equal values in the right dtype."""
        if isinstance(data, np.ndarray):
            return self._array(data)
        if isinstance(data, list | tuple | int | float | bool | str | bytes | np.generic):
            return self._array(from_python(data, self._dtype, self._field, self._what))
        if type(data).__module__.partition(".")[0] in {"pandas", "polars", "pyarrow"}:
            return self._frame(data)
        if hasattr(data, "shape") and hasattr(data, "dtype"):
            return self._other(data)
        raise SchemaMismatch(f"{self._what}: {shown(data)} is no array. Give an array or nested lists.", self._field)

    def neutral(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same array, or one with equal values, in the neutral form of `Payload`: texts and bytes as objects."""
        if self._dtype.kind not in "US":
            if array.dtype.kind == "O" and self._dtype.kind != "O":
                _refuse_texts(set(map(type, array.flat)), self._field, self._what)
            return self._array(array)
        self._check_shape(array.shape)
        values = array.astype(object) if array.dtype.kind == self._dtype.kind else array
        wanted = str if self._dtype.kind == "U" else bytes
        for i, value in enumerate(values.flat):
            if type(value) is not wanted:
                raise SchemaMismatch(f"{self._what}: {shown(value)} is element {i}; convert it first.", self._field)
            if value[-1:] in ("\0", b"\0"):
                raise SchemaMismatch(
                    f"{self._what}: element {i} ends with a null character, which arrays of numpy drop.", self._field
                )
        return values

    def from_column(self, column: NDArray[Any]) -> NDArray[Any]:
        """The array of a table's column; one of lists, as objects, has more dimensions."""
        if column.dtype.kind == "O" and self._rank > 1 and self._dtype.kind not in "USO":
            _refuse_texts(leaf_types(column.tolist(), 0), self._field, self._what)
            column = from_python(column.tolist(), self._dtype, self._field, self._what)
        return self.neutral(column)

    def from_columns(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The array of two dimensions with all columns of a table, each cast by itself."""
        self._check_shape((len(columns[0]) if columns else 0, len(columns)))
        if self._dtype.kind in "USO":
            return self.neutral(np.stack([column.astype(object) for column in columns], axis=1))
        cast = []
        for i, column in enumerate(columns):
            what = f"{self._what}, column {i}"
            if column.dtype.kind == "O":
                _refuse_texts(set(map(type, column)), self._field, what)
                column = from_python(column.tolist(), self._dtype, self._field, what)
            cast.append(exact_cast(column, self._dtype, self._field, what))
        return self._array(np.stack(cast, axis=1)) if cast else np.empty((0, 0), dtype=self._dtype)

    def from_json(self, data: Any) -> NDArray[Any]:
        """The array of nested lists, or a single value, as JSON has them; in neutral form.

        Decimals are read in the precision of the tensor, bytes from base64, and times from ISO 8601.
        """
        return self.neutral(json_array(data, self._dtype, self._field, self._what))

    def _array(self, array: NDArray[Any]) -> NDArray[Any]:
        self._check_shape(array.shape)
        if array.dtype == self._dtype and type(array) is np.ndarray:
            return array
        if np.ma.is_masked(array):
            raise SchemaMismatch(f"{self._what}: the array has masked values; fill them.", self._field)
        if self._dtype.kind == "O":
            return array
        if array.dtype.kind == "O":
            array = from_python(array.tolist(), self._dtype, self._field, self._what)
        return exact_cast(array, self._dtype, self._field, self._what)

    def _frame(self, data: Any) -> NDArray[Any]:
        """Numbers of a data frame or series as one array, each column cast by itself."""
        nw = require("narwhals.stable.v2", "models")
        native = nw.from_native(data, eager_only=True, allow_series=True)
        self._check_shape(native.shape)
        if isinstance(native, nw.Series):
            return self._series(native)
        columns = [self._series(native[:, i]) for i in range(native.shape[1])]
        return np.stack(columns, axis=1) if columns else np.empty(native.shape, dtype=self._dtype)

    def _series(self, series: Any) -> NDArray[Any]:
        what = f"{self._what}, column {series.name!r:.100}"
        if null_count(series):
            raise SchemaMismatch(f"{what}: values are missing.", self._field)
        values = series.to_numpy()
        if values.dtype.kind == "O":
            values = from_python(values.tolist(), self._dtype, self._field, what)
        return exact_cast(values, self._dtype, self._field, what)

    def _other(self, tensor: Any) -> Any:
        """A tensor of another library, or a sparse matrix: checked by its dtype and shape, never converted."""
        self._check_shape(tuple(tensor.shape))
        name = getattr(tensor.dtype, "name", None) or str(tensor.dtype).rpartition(".")[2]
        if name != self._tensor.dtype:
            raise SchemaMismatch(
                f"{self._what}: got a {type(tensor).__name__} of {name}, which is not converted. Convert it first.",
                self._field,
            )
        return tensor

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if len(shape) != self._rank or any(shape[axis] != size for axis, size in self._fixed):
            raise SchemaMismatch(f"{self._what}: got the shape {list(shape)}. Reshape the data first.", self._field)


class TensorChecks:
    """The check of several tensors, or one that has a name: a mapping of names to arrays."""

    def __init__(self, tensors: tuple[Tensor, ...]) -> None:
        self._checks = {tensor.name: TensorCheck(tensor) for tensor in tensors}

    def __call__(self, data: Any) -> dict[Any, Any]:
        """The same tensors, each checked, in the order of the schema."""
        if not isinstance(data, Mapping):
            raise SchemaMismatch(f"Give a mapping with the arrays {list(self._checks)!r:.300}, not {_type(data)}.")
        if missing := [name for name in self._checks if name not in data]:
            raise SchemaMismatch(f"The tensors {missing!r:.300} are missing.", str(missing[0]))
        if extra := [name for name in data if name not in self._checks]:
            raise SchemaMismatch(f"The tensors {shown_names(extra)} are unknown. Leave them out.", str(extra[0]))
        return {name: check(data[name]) for name, check in self._checks.items()}


def json_array(data: Any, dtype: np.dtype[Any], field: str, what: str) -> NDArray[Any]:
    """Nested lists of JSON as an array; numbers that are not finite are texts in them."""
    kinds = leaf_types(data, 0)
    if dtype.kind == "f" and kinds <= {float, int, str}:
        return _json_floats(data, kinds, dtype, field, what)
    if dtype.kind in "biuc":
        _refuse_texts(kinds, field, what)
    if dtype.kind not in "USMO" or not kinds:
        return from_python(data, dtype, field, what)
    objects = np.array(data, dtype=object)
    if dtype.kind in "SM" and kinds == {str}:
        read = bytes_of if dtype.kind == "S" else time_of
        made = [read(text, f"{what}, element {i}", field) for i, text in enumerate(objects.flat)]
        return np.array(made, dtype=object if dtype.kind == "S" else dtype).reshape(objects.shape)
    if dtype.kind == "M":
        raise SchemaMismatch(f"{what}: JSON has times as texts of ISO 8601.", field)
    return objects


def _json_floats(data: Any, kinds: set[type], dtype: np.dtype[Any], field: str, what: str) -> NDArray[Any]:
    try:
        if str in kinds:
            data = _finite(data)
        array = np.array(data, dtype=np.float64)
    except (ValueError, OverflowError, TypeError):
        raise SchemaMismatch(
            f"{what}: the lists have different lengths, a number is too large, or a text is no number.", field
        ) from None
    if int in kinds and not (np.abs(array) < 2.0 ** (np.finfo(dtype).nmant + 1)).all():
        _check_integers(data, dtype, field, what)
    if dtype.itemsize >= array.itemsize:
        return array
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype)
    if (np.isinf(rounded) & np.isfinite(array)).any():
        raise SchemaMismatch(f"{what}: a number is too large.", field)
    return rounded


def _check_integers(data: Any, dtype: np.dtype[Any], field: str, what: str) -> None:
    """Refuses integers that have no equal; decimals have the precision of the tensor, integers one of their own."""
    with np.errstate(over="ignore"):
        for i, value in enumerate(np.array(data, dtype=object).flat):
            if type(value) is int and float(dtype.type(value)) != value:
                raise SchemaMismatch(f"{what}: element {i}, {shown(value)}, has no equal in {dtype}.", field)


def _finite(data: Any) -> Any:
    """The lists with numbers in place of the texts that stand for them."""
    if isinstance(data, list):
        return [_finite(item) for item in data]
    if isinstance(data, str):
        if data not in NOT_FINITE:
            raise ValueError
        return NOT_FINITE[data]
    return data


def from_python(data: Any, dtype: np.dtype[Any], field: str, what: str) -> NDArray[Any]:
    """Nested lists as an array of the dtype that their values have, which numpy must not make up by mixing them."""
    kinds = leaf_types(data, 0)
    if dtype.kind == "O":
        return np.array(data, dtype=object)
    try:
        if kinds and kinds <= {str, bytes}:
            _refuse_trailing_null(data, field, what)
        array = np.array(data, dtype=None if kinds else dtype) if len(kinds) <= 1 else None
        # Integers of which some need all 64 bits and some do not, or a sign, become floats.
        if array is not None and kinds == {int} and array.dtype.kind == "f":
            if dtype.kind == "u" and min(_leaves(data)) >= 0:
                return np.array(data, dtype=np.uint64)
            array = None
        if array is None or array.dtype.kind == "O":
            return _mixed(data, dtype, field, what)
        return array
    except (ValueError, OverflowError):
        raise SchemaMismatch(f"{what}: the lists have different lengths, or a number is too large.", field) from None


def _refuse_texts(kinds: set[type], field: str, what: str) -> None:
    """Refuses texts where numbers are required; numpy would give each the room of the longest."""
    if kinds & {str, bytes}:
        raise SchemaMismatch(f"{what}: texts are given. Convert them first.", field)


def _refuse_trailing_null(data: Any, field: str, what: str) -> None:
    if any(leaf[-1:] in ("\0", b"\0") for leaf in _leaves(data)):
        raise SchemaMismatch(f"{what}: a text ends with a null character, which arrays of numpy drop.", field)


def _mixed(data: Any, dtype: np.dtype[Any], field: str, what: str) -> NDArray[Any]:
    """Values of several Python types: each is checked, then they have one."""
    check = compile_value(_VALUE_TYPES.get(dtype.kind, DataType.DOUBLE), field)
    objects = np.array(data, dtype=object)
    checked = [check(value, f"{what} at {list(position)}") for position, value in np.ndenumerate(objects)]
    plain = np.array(checked) if checked else np.empty(0, dtype=dtype)
    return plain.reshape(objects.shape)


_VALUE_TYPES = {
    "b": DataType.BOOLEAN,
    "i": DataType.LONG,
    "u": DataType.LONG,
    "f": DataType.DOUBLE,
    "U": DataType.STRING,
    "S": DataType.BINARY,
    "M": DataType.DATETIME,
}


def leaf_types(data: Any, depth: int) -> set[type]:
    if depth > _MAX_DEPTH:
        raise SchemaMismatch(f"The lists nest deeper than {_MAX_DEPTH} levels.")
    if not isinstance(data, list | tuple):
        return {type(data)}
    kinds = set(map(type, data))
    if kinds & {list, tuple}:
        return set().union(*(leaf_types(item, depth + 1) for item in data))
    return kinds


def _leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, list | tuple):
        for item in data:
            yield from _leaves(item)
    else:
        yield data


def _type(data: object) -> str:
    kind = type(data)
    return f"{kind.__module__}.{kind.__qualname__}"
