"""One batch of columns or one tensor in every form that the model server takes, and how each form tells an error."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from milepost import v1 as pb
from milepost_server.serving import inference as v2

TIMEOUT_S = 60.0
_TYPES = {"f": "FP", "i": "INT", "u": "UINT"}
_HTTP = {
    code_pb2.INVALID_ARGUMENT: (400,),
    code_pb2.NOT_FOUND: (404,),
    code_pb2.RESOURCE_EXHAUSTED: (413, 429),
    code_pb2.UNIMPLEMENTED: (501,),
}


@dataclass(frozen=True)
class Refused:
    """An error.

    Args:
        code: A `google.rpc.Code`, or the HTTP status where the form of errors has no code.
        reason: Name of the reason; empty where the form has none.
        field: The field at fault; empty where it is not told.
        text: All that the caller gets to see.
    """

    code: int
    reason: str
    field: str
    text: str

    def is_code(self, code: int) -> bool:
        """Whether it is this error, in the way of its form."""
        return self.code == code or self.code in _HTTP[code]


class Wires:
    """Sends requests that are to be refused, or answered.

    Args:
        grpc_port: Of the server.
        http_port: Of the server.
    """

    def __init__(self, grpc_port: int, http_port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=[("grpc.max_send_message_length", -1)])
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", trust_env=False, timeout=TIMEOUT_S)

    def close(self) -> None:
        """Ends the connections."""
        self.channel.close()
        self.http.close()

    def predict(self, model: str, data: pb.PredictInput, version: int = 0) -> pb.PredictResponse | Refused:
        """`milepost.v1.PredictionService/Predict`."""
        request = pb.PredictRequest(model=model, version=version, input=data)
        answer: pb.PredictResponse | Refused = self.call(
            "milepost.v1.PredictionService/Predict", request, pb.PredictResponse
        )
        return answer

    def infer(self, request: v2.ModelInferRequest) -> v2.ModelInferResponse | Refused:
        """`inference.GRPCInferenceService/ModelInfer`."""
        answer: v2.ModelInferResponse | Refused = self.call(
            "inference.GRPCInferenceService/ModelInfer", request, v2.ModelInferResponse
        )
        return answer

    def call(self, method: str, request: Message | bytes, answer: Any) -> Any:
        """A unary call over gRPC."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        try:
            return answer.FromString(self.channel.unary_unary(f"/{method}", None, None)(body, timeout=TIMEOUT_S))
        except grpc.RpcError as error:
            return _of_grpc(error)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response | Refused:
        """A POST; what is neither bytes nor an iterator of them is sent as JSON."""
        content = body if isinstance(body, bytes | Iterator) else orjson.dumps(body)
        given = {"content-type": "application/json", **(headers or {})}
        response = self.http.post(path, content=content, headers=given)
        return response if response.status_code == 200 else _of_http(response)


def tensors(arrays: Mapping[str, Any]) -> pb.PredictInput:
    """Arrays in the native form."""
    return pb.PredictInput(tensors=pb.Tensors(tensors=[_tensor(name, np.asarray(a)) for name, a in arrays.items()]))


def rows(values: list[Any]) -> pb.PredictInput:
    """Rows in the native form."""
    data = pb.PredictInput()
    data.rows.SetInParent()
    data.rows.extend(values)
    return data


def arrow(columns: Mapping[str, Any]) -> pb.PredictInput:
    """A table in the native form."""
    table, sink = pa.table(dict(columns)), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pb.PredictInput(arrow=sink.getvalue())


def parquet(columns: Mapping[str, Any]) -> bytes:
    """A table as a Parquet file."""
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()


def raw_request(model: str, arrays: Mapping[str, Any]) -> v2.ModelInferRequest:
    """Arrays as a request of the Open Inference Protocol, raw."""
    request = v2.ModelInferRequest(model_name=model)
    for name, given in arrays.items():
        array = np.asarray(given)
        request.inputs.add(name=name, datatype=datatype(array), shape=array.shape)
        request.raw_input_contents.append(_raw(array))
    return request


def json_request(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays as a request of the same protocol in JSON."""
    return {"inputs": [_json(name, np.asarray(given)) for name, given in arrays.items()]}


def datatype(array: np.ndarray[Any, Any]) -> str:
    """The protocol's name of a dtype."""
    if array.dtype.kind == "b":
        return "BOOL"
    kind = _TYPES.get(array.dtype.kind)
    return f"{kind}{array.dtype.itemsize * 8}" if kind else "BYTES"


def _json(name: str, array: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype(array), "shape": list(array.shape), "data": array.ravel().tolist()}


def _raw(array: np.ndarray[Any, Any]) -> bytes:
    if datatype(array) != "BYTES":
        return array.tobytes()
    elements = [str(each).encode() for each in array.ravel()]
    return b"".join(len(each).to_bytes(4, "little") + each for each in elements)


def _tensor(name: str, array: np.ndarray[Any, Any]) -> pb.Tensor:
    if array.dtype.kind in "US":
        return pb.Tensor(name=name, dtype="str", shape=array.shape, texts=array.ravel().tolist())
    assert math.prod(array.shape) == array.size
    return pb.Tensor(name=name, dtype=array.dtype.name, shape=array.shape, data=array.tobytes())


def _of_grpc(error: Any) -> Refused:
    status, info = status_pb2.Status(), error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status.ParseFromString(value)
    for detail in status.details:
        detail.Unpack(info)
    text = f"{error.details()} {status}"
    return Refused(error.code().value[0], info.reason, info.metadata.get("field", ""), text)


def _of_http(response: httpx.Response) -> Refused:
    body = response.json()
    if "details" not in body:  # MLflow's form, or that of the Open Inference Protocol
        assert set(body) in ({"error"}, {"error_code", "message"})
        return Refused(response.status_code, "", "", response.text)
    info = body["details"][0]
    return Refused(body["code"], info["reason"], info.get("metadata", {}).get("field", ""), response.text)
