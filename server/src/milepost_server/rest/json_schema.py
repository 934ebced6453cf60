"""JSON schemas of messages, as OpenAPI 3.1 has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from milepost.v1 import annotations_pb2
from milepost_server.rest.comments import comments
from milepost_server.rest.json_form import JsonForm
from milepost_server.rest.json_write import inner_type, is_map
from milepost_server.rest.wellknown import ANY, WRAPPERS

Schema = dict[str, Any]

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: "int32",
    FieldDescriptor.CPPTYPE_UINT32: "uint32",
    FieldDescriptor.CPPTYPE_INT64: "int64",
    FieldDescriptor.CPPTYPE_UINT64: "uint64",
}
_ANY_SCHEMA: Schema = {
    "type": "object",
    "properties": {"@type": {"type": "string", "description": "URL of the type of message."}},
    "required": ["@type"],
    "additionalProperties": True,
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d{1,12}(\.\d{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string", "description": "Comma-separated paths of fields."},
    "google.protobuf.Value": {},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    ANY: _ANY_SCHEMA,
}


class Schemas:
    """Collects the schemas that a document refers to.

    Args:
        form: How messages are written.
        components: Gets the schema of each message and enum referred to, by full name.
    """

    def __init__(self, form: JsonForm, components: dict[str, Schema]) -> None:
        self._form = form
        self.components = components

    def message(self, descriptor: Descriptor) -> Schema:
        """The schema of a message: a reference, or its own form for a well-known type."""
        name = descriptor.full_name
        if name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[name])
        if name in WRAPPERS:
            return self._single(descriptor.fields_by_name["value"])
        if name not in self.components:
            self.components[name] = {}  # refers to itself, perhaps
            self.components[name] = self.fields(descriptor, descriptor.fields)
        return {"$ref": f"#/components/schemas/{name}"}

    def fields(self, descriptor: Descriptor, fields: Iterable[FieldDescriptor]) -> Schema:
        """The schema of an object with these fields of a message."""
        chosen = list(fields)
        schema: Schema = {"type": "object", **_described(descriptor.full_name)}
        key = self._form.key
        schema["properties"] = {key(field): self.field(field) for field in chosen}
        required = [key(field) for field in chosen if field_behavior_pb2.REQUIRED in behaviors(field)]
        if required:
            schema["required"] = required
        if not self._form.loose:
            schema["additionalProperties"] = False
        return schema

    def field(self, field: FieldDescriptor) -> Schema:
        """The schema of a field's value, with its limits and comment."""
        schema = self._limited(field) | _described(field.full_name)
        if field_behavior_pb2.OUTPUT_ONLY in behaviors(field):
            schema["readOnly"] = True
        return schema

    def _limited(self, field: FieldDescriptor) -> Schema:
        limits = field.GetOptions().Extensions[annotations_pb2.limits]
        if is_map(field):
            value = self._single(inner_type(field).fields_by_name["value"])
            schema: Schema = {
                "type": "object",
                "additionalProperties": value | _set(limits, maxLength="max_value_length"),
            }
            names = _text_limits(limits)
            return schema | ({"propertyNames": names} if names else {}) | _set(limits, maxProperties="max_items")
        single = self._single(field)
        if "$ref" not in single:
            single |= _text_limits(limits) | _set(limits, minimum="minimum", maximum="maximum")
        if field.is_repeated:
            return {"type": "array", "items": single} | _set(limits, maxItems="max_items")
        return single

    def _single(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        if field.cpp_type in _INTEGERS:
            name = _INTEGERS[field.cpp_type]
            # 64 bits are more than a JavaScript number holds: answers have strings or not, requests may have either.
            wide = ["integer", "string"] if self._form.wide_numbers else ["string", "integer"]
            return {"type": "integer" if name.endswith("32") else wide, "format": name}
        if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return {"type": "boolean"}
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        return {"type": "string"}

    def _enum(self, enum: EnumDescriptor) -> Schema:
        texts = comments()
        if enum.full_name not in self.components:
            values = [f"- `{value.name}`: {_value_comment(enum, value.name, texts)}" for value in enum.values]
            self.components[enum.full_name] = {
                "type": "string",
                "enum": [value.name for value in enum.values],
                "description": "\n".join([texts.get(enum.full_name, ""), "", *values]).strip(),
            }
        return {"$ref": f"#/components/schemas/{enum.full_name}"}


def behaviors(field: FieldDescriptor) -> list[int]:
    """The `google.api.field_behavior` of a field."""
    return list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def _value_comment(enum: EnumDescriptor, value: str, texts: dict[str, str]) -> str:
    return texts.get(f"{enum.full_name}.{value}", "")


def _described(full_name: str) -> Schema:
    text = comments().get(full_name)
    return {"description": text} if text else {}


def _text_limits(limits: annotations_pb2.FieldLimits) -> Schema:
    schema = _set(limits, minLength="min_length", maxLength="max_length")
    if limits.pattern:
        schema["pattern"] = f"^(?:{limits.pattern})$"
    return schema


def _set(limits: annotations_pb2.FieldLimits, **keywords: Any) -> Schema:
    """The limits that are set, by their keyword."""
    return {keyword: getattr(limits, name) for keyword, name in keywords.items() if limits.HasField(name)}
