"""Answers as named tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from milepost.models.signatures._column_values import objects
from milepost.models.signatures._tensors import leaf_types
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.specs import TensorSpec


def named_arrays(answer: Payload, outputs: Sequence[TensorSpec]) -> list[tuple[str, Array]]:
    """The arrays of an answer by name; see `Contract.named`."""
    arrays: Sequence[Array] = answer.arrays
    if answer.form == "value":
        arrays = (array_of(answer.value),)
    elif answer.block:
        arrays = [answer.arrays[0][:, i] for i in range(answer.arrays[0].shape[1])]
    if answer.names is not None:
        return list(zip(answer.names, arrays, strict=True))
    if len(outputs) == len(arrays):
        return [(spec.name, array) for spec, array in zip(outputs, arrays, strict=True)]
    if answer.form != "frame":
        return [("output", arrays[0])]
    return [(str(i), array) for i, array in enumerate(arrays)]


def array_of(value: Any) -> Array:
    """A value of JSON as an array: of numbers, or of objects. One that is no list has one element."""
    items = value if isinstance(value, list) else [value]
    kinds = leaf_types(items, 0)
    if kinds in ({bool}, {int}, {float}, {int, float}):
        try:
            made = np.array(items)
        except (ValueError, OverflowError):
            return objects(items)
        integers = made.dtype.kind == "f" and kinds != {float}
        if made.dtype.kind in "biuf" and not (integers and (np.abs(made) >= 2.0**53).any()):
            return made
    return objects(items)
