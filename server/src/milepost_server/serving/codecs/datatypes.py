"""The datatypes of the Open Inference Protocol, and elements as its bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from milepost.models.signatures._column_values import objects
from milepost.models.signatures._json_values import time_of
from milepost.models.worker.payload import Array
from milepost_server.serving.checks.bad_input import Checked, bad_input
from milepost_server.serving.codecs import json_answers
from milepost_server.serving.codecs.times import iso_texts

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_BY_NAME = {dtype.name: name for name, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")


def datatype_of(dtype_name: str) -> str:
    """The datatype of a `TensorSpec.dtype`: `BYTES` for texts, bytes, times and what JSON has."""
    return _BY_NAME.get(dtype_name, "BYTES")


def datatype_of_array(array: Array) -> str:
    """The datatype of an array; `BYTES` where the protocol has none."""
    return _NAMES.get(array.dtype, "BYTES")


def check_datatype(datatype: str, name: str) -> None:
    """Refuses what is no datatype.

    Raises:
        InvalidArgument: It is none, or one that numpy lacks.
    """
    if datatype in DTYPES or datatype == "BYTES":
        return
    problem = "has the datatype BF16, which numpy lacks; send FP32" if datatype == "BF16" else "has an unknown datatype"
    raise bad_input(f"Tensor {name!r:.100} {problem}. Known are {', '.join(DTYPES)} and BYTES.", name)


def split_bytes(raw: bytes | memoryview, name: str) -> list[bytes]:
    """The elements of a `BYTES` tensor, each after its length in four bytes.

    Raises:
        InvalidArgument: A length reaches beyond the end.
    """
    view, at, end = memoryview(raw), 0, len(raw)
    elements: list[bytes] = []
    while at < end:
        start = at + 4
        at = start + _LENGTH.unpack_from(view, at)[0] if start <= end else end + 1
        if at > end:
            raise bad_input(f"Tensor {name!r:.100}: element {len(elements)} reaches beyond the end of the data.", name)
        elements.append(bytes(view[start:at]))
    return elements


def join_bytes(elements: Sequence[bytes]) -> bytes:
    """The reverse of `split_bytes`."""
    return b"".join(part for element in elements for part in (_LENGTH.pack(len(element)), element))


def from_elements(elements: Sequence[bytes], dtype_name: str, name: str) -> Array:
    """An array of one dimension of the elements of `BYTES`.

    Args:
        elements: As they were sent.
        dtype_name: What the model takes: `str` is UTF-8, a time ISO 8601, `object` JSON; others stay bytes.
        name: Of the tensor.

    Raises:
        InvalidArgument: An element is not of that form.
    """
    if dtype_name == "object":
        return objects([_json(element, name, at) for at, element in enumerate(elements)])
    if dtype_name != "str" and not dtype_name.startswith("datetime64"):
        return objects(elements)
    try:
        texts = [str(element, "utf-8") for element in elements]
    except UnicodeDecodeError:
        raise bad_input(f"Tensor {name!r:.100}: an element is no UTF-8.", name) from None
    return from_texts(texts, dtype_name, name)


def from_texts(texts: Sequence[str], dtype_name: str, name: str) -> Array:
    """An array of texts, or of the times that they say."""
    if not dtype_name.startswith("datetime64"):
        return objects(texts)
    with Checked():
        times = [time_of(text, f"Tensor {name!r}, element {at}", name) for at, text in enumerate(texts)]
    return np.array(times, dtype="datetime64[ns]")


def _json(element: bytes, name: str, at: int) -> Any:
    try:
        return orjson.loads(element)
    except orjson.JSONDecodeError:
        raise bad_input(f"Tensor {name!r:.100}: element {at} is no JSON.", name) from None


def to_elements(array: Array) -> list[bytes]:
    """The elements of an array for `BYTES`: texts as UTF-8, bytes as they are, times as ISO 8601, all else as JSON."""
    kind = array.dtype.kind
    values = array.ravel().tolist() if kind != "M" else iso_texts(array.ravel())
    return [_element(value) for value in values]


def _element(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace")
    if isinstance(value, bytes):
        return value
    return json_answers.dumps(json_answers.plain(value))


def to_texts(array: Array) -> list[str]:
    """The elements of an array for `BYTES` within JSON.

    Raises:
        UnicodeDecodeError: There are bytes that are no text.
    """
    return [element.decode("utf-8") for element in to_elements(array)]
