"""The messages and the codec of one typed contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import message_factory, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from milepost.models.contracts import contract_file
from milepost.models.signatures.signature import ModelSignature
from milepost.models.worker.payload import Payload
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.predicting import Answered
from milepost_server.serving.typed.reading import InputReader, ParamsReader
from milepost_server.serving.typed.writing import OutputWriter, write_values

_IMPORTS = {file.name: file.serialized_pb for file in (struct_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR)}


class TypedModel:
    """A model's typed contract, made to messages.

    Args:
        name: What the model is served under.
        signature: What it takes and gives; None has no contract.

    Raises:
        ModelFormatError: The signature has no typed contract.
    """

    def __init__(self, name: str, signature: ModelSignature | None) -> None:
        file = contract_file(name, signature)
        assert signature is not None
        assert signature.inputs is not None
        self.name = name
        self.signature = signature
        # A pool of its own: it goes when the contract goes, and the next contract of the model has the same names.
        self.pool = _pool(file)
        self.service: ServiceDescriptor = self.pool.FindServiceByName(f"{file.package}.Predictor")
        messages = self.pool.FindFileByName(file.name).message_types_by_name
        self.request_class = message_factory.GetMessageClass(messages["PredictRequest"])
        self.response_class = message_factory.GetMessageClass(messages["PredictResponse"])
        self.read_inputs = InputReader(signature.inputs, messages["Input"])
        self._read_params = ParamsReader(signature.params, messages["Params"]) if signature.params else None
        self._write = OutputWriter(signature.outputs, messages["Output"]) if signature.outputs else None

    def read(self, request: Any, contract: Contract) -> tuple[Payload, Mapping[str, Any] | None]:
        """The batch and the params of a request, checked by the contract of the version that will answer.

        Raises:
            InvalidArgument: `BAD_MODEL_INPUT`.
        """
        payload = contract.from_tensors(self.read_inputs(request.inputs))
        given = self._read_params(request.params) if self._read_params is not None else None
        return payload, contract.params(given)

    def write(self, answered: Answered) -> Message:
        """The response.

        Raises:
            DomainError: `MODEL_FAILED`: the answer is not what the signature says.
        """
        response: Any = self.response_class(version=answered.version.number)
        if self._write is None:
            write_values(answered.payload, response.outputs)
        else:
            self._write(answered.version.contract, answered.payload, response.outputs)
        return response  # type: ignore[no-any-return]


def _pool(file: FileDescriptorProto) -> DescriptorPool:
    pool = DescriptorPool()
    for dependency in file.dependency:
        pool.AddSerializedFile(_IMPORTS[dependency])
    bare = FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    pool.AddSerializedFile(bare.SerializeToString())
    return pool
