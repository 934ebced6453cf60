"""Requests of a typed service, each read by the contract of the version that it asks for."""

from __future__ import annotations

from typing import cast

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from milepost.errors import ModelFormatError
from milepost.models.contracts.layout import VERSION_NUMBER
from milepost.models.signatures.signature import ModelSignature
from milepost_server.errors import invalid_field
from milepost_server.serving.predicting import Router
from milepost_server.serving.typed.typed_model import TypedModel

# Further contracts of one service that are kept, those that were made last.
_MOST_KEPT = 8


class Requests:
    """Stands for the class of the requests. A program that was compiled for a version goes on asking that one.

    Its numbers of fields mean other columns in other contracts, by which it must not be read.

    Args:
        live: The contract of the live version.
        router: Knows the signatures of the others.
    """

    def __init__(self, live: TypedModel, router: Router) -> None:
        self.live = live
        self._router = router
        self._others: dict[type[Message], TypedModel] = {}

    @property
    def DESCRIPTOR(self) -> Descriptor:  # noqa: N802  # as classes of messages have it
        """That of the live version's requests."""
        return cast(Descriptor, self.live.request_class.DESCRIPTOR)

    def FromString(self, raw: bytes) -> Message:  # noqa: N802  # as classes of messages have it
        """Reads a request.

        Raises:
            DecodeError: The bytes are none.
            DomainError: It asks for a version that there is not, or that has no typed contract.
        """
        version: int = _Envelope.FromString(raw).version  # type: ignore[attr-defined]
        model = self._model(version) if version else self.live
        return model.request_class.FromString(raw)

    def model_of(self, request: Message) -> TypedModel:
        """The contract that a request was read by."""
        return self._others.get(type(request), self.live)

    def _model(self, version: int) -> TypedModel:
        if version < 0:
            raise invalid_field("version", "must be the number of a version, or 0 for the live one")
        with self._router.lease(self.live.name, version) as loaded:
            signature = loaded.contract.signature
        if same(signature, self.live.signature):
            return self.live
        for model in self._others.values():
            if same(signature, model.signature):
                return model
        try:
            made = TypedModel(self.live.name, signature)
        except ModelFormatError:
            raise invalid_field("version", "has no typed contract; ask it through another interface") from None
        for old in list(self._others)[: 1 - _MOST_KEPT]:
            del self._others[old]
        self._others[made.request_class] = made
        return made


def _envelope() -> type[Message]:
    """The part of requests that all contracts have in common."""
    file = FileDescriptorProto(name="envelope.proto", package="milepost.models", syntax="proto3")
    field = file.message_type.add(name="Envelope").field.add(name="version", number=VERSION_NUMBER)
    field.type, field.label = FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.LABEL_OPTIONAL
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("milepost.models.Envelope"))


_Envelope = _envelope()


def same(one: ModelSignature | None, other: ModelSignature | None) -> bool:
    """Whether two signatures have the same contract."""
    return one is other or one == other
