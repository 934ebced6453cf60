"""`milepost.v1.PredictInput` as payloads, and answers as `PredictOutput`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import struct_pb2

from milepost import v1 as pb
from milepost.models.signatures._column_values import objects
from milepost.models.worker.payload import Array, Payload
from milepost_server.errors import required_field
from milepost_server.serving.checks.bad_input import bad_input
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import arrow_tables, json_answers
from milepost_server.serving.codecs.datatypes import DTYPES, to_texts
from milepost_server.serving.codecs.v2_messages import reshaped

_TIME = np.dtype("datetime64[ns]")
_DTYPES = {**{dtype.name: dtype for dtype in DTYPES.values()}, _TIME.name: _TIME}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_MAX_INTEGER = 2**53


def read(message: pb.PredictInput, contract: Contract) -> tuple[Payload, Mapping[str, Any] | None]:
    """The batch and the params of a message.

    Raises:
        InvalidArgument: `REQUIRED_FIELD`: there are no data; `MALFORMED_BODY`: the Arrow stream is none;
            `BAD_MODEL_INPUT`: data or params are not of the model's signature.
        Unimplemented: There is an Arrow stream, and pyarrow is not installed.
    """
    which = message.WhichOneof("data")
    if which == "tensors":
        payload = _read_tensors(message.tensors, contract)
    elif which == "arrow":
        payload = arrow_tables.read(message.arrow, contract)
    elif which == "rows":
        payload = contract.from_rows([_plain(value, "rows") for value in message.rows.values])
        _refuse_large_integers(payload)
    else:
        raise required_field("data")
    fields = message.params.fields
    params = {name: _param(_plain(value, "params"), name) for name, value in fields.items()} if fields else None
    return payload, contract.params(params)


def _read_tensors(tensors: pb.Tensors, contract: Contract) -> Payload:
    arrays: dict[str, Array] = {}
    for tensor in tensors.tensors:
        if tensor.name in arrays:
            raise bad_input(f"Tensor {tensor.name!r:.100} is there more than once.", tensor.name)
        arrays[tensor.name] = _read_tensor(tensor)
    return contract.from_tensors(arrays)


def _read_tensor(tensor: pb.Tensor) -> Array:
    name, dtype_name, sizes = tensor.name, tensor.dtype, tensor.shape[:]
    field = {"str": "texts", "bytes": "blobs"}.get(dtype_name, "data")
    for other in ("data", "texts", "blobs"):
        if other != field and getattr(tensor, other):
            raise bad_input(f"Tensor {name!r:.100} has {other}; the elements of its dtype are in {field}.", name)
    if field != "data":
        return reshaped(objects(getattr(tensor, field)[:]), sizes, name)
    dtype = _DTYPES.get(dtype_name)
    if dtype is None:
        raise bad_input(f"Tensor {name!r:.100}: the dtype is none of {', '.join(_DTYPES)}, str and bytes.", name)
    raw = tensor.data
    if math.prod(sizes) * dtype.itemsize != len(raw):
        raise bad_input(
            f"Tensor {name!r:.100}: data has {len(raw)} bytes; {dtype.name} of shape {list(sizes)!r:.200} has "
            f"{math.prod(sizes) * dtype.itemsize}.",
            name,
        )
    array: Array = np.frombuffer(raw, dtype) if raw else np.empty(0, dtype)
    if dtype.kind == "b" and raw and array.view(np.uint8).max() > 1:
        raise bad_input(f"Tensor {name!r:.100}: a byte of bool is neither 0 nor 1.", name)
    return reshaped(array, sizes, name)


def _plain(value: struct_pb2.Value, field: str) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return value.number_value
    if kind == "list_value":
        return [_plain(item, field) for item in value.list_value.values]
    if kind == "struct_value":
        return {name: _plain(item, field) for name, item in value.struct_value.fields.items()}
    if kind is None:
        raise bad_input(f"{field} has a value that is not set.", field)
    return getattr(value, kind) if kind != "null_value" else None


def _param(value: Any, name: str) -> Any:
    """The value, with integers where numbers are integral: the message has doubles only."""
    if isinstance(value, list):
        return [_param(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _param(item, name) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_INTEGER:
        return int(value)
    return value


def _refuse_large_integers(payload: Payload) -> None:
    """Refuses integers that are too large for doubles to tell them from their neighbours."""
    arrays = list(payload.arrays[0].T) if payload.block else payload.arrays
    names = payload.names or ("",) * len(arrays)
    fields = [name for name, array in zip(names, arrays, strict=True) if _has_large(array)]
    if payload.form == "value" and _has_large_integer(payload.value):
        fields = [""]
    if fields:
        raise bad_input("rows has an integer beyond 2^53, which doubles round. Send tensors or Arrow.", fields[0])


def _has_large(array: Array) -> bool:
    if array.dtype.kind in "iu":
        return bool(((array > _MAX_INTEGER) | (array < -_MAX_INTEGER)).any())
    return array.dtype.kind == "O" and any(_has_large_integer(value) for value in array.flat)


def _has_large_integer(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_large_integer, value))
    if isinstance(value, dict):
        return any(map(_has_large_integer, value.values()))
    return type(value) is int and abs(value) > _MAX_INTEGER


def write(message: pb.PredictInput, answer: Payload, contract: Contract, *, version: int) -> pb.PredictOutput:
    """The answer in the form of the input.

    Args:
        message: What was asked.
        answer: Of the model.
        contract: Of the version that answered.
        version: That answered; 0 for a model that is of no registry.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: the answer has not the form of the input.
        Unimplemented: It is to be Arrow, and pyarrow is not installed.
    """
    output = pb.PredictOutput(id=message.id, version=version)
    which = message.WhichOneof("data")
    if which == "rows":
        output.rows.extend(map(_struct_value, rows_of(answer)))
        output.rows.SetInParent()
    elif which == "arrow":
        output.arrow = arrow_tables.write(contract.named(answer))
    else:
        output.tensors.tensors.extend(_write_tensor(name, array) for name, array in contract.named(answer))
    return output


def _write_tensor(name: str, array: Array) -> pb.Tensor:
    kind = array.dtype.kind
    dtype_name = _NAMES.get(array.dtype)
    if dtype_name is not None:
        return pb.Tensor(name=name, dtype=dtype_name, shape=array.shape, data=array.tobytes())
    if kind == "M":
        return _write_tensor(name, array.astype(_TIME))
    values = array.ravel().tolist()
    if values and all(isinstance(value, bytes) for value in values):
        return pb.Tensor(name=name, dtype="bytes", shape=array.shape, blobs=values)
    return pb.Tensor(name=name, dtype="str", shape=array.shape, texts=to_texts(array))


def rows_of(answer: Payload) -> list[Any]:
    """The rows or items of an answer, or all of it as the only one, as JSON has them."""
    if answer.form == "value":
        value = json_answers.of_payload(answer)
        return value if isinstance(value, list) else [value]
    if answer.form == "arrays":
        names, arrays = answer.names or (), [json_answers.lists(array) for array in answer.arrays]
        if answer.rows is None:
            return [dict(zip(names, arrays, strict=True))]
        return [dict(zip(names, row, strict=True)) for row in zip(*arrays, strict=True)]
    found = json_answers.of_payload(answer) if answer.form == "frame" else json_answers.lists(answer.arrays[0])
    return found if isinstance(found, list) else [found]


def _struct_value(value: Any) -> Any:
    """What a `ListValue` takes: integers that doubles would round are texts, as in the JSON of protobuf."""
    if isinstance(value, list):
        return [_struct_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _struct_value(item) for name, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return str(value) if type(value) is int and abs(value) > _MAX_INTEGER else value
