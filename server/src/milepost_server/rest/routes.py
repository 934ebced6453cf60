"""Paths to methods: the `google.api.http` rules of all methods in one tree of path segments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from google.api import annotations_pb2, http_pb2

from milepost import v1 as pb
from milepost_server.calls.handlers import Method
from milepost_server.errors import invalid_field, quote
from milepost_server.rest.dialect import Dialect
from milepost_server.rest.dialects import dialect_of

_TEMPLATE = re.compile(r"(/.*?)(?::([A-Za-z][A-Za-z0-9_]*))?")
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)(?:=([^{}]+))?\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Variable(NamedTuple):
    """A variable of a path template.

    Args:
        field: The request field it sets, in proto spelling with dots.
        start: Index of its first path segment.
        end: Index after its last one. None when it takes all that follow.
    """

    field: str
    start: int
    end: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One HTTP rule of a method.

    Args:
        verb: HTTP method, in upper case.
        template: The path template, for documentation and messages.
        method: The method that answers.
        variables: Of the template.
        body: `*`, a field of the request, or empty for no body.
        response_body: The field of the response that is the HTTP body. Empty: all of it.
        dialect: How requests, answers and errors look.
    """

    verb: str
    template: str
    method: Method
    variables: tuple[Variable, ...]
    body: str
    response_body: str
    dialect: Dialect

    def values(self, segments: list[str]) -> list[tuple[str, str]]:
        """The fields that the path sets, percent-decoded once.

        Raises:
            InvalidArgument: An escape that is none, no UTF-8, or an escaped slash where it would add a segment.
        """
        found = []
        for name, start, end in self.variables:
            if end == start + 1:
                found.append((name, decode_segment(name, segments[start])))
            else:
                found.append((name, "/".join(_decode_part(name, part) for part in segments[start:end])))
        return found


def decode_segment(field_name: str, segment: str) -> str:
    """A segment of a path as text, percent-decoded once.

    Raises:
        InvalidArgument: An escape that is none, or no UTF-8; it names the field.
    """
    if not segment.isascii():
        raise invalid_field(field_name, "has bytes that no URL has: percent-encode the text as UTF-8")
    if "%" not in segment:
        return segment
    if _BAD_ESCAPE.search(segment):
        raise invalid_field(field_name, f"{quote(segment)} has a % that begins no escape: send %25 for the sign itself")
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise invalid_field(
            field_name, f"{quote(segment)} is no UTF-8 when decoded: encode the text as UTF-8"
        ) from None


def _decode_part(field_name: str, segment: str) -> str:
    """Decodes a segment of a value of several: what was one segment must stay one."""
    decoded = decode_segment(field_name, segment)
    if "/" in decoded:
        raise invalid_field(
            field_name,
            f"{quote(segment)} hides a slash: send / itself between segments, names cannot contain it",
            reason=pb.ERROR_REASON_BAD_PATH,
        )
    return decoded


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    any_one: _Node | None = None
    all_rest: _Node | None = None
    # Routes that end here, by the `:suffix` of the template and the HTTP method.
    routes: dict[str, dict[str, Route]] = field(default_factory=dict)


class Match(NamedTuple):
    """What answers a path: a route, or what may be asked there instead (both empty: nothing is there)."""

    route: Route | None
    segments: list[str]
    allowed: list[str]


