"""Data frames in their neutral form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from milepost.models.worker.payload import Array, Payload


def frame(names: tuple[str, ...] | None, arrays: Sequence[Array]) -> Payload:
    """A frame of columns that have the same length: one block when they are numbers or booleans of one dtype."""
    first = arrays[0].dtype
    if first.kind not in "biuf" or any(array.dtype != first for array in arrays):
        return Payload("frame", arrays, names)
    block = np.empty((len(arrays[0]), len(arrays)), dtype=first)
    for i, array in enumerate(arrays):
        block[:, i] = array
    return Payload("frame", (block,), names, block=True)
