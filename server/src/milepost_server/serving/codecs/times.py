"""Times as texts of ISO 8601."""

from __future__ import annotations

from typing import Any

import numpy as np

from milepost.models.worker.payload import Array


def iso_texts(times: Array) -> Any:
    """Nested lists with a text for each time, with as many decimals as one of them needs; None for those missing."""
    for unit in ("s", "ms", "us"):
        rounded = times.astype(f"datetime64[{unit}]")
        if np.array_equal(rounded.astype(times.dtype), times, equal_nan=True):
            break
    else:
        rounded = times
    texts = np.datetime_as_string(rounded).astype(object)
    texts[np.isnat(times)] = None
    return texts.tolist()
