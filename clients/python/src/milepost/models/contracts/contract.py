"""The typed contract of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from milepost.errors import ModelFormatError
from milepost.models.contracts._files import SERVICE, SYNTAX, FieldType, FileBuilder, MessageBuilder
from milepost.models.contracts._types import Types, check_size, quoted, required_words
from milepost.models.contracts.layout import GROUP_SIZE, VERSION_NUMBER, by_row, is_grouped, item_shape
from milepost.models.contracts.names import FieldName, field_names, identifier
from milepost.models.signatures.schema import ArrayType, Column, ColumnType, Param, Schema, Tensor
from milepost.models.signatures.signature import ModelSignature

_INT64 = FieldType(FieldDescriptorProto.TYPE_INT64)
_VERSION = FieldName("version", "version")
_SERVICE = "Predictor"
_METHOD = 2  # number of the methods in the descriptor of a service, for paths of comments


@lru_cache(1024)
def package_of(name: str) -> str:
    """The package of the contract of a model that is served under a name; another one for each name."""
    return f"milepost.models.{identifier(name)}"


def contract_file(name: str, signature: ModelSignature | None) -> FileDescriptorProto:
    """The contract of a model: its own messages, and the service that takes and gives them.

    Equal arguments give equal bytes, in every version of Python and protobuf. Fields are numbered by position, so a
    signature that was changed other than by adding to its ends breaks programs that were compiled before, which
    `buf breaking` tells.

    Args:
        name: What the model is served under.
        signature: Of the model; its inputs are needed.

    Returns:
        The file as protoc makes it of the text that `render` writes, with comments in `source_code_info`.

    Raises:
        ModelFormatError: The signature has no inputs, or something that messages of protobuf cannot say.
    """
    if signature is None or signature.inputs is None:
        raise ModelFormatError(
            f"The model {name!r:.100} has no typed contract, since it does not say what it takes. "
            "Save it with a signature that has inputs."
        )
    builder = FileBuilder(_empty_file(name))
    builder.comment((SYNTAX,), f"The typed contract of the model {quoted(name)}, made from its signature by Milepost.")
    rows = by_row(signature.inputs)
    params = signature.params or ()
    _add_service(builder, rows)
    _add_request(builder, rows, bool(params))
    _add_response(builder, signature.outputs)
    _add_data(builder, "Input", "One row." if rows else "All that the model takes.", signature.inputs)
    if params:
        _add_params(builder, params)
    _add_output(builder, signature.outputs)
    return builder.finish()


def _empty_file(name: str) -> FileDescriptorProto:
    package = package_of(name)
    path = package.replace(".", "/")
    file = FileDescriptorProto(name=f"{path}.proto", package=package, syntax="proto3")
    file.options.java_package = package
    file.options.java_multiple_files = True
    file.options.go_package = f"{path};{identifier(name)}"
    return file


def _add_service(builder: FileBuilder, rows: bool) -> None:
    package = builder.file.package
    builder.comment((SERVICE, 0), "Asks the model.")
    service = builder.file.service.add(name=_SERVICE)
    types = {"input_type": f".{package}.PredictRequest", "output_type": f".{package}.PredictResponse"}
    builder.comment((SERVICE, 0, _METHOD, 0), "Predicts one batch." if rows else "Predicts.")
    service.method.add(name="Predict", **types)
    builder.comment(
        (SERVICE, 0, _METHOD, 1),
        "Predicts request after request, several at a time. Answers have the order of the requests.\n"
        "The first failure ends the stream.",
    )
    service.method.add(name="StreamPredict", client_streaming=True, server_streaming=True, **types)


def _add_request(builder: FileBuilder, rows: bool, has_params: bool) -> None:
    request = builder.message("PredictRequest", "What to predict.")
    name = FieldName("inputs", "inputs")
    comment = "The rows, at least one." if rows else "Exactly one."
    request.repeated(name, 1, _sibling(builder, "Input"), comment)
    if has_params:
        request.single(FieldName("params", "params"), 2, _sibling(builder, "Params"), "Params of the model.")
    request.plain(_VERSION, VERSION_NUMBER, _INT64, "A version that is loaded. 0 for the one that traffic goes to.")


def _add_response(builder: FileBuilder, outputs: Schema | None) -> None:
    response = builder.message("PredictResponse", "The answer.")
    if outputs is None:
        comment = "One for each row, or for each item of an answer that is a list; otherwise one."
    else:
        comment = "One for each row." if by_row(outputs) else "Exactly one."
    response.repeated(FieldName("outputs", "outputs"), 1, _sibling(builder, "Output"), comment)
    response.plain(_VERSION, 2, _INT64, "The version that answered. 0 for a model that is of no registry.")


def _sibling(builder: FileBuilder, name: str) -> FieldType:
    return FieldType(FieldDescriptorProto.TYPE_MESSAGE, f"{builder.file.package}.{name}")


def _add_output(builder: FileBuilder, outputs: Schema | None) -> None:
    if outputs is not None:
        _add_data(builder, "Output", "One row." if by_row(outputs) else "All that the model gives.", outputs)
        return
    message = builder.message("Output", "What the model gives; its signature does not say more.")
    value = builder.google("google.protobuf.Value")
    message.single(FieldName("value", "value"), 1, value, "Tables are rows with the names of the columns.")


def _add_data(builder: FileBuilder, name: str, comment: str, schema: Schema) -> None:
    message = builder.message(name, comment)
    names = field_names(_names_of(schema, name.lower()), "tensor" if schema.is_tensors else "column")
    types = Types(message)
    if not is_grouped(len(schema.fields)):
        _add_fields(types, message, schema, names, range(len(names)))
    else:
        for number, start in enumerate(range(0, len(names), GROUP_SIZE), start=1):
            end = min(start + GROUP_SIZE, len(names))
            about = f"Numbers {start + 1} to {end}: a message has at most {GROUP_SIZE} fields."
            part = message.nested(f"Part{number}", about)
            _add_fields(types, part, schema, names, range(start, end))
            part.finish()
            message.single(FieldName(f"part_{number}", f"part{number}"), number, part.type, about)
    message.finish()


def _names_of(schema: Schema, tensor: str) -> list[str | None]:
    """The names of the fields. A tensor without one is called as in the server's other interfaces."""
    return [tensor if field.name is None and schema.is_tensors else field.name for field in schema.fields]


