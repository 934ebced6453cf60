"""The HTTP form of a request message by the `google.api.http` rule of its method.

Written apart from the server's transcoder and over `json_format`, so that the two check each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from google.api import annotations_pb2, http_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

_VARIABLE = re.compile(r"\{([^}=]+)(?:=([^}]+))?\}")


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request: `target` is path and query as they go on the wire; `body` is None for none."""

    verb: str
    target: str
    body: bytes | None


def rules(method: MethodDescriptor) -> list[http_pb2.HttpRule]:
    """The HTTP rules of a method, the additional bindings last. Empty when it has no HTTP form."""
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return []
    rule = options.Extensions[annotations_pb2.http]
    return [rule, *rule.additional_bindings]


def verb_and_template(rule: http_pb2.HttpRule) -> tuple[str, str]:
    """For example `("GET", "/v1/runs/{run_id}")`."""
    verb = rule.WhichOneof("pattern")
    assert verb in ("get", "put", "post", "delete", "patch"), rule
    return verb.upper(), getattr(rule, verb)


def bind(method: MethodDescriptor, request: Message, binding: int = 0) -> HttpRequest:
    """The HTTP form of `request` by the rule of that number."""
    rule = rules(method)[binding]
    verb, template = verb_and_template(rule)
    fields = json_format.MessageToDict(request)

    def variable(match: re.Match[str]) -> str:
        return quote(str(_take(fields, match[1])), safe="/" if match[2] == "**" else "")

    path = _VARIABLE.sub(variable, template)
    body: bytes | None = None
    if rule.body == "*":
        body, fields = json.dumps(fields).encode(), {}
    elif rule.body:
        body = json.dumps(fields.pop(_json_name(rule.body), {})).encode()
    query = urlencode(list(_flat(fields)))
    return HttpRequest(verb, f"{path}?{query}" if query else path, body)


def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _take(fields: dict[str, Any], path: str) -> Any:
    *parents, last = map(_json_name, path.split("."))
    for parent in parents:
        fields = fields.get(parent, {})
    return fields.pop(last, "")


def _flat(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
            continue
        for one in value if isinstance(value, list) else [value]:
            yield prefix + name, str(one).lower() if isinstance(one, bool) else str(one)
