"""Checks of single Python values against column types. A value passes, or its exact equal of the right type does."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models.signatures._shown import shown, shown_key, shown_names
from milepost.models.signatures.schema import AnyType, ArrayType, ColumnType, DataType, MapType, ObjectType, VectorType

Check = Callable[[Any, str], Any]
"""Takes a value and its place, such as `Column 'tags'[2]`; gives the value or raises `SchemaMismatch`."""

_RANGES = {DataType.INTEGER: (-(2**31), 2**31 - 1), DataType.LONG: (-(2**63), 2**63 - 1)}


def compile_value(column_type: ColumnType, field: str) -> Check:
    """The check for one type.

    Args:
        column_type: What the value must be.
        field: Column or param that errors name.
    """
    if isinstance(column_type, DataType):
        return _compile_scalar(column_type, field)
    if isinstance(column_type, ArrayType):
        return _compile_array(compile_value(column_type.items, field), field)
    if isinstance(column_type, VectorType):
        return _compile_vector(compile_value(ArrayType(DataType.DOUBLE), field))
    if isinstance(column_type, MapType):
        return _compile_map(compile_value(column_type.values, field), field)
    if isinstance(column_type, ObjectType):
        return _compile_object(column_type, field)
    return lambda value, where: value


def is_missing(value: object) -> bool:
    """Whether a value stands for none: None, NaN, and pandas' NA and NaT."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return type(value).__name__ in {"NAType", "NaTType"} or (isinstance(value, np.datetime64) and bool(np.isnat(value)))


def _compile_scalar(kind: DataType, field: str) -> Check:
    convert = _SCALARS[kind]
    if kind in _RANGES:
        low, high = _RANGES[kind]

        def check_integer(value: Any, where: str) -> Any:
            number = _integer(value)
            if number is None:
                raise _refused(value, where, kind, field)
            if not low <= number <= high:
                raise SchemaMismatch(f"{where}: {shown(value)} does not fit into {kind.value}.", field)
            return number

        return check_integer

    def check(value: Any, where: str) -> Any:
        converted = convert(value)
        if converted is None:
            raise _refused(value, where, kind, field)
        return converted

    return check


def _refused(value: Any, where: str, kind: DataType, field: str) -> SchemaMismatch:
    if value is None or (is_missing(value) and kind not in (DataType.FLOAT, DataType.DOUBLE)):
        return SchemaMismatch(f"{where}: {shown(value)} where a value is required.", field)
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    hint = "Values are never rounded or cut." if number else "Convert it first."
    return SchemaMismatch(f"{where}: {shown(value)} has no equal in {kind.value}. {hint}", field)


def _boolean(value: Any) -> bool | None:
    return bool(value) if isinstance(value, bool | np.bool_) else None


def _integer(value: Any) -> int | None:
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == math.floor(value):
        return int(value)
    return None


def _double(value: Any) -> float | None:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if number == value or number != number else None


def _single(value: Any) -> float | None:
    number = _double(value)
    if number is None or not math.isfinite(number):
        return number
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        return None
    return number if rounded == number else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _binary(value: Any) -> Any:
    return value if isinstance(value, bytes | bytearray | memoryview) else None


def _datetime(value: Any) -> Any:
    return value if isinstance(value, date | np.datetime64) and not is_missing(value) else None


_SCALARS: dict[DataType, Callable[[Any], Any]] = {
    DataType.BOOLEAN: _boolean,
    DataType.INTEGER: _integer,
    DataType.LONG: _integer,
    DataType.FLOAT: _single,
    DataType.DOUBLE: _double,
    DataType.STRING: _string,
    DataType.BINARY: _binary,
    DataType.DATETIME: _datetime,
}


def _compile_array(check_item: Check, field: str) -> Check:
    def check(value: Any, where: str) -> Any:
        if isinstance(value, np.ndarray):
            if value.ndim == 0:
                raise SchemaMismatch(f"{where}: an array without dimensions where a list is required.", field)
            value = list(value)  # of scalars of the array's dtype, or of the next dimension
        if not isinstance(value, list | tuple):
            raise SchemaMismatch(f"{where}: {shown(value)} where a list is required.", field)
        return [check_item(item, f"{where}[{i}]") for i, item in enumerate(value)]

    return check


def _compile_vector(check_list: Check) -> Check:
    def check(value: Any, where: str) -> Any:
        # A vector of Spark, dense or sparse, stays one.
        if hasattr(value, "toArray"):
            check_list(value.toArray(), where)
            return value
        return check_list(value, where)

    return check


def _compile_map(check_value: Check, field: str) -> Check:
    def check(value: Any, where: str) -> Any:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise SchemaMismatch(f"{where}: {shown(value)} where a mapping with texts as keys is required.", field)
        return {key: check_value(item, f"{where}{shown_key(key)}") for key, item in value.items()}

    return check


def _compile_object(column_type: ObjectType, field: str) -> Check:
    members = {member.name: (compile_value(member.type, field), member) for member in column_type.properties}

    def check(value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise SchemaMismatch(f"{where}: {shown(value)} where a mapping is required.", field)
        if extra := [key for key in value if key not in members]:
            raise SchemaMismatch(f"{where} has the unknown members {shown_names(extra)}. Leave them out.", field)
        checked: dict[str, Any] = {}
        for name, (check_member, member) in members.items():
            inner = value.get(name)
            if inner is None and not (member.required and not isinstance(member.type, AnyType)):
                if name in value:
                    checked[name] = None
                continue
            if name not in value:
                raise SchemaMismatch(f"{where} has no member {name!r}, which is required.", field)
            checked[name] = check_member(inner, f"{where}[{name!r:.50}]")
        return checked

    return check