def _add_fields(
    types: Types, into: MessageBuilder, schema: Schema, names: Sequence[FieldName], positions: range
) -> None:
    rows = by_row(schema)
    for number, position in enumerate(positions, start=1):
        field = schema.fields[position]
        label = f"{quoted(field.name)}." if field.name is not None else f"Number {position}."
        if isinstance(field, Column):
            types.add(into, names[position], number, field, f"{label} {required_words(field.required)}")
        else:
            shape = item_shape(field, rows)
            types.add_tensor(into, names[position], number, field, shape, f"{label} {_tensor_words(field, shape)}")


def _tensor_words(tensor: Tensor, shape: tuple[int, ...]) -> str:
    whole = f"{tensor.dtype} of the shape {list(tensor.shape)}"
    if not shape:
        return f"{whole}."
    return f"{whole}, of which this has {list(shape)}, row-major."


def _add_params(builder: FileBuilder, params: Sequence[Param]) -> None:
    check_size(len(params), "its signature", "params")
    message = builder.message("Params", "Params of the model.")
    types = Types(message)
    names = field_names([param.name for param in params], "param")
    for number, (param, name) in enumerate(zip(params, names, strict=True), start=1):
        kind = param.type if param.shape is None else ArrayType(param.type)
        comment = f"{quoted(param.name)}. Default: {_default_words(param.default)}."
        types.add(message, name, number, _Optional(kind), comment)
    message.finish()


@dataclass(frozen=True)
class _Optional:
    """The value of a param, which need not be given."""

    type: ColumnType
    required: bool = False


def _default_words(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=True, default=str)
    return text if len(text) <= 200 else f"{text[:200]}…"
