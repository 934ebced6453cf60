"""The Open Inference Protocol over HTTP: JSON, perhaps with the tensors' bytes after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost.models.signatures._exact import exact_cast
from milepost.models.signatures._tensors import json_array
from milepost.models.worker.payload import Array, Payload
from milepost_server.rest.json_text import parse_strict
from milepost_server.serving.checks.bad_input import Checked, bad_input, malformed
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import json_answers
from milepost_server.serving.codecs.datatypes import (
    DTYPES,
    check_datatype,
    datatype_of_array,
    from_elements,
    to_texts,
)
from milepost_server.serving.codecs.parameters import check_tensor_parameters, model_params
from milepost_server.serving.codecs.v2_messages import (
    check_requested,
    check_shape,
    dtype_name,
    from_raw,
    reshaped,
    to_raw,
    wanted,
)

_KEYS = {"id", "parameters", "inputs", "outputs"}
_INPUT_KEYS = {"name", "shape", "datatype", "parameters", "data"}
_OUTPUT_KEYS = {"name", "parameters"}
_OBJECT = np.dtype(object)


@dataclass(frozen=True, slots=True)
class InferRequest:
    """The body of a request.

    Args:
        id: Comes back in the answer; empty without.
        parameters: Of the request.
        inputs: Objects with the keys of the protocol, types checked but for `data`.
        outputs: The same.
        binary: What follows the JSON.
    """

    id: str
    parameters: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]]
    outputs: Sequence[Mapping[str, Any]]
    binary: memoryview


def parse(body: bytes, header_length: int | None = None) -> InferRequest:
    """Reads a body.

    Args:
        body: All of it.
        header_length: Bytes of the JSON, when there are others after it: the header `Inference-Header-Content-Length`.

    Raises:
        InvalidArgument: `MALFORMED_BODY`.
    """
    if header_length is None:
        header_length = len(body)
    elif not 0 <= header_length <= len(body):
        raise malformed("Inference-Header-Content-Length is not between 0 and the length of the body.")
    document = parse_strict(body if header_length == len(body) else body[:header_length])
    _check_object(document, _KEYS, "The body")
    request_id, parameters = document.get("id", ""), document.get("parameters", {})
    inputs, outputs = document.get("inputs"), document.get("outputs", [])
    if type(request_id) is not str:
        raise malformed("id must be a text.", "id")
    if type(parameters) is not dict:
        raise malformed("parameters must be an object.", "parameters")
    if type(inputs) is not list or not inputs:
        raise malformed("inputs must be a list of tensors, with at least one.", "inputs")
    if type(outputs) is not list:
        raise malformed("outputs must be a list.", "outputs")
    for at, tensor in enumerate(inputs):
        _check_tensor(tensor, _INPUT_KEYS, f"inputs[{at}]")
        _check_input(tensor, f"inputs[{at}]")
    for at, tensor in enumerate(outputs):
        _check_tensor(tensor, _OUTPUT_KEYS, f"outputs[{at}]")
    return InferRequest(request_id, parameters, inputs, outputs, memoryview(body)[header_length:])


def _check_object(value: Any, keys: set[str], where: str) -> None:
    if type(value) is not dict:
        raise malformed(f"{where} must be an object.")
    if not value.keys() <= keys:
        unknown = next(key for key in value if key not in keys)
        raise malformed(f"{where} has the unknown key {unknown!r:.100}. Leave it out.", unknown)


def _check_tensor(tensor: Any, keys: set[str], where: str) -> None:
    _check_object(tensor, keys, where)
    if type(tensor.get("name")) is not str:
        raise malformed(f"{where}.name must be a text.", f"{where}.name")
    if type(tensor.get("parameters", {})) is not dict:
        raise malformed(f"{where}.parameters must be an object.", f"{where}.parameters")


def _check_input(tensor: Mapping[str, Any], where: str) -> None:
    if type(tensor.get("datatype")) is not str:
        raise malformed(f"{where}.datatype must be a text.", f"{where}.datatype")
    shape = tensor.get("shape")
    if type(shape) is not list or not all(type(size) is int for size in shape):
        raise malformed(f"{where}.shape must be a list of integers.", f"{where}.shape")


def read(request: InferRequest, contract: Contract) -> tuple[Payload, Mapping[str, Any] | None]:
    """The batch and the params of a request.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: they are not of the protocol, or not of the model's signature.
    """
    tensors: dict[str, Array] = {}
    start = 0
    for tensor in request.inputs:
        name, parameters = tensor["name"], tensor.get("parameters", {})
        if name in tensors:
            raise bad_input(f"Tensor {name!r:.100} is there more than once.", name)
        check_tensor_parameters(parameters, name)
        size = parameters.get("binary_data_size")
        if size is None:
            tensors[name] = _from_data(tensor, contract)
            continue
        if type(size) is not int or not 0 <= size <= len(request.binary) - start or "data" in tensor:
            raise bad_input(
                f"Tensor {name!r:.100}: binary_data_size is not the number of bytes that follow, or there are data "
                "beside them.",
                name,
            )
        raw = request.binary[start : start + size]
        tensors[name] = from_raw(raw, tensor["datatype"], tensor["shape"], name, contract)
        start += size
    if start != len(request.binary):
        raise bad_input(f"{len(request.binary) - start} bytes follow the JSON that are of no tensor.")
    if request.outputs:
        check_requested([output["name"] for output in request.outputs], contract)
        for output in request.outputs:
            check_tensor_parameters(output.get("parameters", {}), output["name"])
    payload = contract.from_tensors(tensors)
    return payload, contract.params(model_params(request.parameters))


def _from_data(tensor: Mapping[str, Any], contract: Contract) -> Array:
    name, datatype, sizes, data = tensor["name"], tensor["datatype"], tensor["shape"], tensor.get("data")
    check_datatype(datatype, name)
    check_shape(sizes, name)
    if type(data) is not list:
        raise bad_input(f"Tensor {name!r:.100}: data must be a list.", name)
    what = f"Tensor {name!r:.100} ({datatype})"
    with Checked():
        array = json_array(data, DTYPES.get(datatype, _OBJECT), name, what)
        if datatype != "BYTES":
            array = exact_cast(array, DTYPES[datatype], name, what)
    if array.ndim > 1 and list(array.shape) != sizes:
        raise bad_input(f"{what}: data has the shape {list(array.shape)}, not {sizes!r:.200}.", name)
    if datatype == "BYTES":
        texts = array.ravel().tolist()
        if not all(type(text) is str for text in texts):
            raise bad_input(f"{what}: an element is no text.", name)
        array = from_elements([text.encode() for text in texts], dtype_name(name, contract), name)
    return reshaped(array, sizes, name)


def write(
    request: InferRequest, answer: Payload, contract: Contract, *, model: str, version: int
) -> tuple[bytes, int | None]:
    """The body of the response, and the length of its JSON when bytes follow it.

    Args:
        request: What was asked.
        answer: Of the model.
        contract: Of the version that answered.
        model: Name that the model is served under.
        version: That answered; 0 for a model that is of no registry.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: an output is asked for that the answer has not, or cannot have as JSON.
    """
    named = contract.named(answer)
    if request.outputs:
        named = wanted([output["name"] for output in request.outputs], named)
    default = request.parameters.get("binary_data_output") is True
    binary = {
        output["name"]: output.get("parameters", {}).get("binary_data", default) is True for output in request.outputs
    }
    outputs, pieces = [], []
    for name, array in named:
        datatype = datatype_of_array(array)
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
        if binary.get(name, default):
            pieces.append(to_raw(array, datatype))
            output["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            output["data"] = _data(array, datatype, name)
        outputs.append(output)
    document = {"model_name": model, "model_version": str(version), "outputs": outputs}
    if request.id:
        document["id"] = request.id
    header = json_answers.dumps(document)
    return (b"".join((header, *pieces)), len(header)) if pieces else (header, None)


def _data(array: Array, datatype: str, name: str) -> Any:
    """The elements, row-major, for JSON."""
    if datatype != "BYTES":
        return json_answers.of_array(array.reshape(-1))
    try:
        return to_texts(array)
    except UnicodeDecodeError:
        raise bad_input(
            f"The output {name!r:.100} has bytes that are no text. Ask for it with binary_data.", name
        ) from None
