"""Protos for tests of the HTTP listener: a message with a field of every kind, and a method of every kind."""

from __future__ import annotations

from typing import Any

from google.api import annotations_pb2 as http_annotations
from google.api import httpbody_pb2
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import ServiceDescriptor

from milepost import v1 as pb
from milepost.v1 import annotations_pb2

PACKAGE = "milepost.test"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = (
    "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "bytes", "uint32",
    "sfixed32", "sfixed64", "sint32", "sint64",
)  # fmt: skip
_WELL_KNOWN: dict[str, Any] = {
    "timestamp": timestamp_pb2.Timestamp,
    "duration": duration_pb2.Duration,
    "field_mask": field_mask_pb2.FieldMask,
    "struct": struct_pb2.Struct,
    "value": struct_pb2.Value,
    "list_value": struct_pb2.ListValue,
    "any": any_pb2.Any,
    "double_value": wrappers_pb2.DoubleValue,
    "float_value": wrappers_pb2.FloatValue,
    "int64_value": wrappers_pb2.Int64Value,
    "uint64_value": wrappers_pb2.UInt64Value,
    "int32_value": wrappers_pb2.Int32Value,
    "uint32_value": wrappers_pb2.UInt32Value,
    "bool_value": wrappers_pb2.BoolValue,
    "string_value": wrappers_pb2.StringValue,
    "bytes_value": wrappers_pb2.BytesValue,
}
_MAP_KEYS = ("string", "int32", "int64", "uint64", "bool")


def _kind(name: str) -> Any:
    return _FIELD.Type.Value(f"TYPE_{name.upper()}")


def _add(message: descriptor_pb2.DescriptorProto, name: str, kind: str, **options: Any) -> None:
    field = message.field.add(name=name, number=len(message.field) + 1, label=_FIELD.LABEL_OPTIONAL)
    if kind.startswith("."):
        field.type = _FIELD.TYPE_ENUM if kind.endswith("Color") or kind.endswith("NullValue") else _FIELD.TYPE_MESSAGE
        field.type_name = kind
    else:
        field.type = _kind(kind)
    for option, value in options.items():
        setattr(field, option, value)


def _add_map(message: descriptor_pb2.DescriptorProto, name: str, key: str, value: str) -> None:
    entry = message.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
    entry.options.map_entry = True
    _add(entry, "key", key)
    _add(entry, "value", value)
    _add(message, name, f".{PACKAGE}.{message.name}.{entry.name}", label=_FIELD.LABEL_REPEATED)


def _everything(message: descriptor_pb2.DescriptorProto) -> None:
    message.name = "Everything"
    own, color = f".{PACKAGE}.Everything", f".{PACKAGE}.Color"
    kinds = {**{name: name for name in _SCALARS}, "color": color, "null": ".google.protobuf.NullValue"}
    for name, kind in kinds.items():
        _add(message, f"one_{name}", kind)
        if name != "null":  # json_format does not read the lists and maps of null that it writes
            _add(message, f"many_{name}", kind, label=_FIELD.LABEL_REPEATED)
    del kinds["null"]
    for name, kind in [
        *kinds.items(),
        *((name, f".{made.DESCRIPTOR.full_name}") for name, made in _WELL_KNOWN.items()),
    ]:
        _add_map(message, f"map_{name}", "string", kind)
    for key in _MAP_KEYS:
        _add_map(message, f"by_{key}", key, "string")
    for name, well_known in _WELL_KNOWN.items():
        _add(message, f"one_{name}", f".{well_known.DESCRIPTOR.full_name}")
        _add(message, f"many_{name}", f".{well_known.DESCRIPTOR.full_name}", label=_FIELD.LABEL_REPEATED)
    _add(message, "child", own)
    _add(message, "children", own, label=_FIELD.LABEL_REPEATED)
    _add_map(message, "named_children", "string", own)
    message.oneof_decl.add(name="choice")
    for name, kind in {
        "int64": "int64",
        "string": "string",
        "child": own,
        "double": "double",
        "null": ".google.protobuf.NullValue",
    }.items():
        _add(message, f"choice_{name}", kind, oneof_index=0)
    for name in ("double", "int64", "string", "bool", "bytes"):
        message.oneof_decl.add(name=f"_maybe_{name}")
        _add(message, f"maybe_{name}", name, proto3_optional=True, oneof_index=len(message.oneof_decl) - 1)


def _message(file: descriptor_pb2.FileDescriptorProto, name: str, **fields: str) -> None:
    message = file.message_type.add(name=name)
    for field, kind in fields.items():
        _add(message, field, kind.removesuffix("*"), label=_FIELD.LABEL_REPEATED if kind.endswith("*") else 1)


def _method(
    service: descriptor_pb2.ServiceDescriptorProto, name: str, request: str, response: str, **rule: str
) -> None:
    method = service.method.add(name=name, input_type=f".{PACKAGE}.{request}", output_type=f".{PACKAGE}.{response}")
    method.client_streaming = name.startswith("Collect")
    method.server_streaming = name.startswith(("Watch", "Fetch"))
    method.options.Extensions[annotations_pb2.permission] = pb.PERMISSION_READ
    for key, value in rule.items():
        setattr(method.options.Extensions[http_annotations.http], key, value)


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="milepost/test/rest.proto", package=PACKAGE, syntax="proto3")
    used = {well_known.DESCRIPTOR.file.name for well_known in _WELL_KNOWN.values()}
    used |= {annotations_pb2.DESCRIPTOR.name, http_annotations.DESCRIPTOR.name, httpbody_pb2.DESCRIPTOR.name}
    file.dependency.extend(sorted(used))
    enum = file.enum_type.add(name="Color")
    for number, name in enumerate(("COLOR_UNSPECIFIED", "COLOR_RED", "COLOR_BLUE")):
        enum.value.add(name=name, number=number)
    _everything(file.message_type.add())
    _message(file, "Item", text="string", number="int64")
    _message(file, "WatchRequest", count="int32", fail_after="int32", item=f".{PACKAGE}.Item", request_id="string")
    _message(file, "CollectResponse", items=f".{PACKAGE}.Item*")
    _message(file, "FetchResponse", body=".google.api.HttpBody")
    service = file.service.add(name="TestService")
    _method(service, "Echo", "Everything", "Everything", post="/test/echo", body="*")
    _method(service, "EchoQuery", "Everything", "Everything", get="/test/echo/{one_string}/{one_int64}")
    _method(
        service, "EchoPart", "WatchRequest", "WatchRequest", put="/test/part/{count}", body="item", response_body="item"
    )
    _method(service, "Watch", "WatchRequest", "Item", get="/test/watch")
    _method(service, "Collect", "Item", "CollectResponse", post="/test/collect", body="*")
    _method(service, "Fetch", "WatchRequest", "FetchResponse", get="/test/fetch", response_body="body")
    _method(service, "Wait", "WatchRequest", "Item", get="/test/wait")
    return file


_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_file().SerializeToString())


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


Everything: Any = _class("Everything")
Item: Any = _class("Item")
WatchRequest: Any = _class("WatchRequest")
CollectResponse: Any = _class("CollectResponse")
FetchResponse: Any = _class("FetchResponse")
TEST_SERVICE: ServiceDescriptor = _pool.FindServiceByName(f"{PACKAGE}.TestService")
