"""The Open Inference Protocol over gRPC: requests as payloads, and answers as responses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from milepost.models.worker.payload import Array, Payload
from milepost_server.serving import inference as v2
from milepost_server.serving.checks.bad_input import bad_input
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs.datatypes import (
    DTYPES,
    check_datatype,
    datatype_of_array,
    from_elements,
    join_bytes,
    split_bytes,
    to_elements,
)
from milepost_server.serving.codecs.parameters import check_tensor_parameters, model_params

MAX_RANK = 32
_NARROW = {"INT8", "INT16", "UINT8", "UINT16"}
_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def read_request(request: v2.ModelInferRequest, contract: Contract) -> tuple[Payload, Mapping[str, Any] | None]:
    """The batch and the params of a request.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: they are not of the protocol, or not of the model's signature.
    """
    raw, inputs = request.raw_input_contents, request.inputs
    if raw and len(raw) != len(inputs):
        raise bad_input(f"raw_input_contents has {len(raw)} items for {len(inputs)} inputs. Send one for each.")
    tensors: dict[str, Array] = {}
    for at, tensor in enumerate(inputs):
        name = tensor.name
        if name in tensors:
            raise bad_input(f"Tensor {name!r:.100} is there more than once.", name)
        if tensor.parameters:
            check_tensor_parameters(read_parameters(tensor.parameters), name)
        if not raw:
            tensors[name] = _typed(tensor, contract)
        elif tensor.HasField("contents"):
            raise bad_input(f"Tensor {name!r:.100} has contents beside raw_input_contents. Send one of them.", name)
        else:
            tensors[name] = from_raw(raw[at], tensor.datatype, tensor.shape, name, contract)
    if request.outputs:
        check_requested([output.name for output in request.outputs], contract)
        for output in request.outputs:
            check_tensor_parameters(read_parameters(output.parameters), output.name)
    payload = contract.from_tensors(tensors)
    parameters = request.parameters
    return payload, contract.params(model_params(read_parameters(parameters)) if parameters else None)


def read_parameters(parameters: Mapping[str, v2.InferParameter]) -> dict[str, Any]:
    """Parameters as values of Python; those without a value are None."""
    found: dict[str, Any] = {}
    for name, parameter in parameters.items():
        which = parameter.WhichOneof("parameter_choice")
        found[name] = getattr(parameter, which) if which is not None else None
    return found


def check_requested(names: Sequence[str], contract: Contract) -> None:
    """Refuses to ask for outputs that are none of the signature's, or for one twice.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`.
    """
    if len(set(names)) < len(names):
        raise bad_input("outputs names a tensor more than once.", "outputs")
    known = [spec.name for spec in contract.outputs]
    if known and (unknown := [name for name in names if name not in known]):
        raise bad_input(f"The model has no output {unknown[0]!r:.100}; it has {known!r:.300}.", unknown[0])


def from_raw(raw: bytes | memoryview, datatype: str, shape: Sequence[int], name: str, contract: Contract) -> Array:
    """The array of bytes in the protocol's order; a view of them for numbers.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: their length is not that of the shape, or a value is none of the datatype.
    """
    sizes = shape[:]
    dtype = DTYPES.get(datatype)
    if dtype is None:
        check_datatype(datatype, name)
        return reshaped(from_elements(split_bytes(raw, name), dtype_name(name, contract), name), sizes, name)
    count, given = sizes[0] if len(sizes) == 1 else math.prod(sizes), len(raw)
    if count * dtype.itemsize != given or len(sizes) > MAX_RANK:
        check_shape(sizes, name)
        raise bad_input(
            f"Tensor {name!r:.100}: {given} bytes are given; {datatype} of shape {list(sizes)!r:.200} has "
            f"{count * dtype.itemsize}.",
            name,
        )
    if not given:
        return reshaped(np.empty(0, dtype), sizes, name)
    array: Array = np.frombuffer(raw, dtype)
    if datatype == "BOOL" and array.view(np.uint8).max() > 1:
        raise bad_input(f"Tensor {name!r:.100}: a byte of BOOL is neither 0 nor 1.", name)
    return array if len(sizes) == 1 else reshaped(array, sizes, name)


def check_shape(sizes: Sequence[int], name: str) -> None:
    """Refuses what is no shape.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: a size is negative, or there are too many.
    """
    if len(sizes) > MAX_RANK:
        raise bad_input(f"Tensor {name!r:.100} has {len(sizes)} dimensions; {MAX_RANK} are allowed.", name)
    if any(size < 0 for size in sizes):
        raise bad_input(f"Tensor {name!r:.100} has a negative size in its shape {list(sizes)!r:.200}.", name)


def reshaped(array: Array, sizes: Sequence[int], name: str) -> Array:
    """The elements in their shape.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: there are more or fewer, or it is no shape.
    """
    if array.ndim == 1 and len(sizes) == 1 and sizes[0] == array.size:
        return array
    count = math.prod(sizes)
    if count != array.size or len(sizes) > MAX_RANK:
        check_shape(sizes, name)
        raise bad_input(
            f"Tensor {name!r:.100}: {array.size} elements are given; the shape {list(sizes)!r:.200} has {count}.", name
        )
    try:
        return array.reshape(sizes)
    except ValueError:  # negative sizes, or such large ones beside a 0 that numpy cannot count
        check_shape(sizes, name)
        raise bad_input(f"Tensor {name!r:.100}: the shape {list(sizes)!r:.200} is too large.", name) from None


def dtype_name(name: str, contract: Contract) -> str:
    """What the model takes as this tensor; `bytes` where that is not known."""
    spec = contract.input_by_name.get(name)
    return spec.dtype if spec is not None else "bytes"


def _typed(tensor: v2.ModelInferRequest.InferInputTensor, contract: Contract) -> Array:
    """The array of a tensor with `contents`."""
    name, datatype, contents = tensor.name, tensor.datatype, tensor.contents
    field = _CONTENTS.get(datatype)
    if field is None:
        check_datatype(datatype, name)
        raise bad_input(f"Tensor {name!r:.100}: {datatype} is sent in raw_input_contents only.", name)
    if other := [found.name for found, _ in contents.ListFields() if found.name != field]:
        raise bad_input(f"Tensor {name!r:.100} has {other[0]}; the elements of {datatype} are in {field}.", name)
    # A slice is a list, which numpy reads faster.
    values, sizes = getattr(contents, field)[:], tensor.shape[:]
    if datatype == "BYTES":
        return reshaped(from_elements(values, dtype_name(name, contract), name), sizes, name)
    dtype = DTYPES[datatype]
    wide = np.array(values, dtype=np.int64) if datatype in _NARROW else None
    array = np.array(values, dtype=dtype) if wide is None else wide.astype(dtype)
    if wide is not None and (array != wide).any():
        raise bad_input(f"Tensor {name!r:.100}: an element does not fit into {datatype}.", name)
    return reshaped(array, sizes, name)


def write_response(
    request: v2.ModelInferRequest, answer: Payload, contract: Contract, *, model: str, version: int
) -> v2.ModelInferResponse:
    """The response to a request: raw unless the request was not.

    Args:
        request: What was asked.
        answer: Of the model.
        contract: Of the version that answered.
        model: Name that the model is served under.
        version: That answered; 0 for a model that is of no registry.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: an output is asked for that the answer has not.
    """
    response = v2.ModelInferResponse(model_name=model, model_version=str(version), id=request.id)
    named = contract.named(answer)
    if request.outputs:
        named = wanted([output.name for output in request.outputs], named)
    datatypes = [datatype_of_array(array) for _, array in named]
    # The protocol has no list for FP16.
    raw = bool(request.raw_input_contents) or "FP16" in datatypes
    add, add_raw = response.outputs.add, response.raw_output_contents.append
    for (name, array), datatype in zip(named, datatypes, strict=True):
        output = add(name=name, datatype=datatype, shape=array.shape)
        if raw:
            add_raw(to_raw(array, datatype))
        else:
            values = to_elements(array) if datatype == "BYTES" else array.ravel().tolist()
            getattr(output.contents, _CONTENTS[datatype]).extend(values)
    return response


def wanted(names: Sequence[str], answer: Sequence[tuple[str, Array]]) -> list[tuple[str, Array]]:
    """The outputs that were asked for, in that order.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: one is not among them.
    """
    found = dict(answer)
    if missing := [name for name in names if name not in found]:
        raise bad_input(f"The model gave no output {missing[0]!r:.100}; it gave {list(found)!r:.300}.", missing[0])
    return [(name, found[name]) for name in names]


def to_raw(array: Array, datatype: str) -> bytes:
    """The reverse of `from_raw`."""
    return join_bytes(to_elements(array)) if datatype == "BYTES" else array.tobytes()
