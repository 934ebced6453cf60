"""From the rows of a typed request to arrays, one for each column or tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from milepost.models.contracts.layout import by_row, item_shape
from milepost.models.signatures.schema import ArrayType, Column, DataType, Param, Schema, Tensor
from milepost.models.worker.payload import Array
from milepost_server.calls.field_rules import Broken
from milepost_server.serving.checks.specs import specs
from milepost_server.serving.typed.fields import Place, absent, broken, places
from milepost_server.serving.typed.reading_columns import ObjectColumn, ScalarColumns, TimeColumn
from milepost_server.serving.typed.reading_tensors import TensorReader
from milepost_server.serving.typed.reading_values import ABSENT, field_reader

# Makes arrays of fields of all rows; None for one that no row has. Raises `Broken`.
_Read = Callable[[Sequence[Message]], Sequence[Array | None]]


class InputReader:
    """Reads the inputs of requests.

    Args:
        schema: What the model takes.
        message: The contract's `Input`.
    """

    def __init__(self, schema: Schema, message: Descriptor) -> None:
        self._rows = by_row(schema)
        self._specs = specs(schema, "input")
        self._places = places(message, len(schema.fields))
        # Each with the positions that it reads.
        self._reads: list[tuple[Sequence[int], _Read]] = []
        alike: dict[tuple[str, int], list[int]] = {}
        fields: Sequence[Column | Tensor] = schema.fields
        for position, field in enumerate(fields):
            place = self._places[position]
            if isinstance(field, Column) and isinstance(field.type, DataType) and field.type is not DataType.DATETIME:
                alike.setdefault((place.group, place.field.type), []).append(position)
            else:
                self._reads.append(((position,), self._reader(field, place)))
        self._reads += [(positions, self._scalars(positions)) for positions in alike.values()]

    def __call__(self, inputs: Sequence[Message]) -> dict[str, Array]:
        """The arrays, by the names that `Contract.from_tensors` knows. Columns that no row has are left out.

        Raises:
            InvalidArgument: `BAD_MODEL_INPUT`, with the path of the field.
        """
        try:
            if not inputs:
                raise absent()
            if not self._rows and len(inputs) > 1:
                raise broken(f"has {len(inputs)} messages; the model takes everything in one")
            # Each look at a message in the list makes an object for it.
            return self._arrays(list(inputs))
        except Broken as wrong:
            raise wrong.inside("inputs").to_error("") from None

    def _arrays(self, inputs: Sequence[Message]) -> dict[str, Array]:
        found: list[Array | None] = [None] * len(self._specs)
        for positions, read in self._reads:
            for position, array in zip(positions, read(inputs), strict=True):
                found[position] = array
        return {spec.name: array for spec, array in zip(self._specs, found, strict=True) if array is not None}

    def _reader(self, field: Column | Tensor, place: Place) -> _Read:
        if isinstance(field, Tensor):
            return TensorReader(place, item_shape(field, self._rows), self._rows)
        return TimeColumn(place, field.required) if field.type is DataType.DATETIME else ObjectColumn(field, place)

    def _scalars(self, positions: Sequence[int]) -> _Read:
        required = [self._specs[position].required for position in positions]
        return ScalarColumns([self._places[position] for position in positions], required)


class ParamsReader:
    """Reads the params of requests.

    Args:
        params: Those of the signature.
        message: The contract's `Params`.
    """

    def __init__(self, params: Sequence[Param], message: Descriptor) -> None:
        self._members = [
            (param.name, field_reader(ArrayType(param.type) if param.shape else param.type, False, field))
            for param, field in zip(params, message.fields, strict=True)
        ]

    def __call__(self, params: Message) -> Mapping[str, Any]:
        """Those that are given. Raises as `InputReader` does."""
        try:
            found = {name: read(params) for name, read in self._members}
        except Broken as wrong:
            raise wrong.inside("params").to_error("") from None
        return {name: _param(value) for name, value in found.items() if value is not ABSENT}


def _param(value: Any) -> Any:
    """A param's value as the checks know it, for which a time is numpy's."""
    return np.datetime64(value, "ns") if isinstance(value, datetime) else value