class RouteTable:
    """All routes.

    Raises:
        TypeError: A template cannot be read, two routes answer the same requests, or a method that streams both ways
            has a rule. The server must not start.
    """

    def __init__(self, methods: Iterable[Method]) -> None:
        self._root = _Node()
        self.routes: list[Route] = []
        for method in methods:
            for rule in http_rules(method):
                self._add(method, rule)

    def find(self, verb: str, raw_path: str) -> Match:
        """The route for a request.

        Args:
            verb: HTTP method; `HEAD` is answered by the route for `GET`.
            raw_path: Path as sent: still percent-encoded, without the query.
        """
        segments = raw_path.split("/")
        wanted = "GET" if verb == "HEAD" else verb
        allowed: set[str] = set()
        for suffix, parts in _readings(segments):
            for routes in _ends(self._root, parts, 1, suffix):
                route = routes.get(wanted)
                if route is not None:
                    return Match(route, parts, [])
                allowed.update(routes)
            if allowed:
                break
        if "GET" in allowed:
            allowed.add("HEAD")
        return Match(None, segments, sorted(allowed))

    def _add(self, method: Method, rule: http_pb2.HttpRule) -> None:
        verb, template = _verb_and_template(rule)
        if method.client_streaming and method.server_streaming:
            raise TypeError(f"{method.name} streams both ways, which has no HTTP form: remove its HTTP rule")
        dialect = dialect_of(method)
        _, _, variables = parse_template(template)
        route = Route(verb, template, method, variables, rule.body, rule.response_body, dialect)
        for answered in dialect.templates(template):
            self._grow(route, answered)
        self.routes.append(route)

    def _grow(self, route: Route, template: str) -> None:
        """Makes the paths of `template`, whose segments are as many as those of the route's own, lead to `route`."""
        segments, suffix, _ = parse_template(template)
        node = self._root
        for segment in segments:
            node = _child(node, segment)
        taken = node.routes.setdefault(suffix, {}).setdefault(route.verb, route)
        if taken is not route:
            raise TypeError(
                f"{route.verb} {template} of {route.method.name} clashes with {taken.template} of {taken.method.name}"
            )


def http_rules(method: Method) -> Iterator[http_pb2.HttpRule]:
    """The HTTP rules of a method, the main one first."""
    options = method.descriptor.GetOptions()
    if options.HasExtension(annotations_pb2.http):
        rule = options.Extensions[annotations_pb2.http]
        yield rule
        yield from rule.additional_bindings


def _verb_and_template(rule: http_pb2.HttpRule) -> tuple[str, str]:
    kind = rule.WhichOneof("pattern")
    if kind == "custom":
        return rule.custom.kind.upper(), rule.custom.path
    return str(kind).upper(), getattr(rule, str(kind), "")


def parse_template(template: str) -> tuple[list[str], str, tuple[Variable, ...]]:
    """Reads a path template.

    Returns:
        Its segments (text, `*` or `**`), its `:suffix` or an empty text, and its variables, which count segments from 1
        as the path begins with a slash.

    Raises:
        TypeError: It is no template.
    """
    match = _TEMPLATE.fullmatch(template)
    if match is None:
        raise TypeError(f"{template!r} is no path template")
    segments: list[str] = []
    variables = []
    # Slashes inside of braces separate segments of the variable's own pattern.
    for part in re.split(r"/(?![^{]*\})", match[1])[1:]:
        variable = _VARIABLE.fullmatch(part)
        start = len(segments) + 1
        segments += (variable[2] or "*").split("/") if variable else [part]
        if variable:
            variables.append(Variable(variable[1], start, None if segments[-1] == "**" else len(segments) + 1))
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment != "*" and not (segment == "**" and last) and not _LITERAL.fullmatch(segment):
            raise TypeError(f"{template!r} is no path template: {segment!r} is no segment of one")
    return segments, match[2] or "", tuple(variables)


def _child(node: _Node, segment: str) -> _Node:
    if segment == "*":
        node.any_one = node.any_one or _Node()
        return node.any_one
    if segment == "**":
        node.all_rest = node.all_rest or _Node()
        return node.all_rest
    return node.literals.setdefault(segment, _Node())


def _readings(segments: list[str]) -> Iterator[tuple[str, list[str]]]:
    """With what follows the last colon as a suffix, then with the colon as part of the last value."""
    head, colon, suffix = segments[-1].rpartition(":")
    if colon:
        yield suffix, [*segments[:-1], head]
    yield "", segments


def _ends(node: _Node, segments: list[str], index: int, suffix: str) -> Iterator[dict[str, Route]]:
    """The routes whose template fits, by verb, the most literal template first."""
    if index == len(segments):
        if suffix in node.routes:
            yield node.routes[suffix]
        return
    segment = segments[index]
    literal = node.literals.get(segment)
    if literal is not None:
        yield from _ends(literal, segments, index + 1, suffix)
    if node.any_one is not None and segment:
        yield from _ends(node.any_one, segments, index + 1, suffix)
    # Empty segments too: what is wrong with such a value is for its field to say.
    if node.all_rest is not None and suffix in node.all_rest.routes:
        yield node.all_rest.routes[suffix]
