"""Protos for tests of MLflow's dialect: a message with a field of every kind that proto2 has, and some methods.

They are of the package that the dialect is chosen by, under names that MLflow's own messages do not have.
"""

from __future__ import annotations

from typing import Any

from google.api import annotations_pb2 as http_annotations
from google.api import httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor

from milepost import v1 as pb
from milepost.v1 import annotations_pb2

PACKAGE = "milepost.mlflow.v1"
_FIELD = descriptor_pb2.FieldDescriptorProto
_BODY = ".google.api.HttpBody"
_STATUS = f".{PACKAGE}.Probe.Status"

# Type of each field by its name; a `*` makes it a list, and what follows `=` is its default.
_PROBE = {
    "run_id": "string", "run_uuid": "string", "key": "string", "value": "double", "timestamp": "int64",
    "step": "int64=0", "max_results": "int32=1000", "status": _STATUS, "archive_existing": "bool",
    "ascending": "bool=true", "run_ids": "string*", "metrics": f".{PACKAGE}.Probe*", "inputs": f".{PACKAGE}.Probe",
    "number": "uint64", "small": "uint32", "ratio": "float", "data": "bytes", "values": "double*", "steps": "int64*",
    "statuses": f"{_STATUS}*", "flags": "bool*", "name": "string=none", "artifact_path": "string",
}  # fmt: skip
_FILE = {"artifact_path": "string", "run_id": "string", "size": "int64", "body": _BODY}
_READ = {"artifact_path": "string", "run_id": "string", "offset": "int64", "length": "int64"}
_PART = {"body": _BODY, "size": "int64", "sha256": "string", "filename": "string"}


def _message(file: descriptor_pb2.FileDescriptorProto, name: str, fields: dict[str, str]) -> Any:
    message = file.message_type.add(name=name)
    for number, (field_name, described) in enumerate(fields.items(), 1):
        kind, _, default = described.partition("=")
        field = message.field.add(name=field_name, number=number)
        field.label = _FIELD.LABEL_REPEATED if kind.endswith("*") else _FIELD.LABEL_OPTIONAL
        kind = kind.removesuffix("*")
        if default:
            field.default_value = default
        if kind.startswith("."):
            field.type = _FIELD.TYPE_ENUM if kind == _STATUS else _FIELD.TYPE_MESSAGE
            field.type_name = kind
        else:
            field.type = _FIELD.Type.Value(f"TYPE_{kind.upper()}")
    return message


def _add_rest(probe: descriptor_pb2.DescriptorProto) -> None:
    """What `_message` cannot say: the enum, a map and a oneof."""
    enum = probe.enum_type.add(name="Status")
    for number, name in {1: "RUNNING", 3: "FINISHED", 4: "FAILED"}.items():
        enum.value.add(name=name, number=number)
    entry = probe.nested_type.add(name="HeadersEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL, type=_FIELD.TYPE_STRING)
    headers = probe.field.add(name="headers", number=50, label=_FIELD.LABEL_REPEATED, type=_FIELD.TYPE_MESSAGE)
    headers.type_name = f".{PACKAGE}.Probe.HeadersEntry"
    probe.oneof_decl.add(name="choice")
    for number, (name, kind) in enumerate({"either": _FIELD.TYPE_INT64, "other": _FIELD.TYPE_STRING}.items(), 60):
        probe.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL, type=kind, oneof_index=0)


def _method(
    service: descriptor_pb2.ServiceDescriptorProto, name: str, request: str, response: str, **rule: str
) -> None:
    method = service.method.add(name=name, input_type=f".{PACKAGE}.{request}", output_type=f".{PACKAGE}.{response}")
    method.client_streaming = request == "ProbeFile"
    method.server_streaming = response == "ProbePart"
    method.options.Extensions[annotations_pb2.permission] = pb.PERMISSION_READ
    if method.server_streaming:
        option = method.options.Extensions[annotations_pb2.byte_range]
        option.offset_field, option.length_field, option.size_field = "offset", "length", "size"
        option.etag_field, option.filename_field = "sha256", "filename"
    for key, value in rule.items():
        setattr(method.options.Extensions[http_annotations.http], key, value)


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="milepost/test/probe.proto", package=PACKAGE, syntax="proto2")
    for used in (annotations_pb2, http_annotations, httpbody_pb2):
        file.dependency.append(used.DESCRIPTOR.name)
    _add_rest(_message(file, "Probe", _PROBE))
    _message(file, "ProbeFile", _FILE)
    _message(file, "ReadProbe", _READ)
    _message(file, "ProbePart", _PART)
    _message(file, "ProbeEmpty", {})
    service, root = file.service.add(name="ProbeService"), "/api/2.0/mlflow/probes"
    files = "/api/2.0/mlflow-artifacts/artifacts/{artifact_path=**}"
    _method(service, "CreateProbe", "Probe", "Probe", post=f"{root}/create", body="*")
    _method(service, "PutProbe", "Probe", "Probe", put=f"{root}/put", body="*")
    _method(service, "GetProbe", "Probe", "Probe", get=f"{root}/get")
    _method(service, "UpdateProbe", "Probe", "Probe", patch=f"{root}/{{run_id}}", body="*")
    _method(service, "DeleteProbe", "Probe", "Probe", delete=f"{root}/delete", body="*")
    _method(service, "Upload", "ProbeFile", "ProbeEmpty", put=files, body="body")
    _method(service, "Download", "ReadProbe", "ProbePart", get=files, response_body="body")
    _method(service, "GetArtifact", "ReadProbe", "ProbePart", get="/get-artifact", response_body="body")
    return file


_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_file().SerializeToString())


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


Probe: Any = _class("Probe")
ProbePart: Any = _class("ProbePart")
ProbeEmpty: Any = _class("ProbeEmpty")
PROBE_SERVICE: ServiceDescriptor = _pool.FindServiceByName(f"{PACKAGE}.ProbeService")
