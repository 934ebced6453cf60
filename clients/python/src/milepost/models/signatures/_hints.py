"""Schemas from type hints."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from milepost.errors import ModelFormatError
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    Property,
    Schema,
)

_SCALARS: dict[Any, DataType] = {
    bool: DataType.BOOLEAN,
    int: DataType.LONG,
    float: DataType.DOUBLE,
    str: DataType.STRING,
    bytes: DataType.BINARY,
    date: DataType.DATETIME,
    datetime: DataType.DATETIME,
}
_MAX_DEPTH = 32
_NONE = type(None)


def is_hint(value: object) -> bool:
    """Whether a value is a type or another hint, not data."""
    return isinstance(value, type) or value is Any or get_origin(value) is not None


def hint_schema(hint: Any) -> Schema | None:
    """The schema of a batch: a list of values; a single value too. None for types that say nothing about values.

    Raises:
        ModelFormatError: The hint has a part for which there is no type.
    """
    if hint in (None, _NONE) or _says_nothing(hint):
        return None
    items = get_args(hint)[0] if get_origin(hint) is list else hint
    return Schema((Column(_type(items, 0)),))


def function_schemas(function: Callable[..., Any]) -> tuple[Schema | None, Schema | None]:
    """The schemas of the first argument after `self` and of the return value."""
    try:
        hints = get_type_hints(function)
        names = [name for name in inspect.signature(function).parameters if name != "self"]
    except (NameError, TypeError, ValueError):
        return None, None
    # Of a method with a context, as MLflow's have, the data come second.
    first = next((name for name in names if name != "context"), None)
    return _schema_or_none(hints.get(first) if first else None), _schema_or_none(hints.get("return"))


def _schema_or_none(hint: Any) -> Schema | None:
    try:
        return hint_schema(hint)
    except ModelFormatError:
        return None


def _says_nothing(hint: Any) -> bool:
    """Classes of arrays and data frames, bare `list` and `dict`, and Any."""
    package = getattr(hint, "__module__", "").partition(".")[0]
    known = {"numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "tensorflow", "jax"}
    return hint in (Any, list, dict, object) or package in known


def _type(hint: Any, depth: int) -> ColumnType:
    if depth > _MAX_DEPTH:
        raise ModelFormatError(f"The type hint nests deeper than {_MAX_DEPTH} levels, or holds itself.")
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (list, tuple) and arguments and set(arguments[1:]) <= {Ellipsis}:
        return ArrayType(_type(arguments[0], depth + 1))
    if origin is dict and arguments[0] is str:
        return MapType(_type(arguments[1], depth + 1))
    if hint is Any or origin in (Union, types.UnionType):
        return AnyType()
    if is_typeddict(hint) or dataclasses.is_dataclass(hint):
        return _object(hint, depth)
    raise ModelFormatError(
        f"The type hint {hint!r:.200} has no type in a schema. There are bool, int, float, str, bytes, datetime, "
        "lists, dicts with str as keys, dataclasses and TypedDicts."
    )


def _object(hint: Any, depth: int) -> ObjectType:
    """The members of a dataclass or TypedDict. One that may be None or absent is not required."""
    optional: frozenset[str] = getattr(hint, "__optional_keys__", frozenset())
    members = []
    for name, member in get_type_hints(hint).items():
        rest = [part for part in get_args(member) if part is not _NONE]
        maybe_none = get_origin(member) in (Union, types.UnionType) and len(rest) < len(get_args(member))
        inner = rest[0] if maybe_none and len(rest) == 1 else member
        members.append(Property(name, _type(inner, depth + 1), not maybe_none and name not in optional))
    return ObjectType(tuple(members))
