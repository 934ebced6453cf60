"""Values that JSON does not have, as marked JSON: bytes, times, and numbers of numpy.

A mark is a mapping of one key that begins with `$`. Mappings of the user's that look like one are marked themselves.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from milepost.errors import ModelError

_BYTES, _TIME, _NUMPY_TIME, _MAPPING = "$bytes", "$time", "$numpy", "$mapping"


class NotSendable(ModelError):
    """Something has no form in which it can go between processes."""


def mark(value: Any) -> Any:
    """The same in types that JSON has.

    Raises:
        NotSendable: Something in it has none; the message names its type.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return [mark(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(value).decode()}
    if type(value).__name__ in ("NAType", "NaTType"):  # of pandas; the second is a datetime, too
        return None
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else {_NUMPY_TIME: str(value)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray):
        return mark(value.tolist()) if value.dtype.kind in "biufUSO" else [mark(item) for item in value]
    kind = type(value)
    raise NotSendable(
        f"A {kind.__module__}.{kind.__qualname__} cannot be sent between processes. Answer with arrays, data frames, "
        "mappings of arrays, or numbers, texts, bytes, times, lists and mappings of them."
    )


def unmark(members: dict[str, Any]) -> Any:
    """The `object_hook` of JSON that undoes `mark`.

    Raises:
        ValueError: There is a mark that `mark` does not make.
    """
    if len(members) != 1:
        return members
    [(key, value)] = members.items()
    if not key.startswith("$"):
        return members
    try:
        if key == _BYTES:
            return base64.b64decode(value, validate=True)
        if key == _TIME:
            return datetime.fromisoformat(value)
        if key == _NUMPY_TIME:
            return np.datetime64(value)
        if key == _MAPPING:
            return dict(value)
    except (TypeError, binascii.Error) as wrong:
        raise ValueError(f"The mark {key} is malformed.") from wrong
    raise ValueError("There is no such mark.")


def _mapping(value: Mapping[Any, Any]) -> Any:
    if not all(isinstance(key, str) for key in value):
        raise NotSendable("A mapping has keys that are no texts. Answer with a mapping of texts.")
    if len(value) == 1 and next(iter(value)).startswith("$"):
        return {_MAPPING: [[key, mark(item)] for key, item in value.items()]}
    return {key: mark(item) for key, item in value.items()}


def _time(value: Any) -> Any:
    if getattr(value, "nanosecond", 0):  # of pandas; the standard library has microseconds only
        return {_NUMPY_TIME: str(value.to_datetime64())}
    return {_TIME: value.isoformat()}
