"""Types of columns, tensors and params. They can say what MLflow's can, no more and no less."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from milepost.errors import ModelFormatError


class DataType(str, Enum):
    """Type of a single value, by the name that descriptors use."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    """32 bits, signed."""
    LONG = "long"
    """64 bits, signed."""
    FLOAT = "float"
    """32 bits."""
    DOUBLE = "double"
    """64 bits."""
    STRING = "string"
    BINARY = "binary"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A list of values of one type, of any length."""

    items: ColumnType


@dataclass(frozen=True, slots=True)
class Property:
    """A member of an object. One that is not required may be absent or None."""

    name: str
    type: ColumnType
    required: bool = True


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A mapping with known members, kept sorted by their names."""

    properties: tuple[Property, ...]

    def __post_init__(self) -> None:
        names = [member.name for member in self.properties]
        if not names or len(set(names)) < len(names):
            raise ModelFormatError(f"An object needs properties with different names, not {names!r}.")
        object.__setattr__(self, "properties", tuple(sorted(self.properties, key=lambda member: member.name)))


@dataclass(frozen=True, slots=True)
class MapType:
    """A mapping of any texts to values of one type."""

    values: ColumnType


@dataclass(frozen=True, slots=True)
class VectorType:
    """A vector of Spark ML: a list of doubles."""


@dataclass(frozen=True, slots=True)
class AnyType:
    """Any value, None included; not checked."""


ColumnType = DataType | ArrayType | ObjectType | MapType | VectorType | AnyType

# The names of numpy's dtypes, without sizes for texts and bytes; MLflow reads no others.
_DTYPE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64|96|128)|complex(64|128|192|256)|str|bytes|object"
    r"|(datetime64|timedelta64)(\[[a-zA-Z0-9]{1,8}\])?"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        type: Of each of its values.
        name: None when columns are told apart by their position.
        required: Whether it must be there, and without missing values.
    """

    type: ColumnType
    name: str | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array.

    Args:
        dtype: Name of numpy's dtype, such as `float32`; `str` and `bytes` without a size.
        shape: Sizes of the dimensions; -1 where any size will do, as for the rows of a batch.
        name: None when it is the only one.
    """

    dtype: str
    shape: tuple[int, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        where = f"Tensor {self.name!r}" if self.name is not None else "Tensor"
        if not _DTYPE.fullmatch(self.dtype):
            raise ModelFormatError(f"{where}: dtype is {_short(self.dtype)}, not a dtype of numpy such as 'float32'.")
        if any(size < -1 for size in self.shape):
            raise ModelFormatError(f"{where}: shape is {self.shape}; sizes are at least 0, or -1 for any.")


@dataclass(frozen=True, slots=True)
class Param:
    """A setting of one call of `predict`.

    Args:
        name: Key in `params`.
        type: Of the value, or of each item when there is a shape. Not binary.
        default: Used when the caller gives none; a value of JSON. None is allowed for every type.
        shape: None for a single value, `(-1,)` for a list.
    """

    name: str
    type: DataType | ObjectType
    default: Any = None
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.type is DataType.BINARY:
            raise ModelFormatError(f"Param {self.name!r}: type is binary, which params cannot have.")
        if self.shape not in (None, (-1,)):
            raise ModelFormatError(f"Param {self.name!r}: shape is {self.shape!r}, not null or [-1].")


@dataclass(frozen=True, slots=True)
class Schema:
    """What a model takes or gives: columns, or tensors. At least one; either all have a name or none has."""

    fields: tuple[Column, ...] | tuple[Tensor, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(self.fields))
        if problem := _schema_problem(self.fields):
            raise ModelFormatError(problem)

    @property
    def is_tensors(self) -> bool:
        """Whether the fields are tensors, not columns."""
        return isinstance(self.fields[0], Tensor)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the fields in order, None when they have none."""
        names = tuple(field.name for field in self.fields if field.name is not None)
        return names or None


def _schema_problem(fields: tuple[Column, ...] | tuple[Tensor, ...]) -> str:
    if not fields:
        return "A schema needs at least one column or tensor."
    if len({type(field) for field in fields}) > 1:
        return "A schema has either columns or tensors, not both."
    names = [field.name for field in fields if field.name is not None]
    if names and len(names) < len(fields):
        return f"Either all fields of a schema have a name or none has; named are {_short(names)}."
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        return f"Fields of a schema need different names; more than once: {_short(twice)}."
    if not names and len(fields) > 1 and isinstance(fields[0], Tensor):
        return "Several tensors need names."
    if not names and not all(isinstance(field, Tensor) or field.required for field in fields):
        return "Columns that may be absent need names."
    return ""


def _short(value: object) -> str:
    """A value for a message: at most some 100 characters of it."""
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:100]}…"
