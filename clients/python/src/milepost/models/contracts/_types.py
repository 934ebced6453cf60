"""Types of columns, members, params and tensors as fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from milepost.errors import ModelFormatError
from milepost.models.contracts._files import FieldType, MessageBuilder
from milepost.models.contracts.layout import GROUP_SIZE, TensorForm, tensor_form
from milepost.models.contracts.names import FieldName, camel_case, field_names
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    Tensor,
    VectorType,
)

_SCALARS = {
    DataType.BOOLEAN: FieldDescriptorProto.TYPE_BOOL,
    DataType.INTEGER: FieldDescriptorProto.TYPE_INT32,
    DataType.LONG: FieldDescriptorProto.TYPE_INT64,
    DataType.FLOAT: FieldDescriptorProto.TYPE_FLOAT,
    DataType.DOUBLE: FieldDescriptorProto.TYPE_DOUBLE,
    DataType.STRING: FieldDescriptorProto.TYPE_STRING,
    DataType.BINARY: FieldDescriptorProto.TYPE_BYTES,
}
_DTYPES = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    **dict.fromkeys(("int8", "int16", "int32"), FieldDescriptorProto.TYPE_INT32),
    "int64": FieldDescriptorProto.TYPE_INT64,
    **dict.fromkeys(("uint8", "uint16", "uint32"), FieldDescriptorProto.TYPE_UINT32),
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    **dict.fromkeys(("float16", "float32"), FieldDescriptorProto.TYPE_FLOAT),
    "float64": FieldDescriptorProto.TYPE_DOUBLE,
    "str": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
# Control characters, what changes the direction of text, and halves of characters.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_ITEMS, _ENTRIES = FieldName("items", "items"), FieldName("entries", "entries")


class Value(Protocol):
    """A column, a member of an object, or what else has a type."""

    @property
    def type(self) -> ColumnType:
        """Of the value."""

    @property
    def required(self) -> bool:
        """Whether it must be there."""


@dataclass(frozen=True)
class Types:
    """Makes fields. Messages that they need are nested in one message, so that no name hides another.

    Args:
        root: That message.
    """

    root: MessageBuilder

    def add(
        self, into: MessageBuilder, name: FieldName, number: int, value: Value, comment: str, outer: str = ""
    ) -> None:
        """Adds a field for a value.

        Proto3 does not tell a list or map that is absent from an empty one: one that may be absent is in a message.

        Args:
            into: Gets the field.
            name: Of the field.
            number: Of the field.
            value: What it holds.
            comment: Before it.
            outer: Begins the names of messages that are made for it.
        """
        kind, required = value.type, value.required
        stem = outer + camel_case(name.name)
        if not required or not isinstance(kind, ArrayType | VectorType | MapType):
            into.single(name, number, self._single(kind, stem), comment)
        elif isinstance(kind, MapType):
            into.map(name, number, self._single(kind.values, f"{stem}Value"), comment)
        else:
            into.repeated(name, number, self._single(_items(kind), f"{stem}Item"), comment)

    def add_tensor(
        self, into: MessageBuilder, name: FieldName, number: int, tensor: Tensor, shape: tuple[int, ...], comment: str
    ) -> None:
        """Adds a field for elements of a tensor, which have the shape."""
        element = self._element(tensor)
        form = tensor_form(shape)
        if form is TensorForm.SINGLE:
            into.single(name, number, element, comment)
        elif form is TensorForm.LIST:
            into.repeated(name, number, element, comment)
        else:
            nested = self.root.nested(f"{camel_case(name.name)}Tensor", "Elements and their shape.")
            nested.repeated(FieldName("elements", "elements"), 1, element, "Row-major.")
            sizes = FieldType(FieldDescriptorProto.TYPE_INT64)
            nested.repeated(FieldName("shape", "shape"), 2, sizes, f"Sizes of the dimensions: {list(shape)}.")
            into.single(name, number, nested.type, comment)

    def _element(self, tensor: Tensor) -> FieldType:
        if tensor.dtype in _DTYPES:
            return FieldType(_DTYPES[tensor.dtype])
        if tensor.dtype == "object":
            return self.root.file.google("google.protobuf.Value")
        if tensor.dtype.startswith("datetime64"):
            return self.root.file.google("google.protobuf.Timestamp")
        raise ModelFormatError(
            f"The model has no typed contract: protobuf has nothing for {tensor.dtype}, the dtype of its tensor "
            f"{tensor.name!r:.100}."
        )

    def _single(self, kind: ColumnType, stem: str) -> FieldType:
        """The type of one value, for which a message may be needed."""
        if isinstance(kind, DataType):
            if kind is DataType.DATETIME:
                return self.root.file.google("google.protobuf.Timestamp")
            return FieldType(_SCALARS[kind])
        if isinstance(kind, AnyType):
            return self.root.file.google("google.protobuf.Value")
        if isinstance(kind, ObjectType):
            return self._object(kind, stem)
        if isinstance(kind, MapType):
            nested = self.root.nested(f"{stem}Map", "A map.")
            nested.map(_ENTRIES, 1, self._single(kind.values, f"{stem}Value"), "The entries.")
            nested.finish()
            return nested.type
        nested = self.root.nested(f"{stem}List", "A list.")
        nested.repeated(_ITEMS, 1, self._single(_items(kind), f"{stem}Item"), "The items.")
        return nested.type

    def _object(self, kind: ObjectType, stem: str) -> FieldType:
        check_size(len(kind.properties), "an object", "members")
        nested = self.root.nested(f"{stem}Object", "An object.")
        names = field_names([member.name for member in kind.properties], "member")
        for number, (member, name) in enumerate(zip(kind.properties, names, strict=True), start=1):
            comment = f"{quoted(member.name)}. {required_words(member.required)}"
            self.add(nested, name, number, member, comment, stem)
        nested.finish()
        return nested.type


def check_size(fields: int, what: str, parts: str) -> None:
    """Raises `ModelFormatError` for more fields than a message should have."""
    if fields > GROUP_SIZE:
        raise ModelFormatError(
            f"The model has no typed contract: {what} has {fields} {parts}, and at most {GROUP_SIZE} can be in one."
        )


def quoted(name: str) -> str:
    """A user's name for a comment, on one line."""
    shown = name if len(name) <= 200 else f"{name[:200]}…"
    return '"' + _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", shown) + '"'


def required_words(required: bool) -> str:
    """What a comment says of a value that must be there, or need not be."""
    return "Required." if required else "May be absent."


def _items(kind: ArrayType | VectorType) -> ColumnType:
    return kind.items if isinstance(kind, ArrayType) else DataType.DOUBLE
