"""Fields of a schema as tensors."""

from __future__ import annotations

from dataclasses import dataclass

from milepost.models.signatures._column_arrays import DTYPES
from milepost.models.signatures.schema import Column, DataType, Schema, Tensor

INPUT, OUTPUT = "input", "output"
"""What callers call a tensor without a name."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor as callers see it; a column is a tensor of one dimension.

    Args:
        name: That of the signature; `input` or `output` where it has none, and the position of a column without a name.
        dtype: Name of numpy's dtype; `str` and `bytes` without size, `object` for what JSON has.
        shape: Sizes of the dimensions, -1 for any.
        required: Whether it must be given.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    required: bool = True


def specs(schema: Schema | None, unnamed: str) -> tuple[TensorSpec, ...]:
    """The fields in order; `unnamed` is what a tensor without a name is called."""
    if schema is None:
        return ()
    fields: tuple[Column | Tensor, ...] = schema.fields
    return tuple(_spec(field, i, unnamed) for i, field in enumerate(fields))


def _spec(field: Column | Tensor, position: int, unnamed: str) -> TensorSpec:
    if isinstance(field, Tensor):
        return TensorSpec(unnamed if field.name is None else field.name, field.dtype, field.shape)
    name = str(position) if field.name is None else field.name
    return TensorSpec(name, _dtype_name(field), (-1,), field.required)


def _dtype_name(column: Column) -> str:
    if not isinstance(column.type, DataType):
        return "object"
    dtype = DTYPES[column.type]
    return {"U": "str", "S": "bytes"}.get(dtype.kind, dtype.name)
