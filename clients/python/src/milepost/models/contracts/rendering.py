"""Contracts as text.

protobuf's Python package has no printer of descriptors, so this one prints what contracts consist of.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf import text_encoding
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

from milepost.models.contracts._files import MESSAGE, SERVICE, SYNTAX
from milepost.models.contracts.names import default_json_name

_KINDS = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in FieldDescriptorProto.Type.items()
    if number not in (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM)
}
_INDENT = "  "

Path = tuple[int, ...]


def render(file: FileDescriptorProto) -> str:
    """The text of a contract's `.proto`, of which protoc makes the same descriptor.

    Args:
        file: What `contract_file` made.
    """
    return "\n".join(_Renderer(file).lines()) + "\n"


class _Renderer:
    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._comments = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}

    def lines(self) -> Iterator[str]:
        file = self._file
        yield from self._comment((SYNTAX,), "")
        yield from ('syntax = "proto3";', "", f"package {file.package};", "")
        for dependency in file.dependency:
            yield f"import {_text(dependency)};"
        if file.dependency:
            yield ""
        yield f"option go_package = {_text(file.options.go_package)};"
        yield f"option java_multiple_files = {str(file.options.java_multiple_files).lower()};"
        yield f"option java_package = {_text(file.options.java_package)};"
        for index, service in enumerate(file.service):
            yield ""
            yield from self._service(service, (SERVICE, index))
        for index, message in enumerate(file.message_type):
            yield ""
            yield from self._message(message, (MESSAGE, index), "")

    def _comment(self, path: Path, indent: str) -> Iterator[str]:
        for line in self._comments.get(path, "").splitlines():
            yield f"{indent}//{line}"

    def _service(self, service: ServiceDescriptorProto, path: Path) -> Iterator[str]:
        yield from self._comment(path, "")
        yield f"service {service.name} {{"
        for index, method in enumerate(service.method):
            yield from self._comment((*path, service.METHOD_FIELD_NUMBER, index), _INDENT)
            given = f"{'stream ' if method.client_streaming else ''}{_last(method.input_type)}"
            answer = f"{'stream ' if method.server_streaming else ''}{_last(method.output_type)}"
            yield f"{_INDENT}rpc {method.name}({given}) returns ({answer});"
        yield "}"

    def _message(self, message: DescriptorProto, path: Path, indent: str) -> Iterator[str]:
        yield from self._comment(path, indent)
        yield f"{indent}message {message.name} {{"
        inner = indent + _INDENT
        entries = {each.name: each for each in message.nested_type if each.options.map_entry}
        for index, nested in enumerate(message.nested_type):
            if nested.name not in entries:
                yield from self._message(nested, (*path, message.NESTED_TYPE_FIELD_NUMBER, index), inner)
                yield ""
        for index, field in enumerate(message.field):
            yield from self._comment((*path, message.FIELD_FIELD_NUMBER, index), inner)
            json_name = "" if field.json_name == default_json_name(field.name) else _option(field.json_name)
            yield f"{inner}{self._type(field, entries)} {field.name} = {field.number}{json_name};"
        yield f"{indent}}}"

    def _type(self, field: FieldDescriptorProto, entries: dict[str, DescriptorProto]) -> str:
        entry = entries.get(_last(field.type_name)) if field.type_name else None
        if entry is not None:
            return f"map<string, {self._name(entry.field[1])}>"
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            return f"repeated {self._name(field)}"
        return f"optional {self._name(field)}" if field.proto3_optional else self._name(field)

    def _name(self, field: FieldDescriptorProto) -> str:
        """Type of one value. The last part of a name is enough for messages of the file: none hides another."""
        if not field.type_name:
            return _KINDS[field.type]
        full_name = field.type_name.removeprefix(".")
        return _last(full_name) if full_name.startswith(f"{self._file.package}.") else full_name


def _last(full_name: str) -> str:
    return full_name.rpartition(".")[2]


def _option(json_name: str) -> str:
    return f" [json_name = {_text(json_name)}]"


def _text(value: str) -> str:
    escaped = text_encoding.CEscape(value, as_utf8=True)  # type: ignore[arg-type]  # it takes both
    return f'"{escaped}"'
