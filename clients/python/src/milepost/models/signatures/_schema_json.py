"""Schemas and params as JSON, the way MLflow writes it.

What is wrong in a text is named by its path, such as `signature.inputs[2].items.type`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from milepost.errors import ModelFormatError
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    Param,
    Property,
    Schema,
    Tensor,
    VectorType,
)

T = TypeVar("T")

_MAX_DEPTH = 32
_SCALARS = {kind.value: kind for kind in DataType}


def schema_to_json(schema: Schema) -> str:
    """The text that MLflow writes for the same schema."""
    return json.dumps([_field_to_json(field) for field in schema.fields])


def params_to_json(params: tuple[Param, ...]) -> str:
    """The text that MLflow writes for the same params."""
    return json.dumps([_param_to_json(param) for param in params])


def schema_from_json(text: object, where: str) -> Schema:
    """Reads what MLflow or `schema_to_json` wrote.

    Raises:
        ModelFormatError: The message begins with `where` and names the key at fault.
    """
    items = [_object(item, f"{where}[{i}]") for i, item in enumerate(_list(_parse(text, where), where))]
    # What MLflow writes for data frames without names.
    if [item.get("name") for item in items] == list(range(len(items))):
        items = [{**item, "name": None, "required": True} for item in items]
    fields = [_field(item, f"{where}[{i}]") for i, item in enumerate(items)]
    return _named(lambda: Schema(tuple(fields)), where)  # type: ignore[arg-type]  # Schema refuses a mixture


def params_from_json(text: object, where: str) -> tuple[Param, ...]:
    """Reads what MLflow or `params_to_json` wrote.

    Raises:
        ModelFormatError: The message begins with `where` and names the key at fault.
    """
    items = _list(_parse(text, where), where)
    params = tuple(_param(_object(item, f"{where}[{i}]"), f"{where}[{i}]") for i, item in enumerate(items))
    names = [param.name for param in params]
    if len(set(names)) < len(names):
        raise ModelFormatError(f"{where}: params need different names, not {names!r:.200}.")
    return params


def _type_to_json(column_type: ColumnType) -> dict[str, Any]:
    if isinstance(column_type, DataType):
        return {"type": column_type.value}
    if isinstance(column_type, ArrayType):
        return {"type": "array", "items": _type_to_json(column_type.items)}
    if isinstance(column_type, MapType):
        return {"type": "map", "values": _type_to_json(column_type.values)}
    if isinstance(column_type, ObjectType):
        members = {
            member.name: {**_type_to_json(member.type), "required": member.required}
            for member in column_type.properties
        }
        return {"type": "object", "properties": members}
    return {"type": "any" if isinstance(column_type, AnyType) else "sparkml_vector"}


def _field_to_json(field: Column | Tensor) -> dict[str, Any]:
    name = {} if field.name is None else {"name": field.name}
    if isinstance(field, Tensor):
        return {**name, "type": "tensor", "tensor-spec": {"dtype": field.dtype, "shape": list(field.shape)}}
    return {**_type_to_json(field.type), **name, "required": field.required}


def _param_to_json(param: Param) -> dict[str, Any]:
    shape = None if param.shape is None else list(param.shape)
    return {"name": param.name, "default": param.default, "shape": shape, **_type_to_json(param.type)}


def _parse(text: object, where: str) -> Any:
    if not isinstance(text, str):
        raise ModelFormatError(f"{where} must be a text that holds JSON, not {_kind(text)}.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise ModelFormatError(f"{where} is not JSON: {wrong}.") from None


def _field(item: dict[str, Any], where: str) -> Column | Tensor:
    name = item.get("name")
    if name is not None and not isinstance(name, str):
        raise ModelFormatError(f"{where}.name must be a text, not {_kind(name)}.")
    if item.get("type") == "tensor":
        return _tensor(_object(item.get("tensor-spec"), f"{where}.tensor-spec"), name, f"{where}.tensor-spec")
    # Before MLflow 2.10 columns had `optional` in place of `required`.
    required = item.get("required", not item.get("optional", False))
    return Column(_type(item, where, 0), name, _required(required, where))


def _tensor(spec: dict[str, Any], name: str | None, where: str) -> Tensor:
    dtype, shape = spec.get("dtype"), _list(spec.get("shape"), f"{where}.shape")
    if not isinstance(dtype, str):
        raise ModelFormatError(f"{where}.dtype must be a text, not {_kind(dtype)}.")
    if not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
        raise ModelFormatError(f"{where}.shape must hold integers, not {shape!r:.200}.")
    return _named(lambda: Tensor(dtype, tuple(shape), name), where)


def _type(item: dict[str, Any], where: str, depth: int) -> ColumnType:
    if depth > _MAX_DEPTH:
        raise ModelFormatError(f"{where}: types are nested deeper than {_MAX_DEPTH} levels.")
    kind = item.get("type")
    if kind == "array":
        return ArrayType(_inner(item, "items", where, depth))
    if kind == "map":
        return MapType(_inner(item, "values", where, depth))
    if kind == "object":
        return _object_type(item, where, depth)
    if kind == "any":
        return AnyType()
    if kind == "sparkml_vector":
        return VectorType()
    if not isinstance(kind, str) or kind not in _SCALARS:
        known = ", ".join((*_SCALARS, "array", "object", "map", "any", "sparkml_vector", "tensor"))
        raise ModelFormatError(f"{where}.type is {kind!r:.100}, not one of {known}.")
    return _SCALARS[kind]


def _inner(item: dict[str, Any], key: str, where: str, depth: int) -> ColumnType:
    return _type(_object(item.get(key), f"{where}.{key}"), f"{where}.{key}", depth + 1)


def _object_type(item: dict[str, Any], where: str, depth: int) -> ObjectType:
    members = []
    for name, member in _object(item.get("properties"), f"{where}.properties").items():
        inner = f"{where}.properties.{name}"
        member = _object(member, inner)
        members.append(Property(name, _type(member, inner, depth + 1), _required(member.get("required", True), inner)))
    return _named(lambda: ObjectType(tuple(members)), f"{where}.properties")


def _param(item: dict[str, Any], where: str) -> Param:
    name, shape = item.get("name"), item.get("shape")
    if not isinstance(name, str):
        raise ModelFormatError(f"{where}.name must be a text, not {_kind(name)}.")
    if "default" not in item:
        raise ModelFormatError(f"{where}.default is missing.")
    # Early MLflow 2 wrote `dtype`.
    kind = _type(item if "type" in item else {**item, "type": item.get("dtype")}, where, 0)
    if not isinstance(kind, DataType | ObjectType):
        raise ModelFormatError(f"{where}.type is {item.get('type')!r:.100}, which params cannot have.")
    sizes = None if shape is None else tuple(_list(shape, f"{where}.shape"))
    return _named(lambda: Param(name, kind, item["default"], sizes), where)


def _named(make: Callable[[], T], where: str) -> T:
    """What `make` gives; an error that it raises begins with the place."""
    try:
        return make()
    except ModelFormatError as wrong:
        raise ModelFormatError(f"{where}: {wrong}") from None


def _required(value: object, where: str) -> bool:
    # MLflow writes null for columns of compound types that it read without the key, and takes it for false.
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ModelFormatError(f"{where}.required must be true or false, not {_kind(value)}.")


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelFormatError(f"{where} must be an object, not {_kind(value)}.")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ModelFormatError(f"{where} must be a list, not {_kind(value)}.")
    return value


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__
