"""The OpenAPI 3.1 document of all routes, from the descriptors and the comments of the protos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from milepost.v1 import annotations_pb2
from milepost_server.rest.bodies import is_bytes
from milepost_server.rest.comments import comments
from milepost_server.rest.downloads import UNKNOWN_TYPE
from milepost_server.rest.exchange import JSON
from milepost_server.rest.json_schema import Schema, Schemas, behaviors
from milepost_server.rest.json_write import is_map
from milepost_server.rest.routes import Route
from milepost_server.rest.streams import EVENTS, LINES
from milepost_server.rest.wellknown import has_own_form

_OUTPUT_ONLY = 3


def document(routes: Iterable[Route]) -> bytes:
    """The document as JSON."""
    components: dict[str, Schema] = {}
    paths: dict[str, Any] = {}
    services: dict[str, str] = {}
    seen: dict[str, int] = {}
    for route in routes:
        service = route.method.descriptor.containing_service
        services[_service(route)] = comments().get(service.full_name, "")
        errors = route.dialect.errors
        components.setdefault(errors.schema_name, errors.schema())
        operation = _operation(route, Schemas(route.dialect.codecs.form, components))
        count = seen[operation["operationId"]] = seen.get(operation["operationId"], 0) + 1
        if count > 1:
            operation["operationId"] += f"_{count}"
        paths.setdefault(_path(route), {})[route.verb.lower()] = operation
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Milepost", "version": version("milepost")},
            "tags": [{"name": name, "description": text} for name, text in services.items()],
            "paths": paths,
            "components": {"schemas": dict(sorted(components.items()))},
        }
    )


def _service(route: Route) -> str:
    return f"{route.dialect.label}{route.method.descriptor.containing_service.name}"


def _path(route: Route) -> str:
    """The template with plain names for its variables: OpenAPI knows no patterns, and takes `/a/{b.c}` for `/a/{c}`."""
    path = route.template
    for variable in route.variables:
        before, _, after = path.partition(f"{{{variable.field}")
        path = f"{before}{{{_plain(variable.field)}}}{after.partition('}')[2]}"
    return path


def _plain(field: str) -> str:
    return field.rpartition(".")[2]


def _operation(route: Route, schemas: Schemas) -> Schema:
    method = route.method.descriptor
    text = comments().get(method.full_name, "")
    operation: Schema = {
        "operationId": f"{_service(route)}_{method.name}",
        "tags": [_service(route)],
        "summary": " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip("."),
        "description": text,
        "parameters": [*_path_parameters(route, schemas), *_query_parameters(route, schemas), *_headers(route)],
    }
    body = _request_body(route, schemas)
    if body:
        operation["requestBody"] = body
    operation["responses"] = {
        **_answers(route, schemas),
        "default": {"description": "The call failed.", "content": _content(JSON, _error(route))},
    }
    return operation


def _path_parameters(route: Route, schemas: Schemas) -> Iterator[Schema]:
    for variable in route.variables:
        schema = schemas.field(_field(route.method.descriptor.input_type, variable.field))
        description = schema.pop("description", "")
        if variable.end is None:
            description += "\n\nSegments are separated by `/`, which is sent as it is."
        yield {
            "name": _plain(variable.field),
            "in": "path",
            "required": True,
            "description": description.strip(),
            "schema": schema,
        }


def _field(descriptor: Descriptor, path: str) -> FieldDescriptor:
    *outer, last = path.split(".")
    for name in outer:
        inner = descriptor.fields_by_name[name].message_type
        assert inner is not None
        descriptor = inner
    return descriptor.fields_by_name[last]


def _query_parameters(route: Route, schemas: Schemas) -> Iterator[Schema]:
    if route.body == "*":
        return
    taken = {variable.field for variable in route.variables} | {route.body}
    options = route.method.descriptor.GetOptions()
    if options.HasExtension(annotations_pb2.byte_range):
        option = options.Extensions[annotations_pb2.byte_range]
        taken |= {option.offset_field, option.length_field}
    key = route.dialect.codecs.form.key
    for name, field in _query_fields(route.method.descriptor.input_type, "", taken, frozenset(), key):
        schema = schemas.field(field)
        description = schema.pop("description", "")
        yield {"name": name, "in": "query", "description": description, "schema": schema}


def _query_fields(
    descriptor: Descriptor, prefix: str, taken: set[str], inside: frozenset[str], key: Callable[[FieldDescriptor], str]
) -> Iterator[tuple[str, FieldDescriptor]]:
    """The fields that a query can set, with their names there."""
    for field in descriptor.fields:
        path, inner = f"{prefix}{field.name}", field.message_type
        if path in taken or is_map(field) or _OUTPUT_ONLY in behaviors(field):
            continue
        if inner is None or (has_own_form(inner.full_name) and not field.is_repeated):
            yield f"{prefix}{key(field)}", field
        elif not field.is_repeated and inner.full_name not in inside:
            yield from _query_fields(inner, f"{path}.", taken, inside | {inner.full_name}, key)


def _headers(route: Route) -> Iterator[Schema]:
    text = {"type": "string"}
    if "request_id" in route.method.descriptor.input_type.fields_by_name:
        description = "Sets `request_id` of the request, which makes a repeat safe."
        yield {"name": "Idempotency-Key", "in": "header", "description": description, "schema": text}
    if route.method.descriptor.GetOptions().HasExtension(annotations_pb2.byte_range):
        description = "One range of bytes, such as `bytes=0-99`, `bytes=100-` or `bytes=-100`."
        yield {"name": "Range", "in": "header", "description": description, "schema": text}
        yield {"name": "If-None-Match", "in": "header", "description": "An `ETag` that is known.", "schema": text}


def _request_body(route: Route, schemas: Schemas) -> Schema | None:
    request = route.method.descriptor.input_type
    if not route.body:
        return None
    if is_bytes(request, route.body):
        return {"description": "The bytes.", "content": {"*/*": {}}}
    if route.body == "*":
        bound = {variable.field for variable in route.variables}
        schema = schemas.fields(request, [field for field in request.fields if field.name not in bound])
    else:
        schema = schemas.field(request.fields_by_name[route.body])
    return {"content": _content(LINES if route.method.client_streaming else JSON, schema)}


def _answers(route: Route, schemas: Schemas) -> dict[str, Schema]:
    response = route.method.descriptor.output_type
    if is_bytes(response, route.response_body):
        return _byte_answers(route)
    body = response.fields_by_name[route.response_body] if route.response_body else None
    schema = schemas.field(body) if body is not None else schemas.message(response)
    if not route.method.server_streaming:
        return {"200": {"description": "The answer.", "content": _content(JSON, schema)}}
    line = {
        "type": "object",
        "description": "One line for each message; the last one has `error` when the stream failed.",
        "properties": {"result": schema, "error": _error(route)},
    }
    event = {"type": "string", "description": "`data:` of each event is one message; of the event `error`, the error."}
    content = _content(LINES, line) | _content(EVENTS, event)
    return {"200": {"description": "The answers, as they come.", "content": content}}


def _byte_answers(route: Route) -> dict[str, Schema]:
    content = _content(UNKNOWN_TYPE, {})
    answers: dict[str, Schema] = {"200": {"description": "The bytes, with their own content type.", "content": content}}
    if route.method.descriptor.GetOptions().HasExtension(annotations_pb2.byte_range):
        answers["206"] = {"description": "The range of bytes that was asked for.", "content": content}
        answers["304"] = {"description": "The content is still the one named by `If-None-Match`."}
        error = _content(JSON, _error(route))
        answers["416"] = {"description": "The range begins past the end.", "content": error}
    return answers


def _content(media_type: str, schema: Schema) -> dict[str, Schema]:
    return {media_type: {"schema": schema}}


def _error(route: Route) -> Schema:
    return {"$ref": f"#/components/schemas/{route.dialect.errors.schema_name}"}
