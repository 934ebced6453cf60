"""Arrays of numpy as tensors, and back, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from milepost import v1 as pb
from milepost.errors import BadModelInput
from milepost.models._lazy import require
from milepost.serving._values import Encoded

_TIME = "datetime64[ns]"
_NUMBERS = {
    "bool",
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}


def encode_array(data: Any) -> Encoded:
    """One array, which needs no name."""
    numpy = require("numpy", "models")
    array = data if isinstance(data, numpy.ndarray) else numpy.asarray(data)
    return Encoded(pb.PredictInput(tensors=pb.Tensors(tensors=[to_tensor("", array)])), _one_or_all)


def encode_arrays(data: Mapping[Any, Any]) -> Encoded:
    """Arrays, or what numpy makes arrays of, by name."""
    numpy = require("numpy", "models")
    arrays = ((name, numpy.asanyarray(values)) for name, values in data.items())
    tensors = [to_tensor(name_of(name), array) for name, array in arrays]
    return Encoded(pb.PredictInput(tensors=pb.Tensors(tensors=tensors)), _all)


def name_of(name: Any) -> str:
    """The name of a tensor or column: a text, or the number of a column that has a position only."""
    if isinstance(name, str):
        return name
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    raise BadModelInput(f"A name is a {type(name).__name__}; names must be texts, or numbers of positions.")


def to_tensor(name: str, array: Any) -> pb.Tensor:
    """An array as a message. Raises `BadModelInput` for one that has no exact form there."""
    if hasattr(array, "filled"):  # one of numpy.ma
        raise _unsendable(name, "is a masked one; fill what is missing")
    kind = array.dtype.kind
    if kind == "M":
        return pb.Tensor(name=name, dtype=_TIME, shape=array.shape, data=_bytes(_nanoseconds(name, array)))
    if kind in "OUS":
        return _objects(name, array)
    if array.dtype.name not in _NUMBERS:
        raise _unsendable(name, f"has the dtype {array.dtype.name}, which cannot be sent")
    return pb.Tensor(name=name, dtype=array.dtype.name, shape=array.shape, data=_bytes(array))


def from_tensor(tensor: pb.Tensor) -> Any:
    """The array of a message: of objects for texts and bytes, whose lengths differ. It can be written to."""
    numpy = require("numpy", "models")
    if tensor.dtype in ("str", "bytes"):
        items = tensor.texts if tensor.dtype == "str" else tensor.blobs
        array = numpy.empty(len(items), dtype=object)
        array[:] = list(items)
        return array.reshape(tensor.shape)
    dtype = numpy.dtype(tensor.dtype).newbyteorder("<")
    array = numpy.frombuffer(tensor.data, dtype=dtype).astype(tensor.dtype)
    return array if array.shape == tuple(tensor.shape) else array.reshape(tensor.shape)


def arrays_of(output: pb.PredictOutput) -> dict[str, Any]:
    """All arrays of an answer."""
    return {tensor.name: from_tensor(tensor) for tensor in output.tensors.tensors}


def _all(output: pb.PredictOutput) -> dict[str, Any]:
    return arrays_of(output)


def _one_or_all(output: pb.PredictOutput) -> Any:
    tensors = output.tensors.tensors
    return from_tensor(tensors[0]) if len(tensors) == 1 else arrays_of(output)


def _bytes(array: Any) -> bytes:
    """The elements, row-major and little-endian."""
    found: bytes = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return found


def _nanoseconds(name: str, array: Any) -> Any:
    numpy = require("numpy", "models")
    converted = array.astype(_TIME)
    if not ((converted.astype(array.dtype) == array) | numpy.isnat(array)).all():
        raise _unsendable(name, "has times that are beyond those of nanoseconds in 64 bits")
    return converted


def _objects(name: str, array: Any) -> pb.Tensor:
    items = array.ravel().tolist()
    if all(isinstance(item, str) for item in items):
        return pb.Tensor(name=name, dtype="str", shape=array.shape, texts=items)
    if all(isinstance(item, bytes) for item in items):
        return pb.Tensor(name=name, dtype="bytes", shape=array.shape, blobs=items)
    raise _unsendable(name, "is of objects that are neither all texts nor all bytes; send a data frame or rows")


def _unsendable(name: str, what: str) -> BadModelInput:
    return BadModelInput(f"{f'The array {name!r}' if name else 'The array'} {what}.", metadata={"field": name})
