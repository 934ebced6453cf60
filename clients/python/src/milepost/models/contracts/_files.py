"""Makes descriptors of files with comments, in the form and order that protoc makes of the text."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from milepost.models.contracts.names import FieldName, camel_case

# Numbers of fields of descriptors, of which paths of comments are made.
SYNTAX, MESSAGE, SERVICE = 12, 4, 6
_NESTED, _FIELD = 3, 2
_IMPORTS = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Value": "google/protobuf/struct.proto",
}


@dataclass(frozen=True)
class FieldType:
    """Type of a field: one of protobuf's own, or a message by its full name."""

    kind: FieldDescriptorProto.Type.ValueType
    message: str = ""


class FileBuilder:
    """A file that grows.

    Args:
        file: Its descriptor, which has a name and a package.
    """

    def __init__(self, file: FileDescriptorProto) -> None:
        self.file = file
        self._imports: set[str] = set()

    def message(self, name: str, comment: str) -> MessageBuilder:
        """Adds a message."""
        path = (MESSAGE, len(self.file.message_type))
        self.comment(path, comment)
        proto = self.file.message_type.add(name=name)
        return MessageBuilder(self, proto, path, f"{self.file.package}.{name}")

    def comment(self, path: tuple[int, ...], text: str) -> None:
        """Puts a comment before what is at the path."""
        lines = "".join(f" {line}".rstrip() + "\n" for line in text.split("\n"))
        self.file.source_code_info.location.add(path=path, span=(0, 0, 0), leading_comments=lines)

    def google(self, name: str) -> FieldType:
        """One of protobuf's own messages, which is imported."""
        self._imports.add(_IMPORTS[name])
        return FieldType(FieldDescriptorProto.TYPE_MESSAGE, name)

    def finish(self) -> FileDescriptorProto:
        """The file, whole."""
        self.file.dependency.extend(sorted(self._imports))
        return self.file


class MessageBuilder:
    """A message that grows. `FileBuilder.message` and `nested` make it; `finish` must be called when it has all fields.

    Args:
        file: The file that has it.
        proto: Its descriptor.
        path: Of its comments.
        full_name: Its name with the package.
    """

    def __init__(self, file: FileBuilder, proto: DescriptorProto, path: tuple[int, ...], full_name: str) -> None:
        self.file = file
        self.type = FieldType(FieldDescriptorProto.TYPE_MESSAGE, full_name)
        self._proto = proto
        self._path = path
        self._nested_names: set[str] = set()
        self._entries: list[DescriptorProto] = []

    def nested(self, name: str, comment: str) -> MessageBuilder:
        """Adds a message inside, with a number behind its name if that is taken, in any case of letters."""
        free, number = name, 1
        while free.lower() in self._nested_names:
            number += 1
            free = f"{name}{number}"
        self._nested_names.add(free.lower())
        path = (*self._path, _NESTED, len(self._proto.nested_type))
        self.file.comment(path, comment)
        return MessageBuilder(self.file, self._proto.nested_type.add(name=free), path, f"{self.type.message}.{free}")

    def single(self, name: FieldName, number: int, kind: FieldType, comment: str) -> None:
        """Adds a field of one value, of which can be said whether it is there."""
        field = self._add(name, number, kind, comment)
        if kind.kind != FieldDescriptorProto.TYPE_MESSAGE:
            field.proto3_optional = True
            field.oneof_index = len(self._proto.oneof_decl)
            self._proto.oneof_decl.add(name=f"_{name.name}")

    def plain(self, name: FieldName, number: int, kind: FieldType, comment: str) -> None:
        """Adds a field of one value, whose zero says the same as its absence."""
        self._add(name, number, kind, comment)

    def repeated(self, name: FieldName, number: int, kind: FieldType, comment: str) -> None:
        """Adds a list."""
        self._add(name, number, kind, comment).label = FieldDescriptorProto.LABEL_REPEATED

    def map(self, name: FieldName, number: int, kind: FieldType, comment: str) -> None:
        """Adds a map of texts to values."""
        entry = DescriptorProto(name=f"{camel_case(name.name)}Entry")
        entry.options.map_entry = True
        for field_number, (key, of) in enumerate(
            (("key", FieldType(FieldDescriptorProto.TYPE_STRING)), ("value", kind)), start=1
        ):
            _set_type(entry.field.add(name=key, number=field_number, json_name=key), of)
        # protoc has the entries behind the messages that stand in the text.
        self._entries.append(entry)
        of_entry = FieldType(FieldDescriptorProto.TYPE_MESSAGE, f"{self.type.message}.{entry.name}")
        self._add(name, number, of_entry, comment).label = FieldDescriptorProto.LABEL_REPEATED

    def finish(self) -> None:
        """Ends the message: nothing can be nested any more."""
        self._proto.nested_type.extend(self._entries)

    def _add(self, name: FieldName, number: int, kind: FieldType, comment: str) -> FieldDescriptorProto:
        self.file.comment((*self._path, _FIELD, len(self._proto.field)), comment)
        field = self._proto.field.add(name=name.name, number=number, json_name=name.json_name)
        _set_type(field, kind)
        return field


def _set_type(field: FieldDescriptorProto, kind: FieldType) -> None:
    field.type = kind.kind
    field.label = FieldDescriptorProto.LABEL_OPTIONAL
    if kind.message:
        field.type_name = f".{kind.message}"
