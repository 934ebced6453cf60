"""Fills request messages from the text of paths and queries, typed by the descriptors."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, quote
from milepost_server.rest import scalars, wellknown
from milepost_server.rest.json_form import STANDARD_FORM
from milepost_server.rest.json_read import Readers
from milepost_server.rest.json_write import is_map
from milepost_server.rest.problem import Problem

# Text has one form in all dialects, and so have the types that can be given as text.
_readers = Readers(STANDARD_FORM)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class _Target(NamedTuple):
    """A field that text can set.

    Args:
        path: From the request, in proto spelling.
        parents: Names of the messages on the way.
        field: The field.
        read: Converts the text, for a field that is no message.
        fill: Reads the text into the message, for one that is.
    """

    path: str
    parents: tuple[str, ...]
    field: FieldDescriptor
    read: scalars.Convert | None
    fill: Callable[[Any, Any], None] | None


class Binder:
    """Sets fields of one type of request.

    Args:
        descriptor: Type of the request.
        taken: Fields that something else than the query sets, with what does: `{"run_id": "the path"}`. A query
            that names one, or a field in it, is refused. The field `*` stands for all.

    Raises:
        TypeError: From `check`: a path template names a field that text cannot set.
    """

    def __init__(self, descriptor: Descriptor, taken: dict[str, str]) -> None:
        self._descriptor = descriptor
        self._taken = taken
        self._targets: dict[str, _Target] = {}

    def check(self, name: str) -> None:
        """Makes sure at start-up that a path can set the field `name`."""
        try:
            target = self._target(name)
        except InvalidArgument as error:
            raise TypeError(str(error)) from error
        if target.field.is_repeated:
            raise TypeError(f"a path cannot set the list {name} of {self._descriptor.full_name}")

    def bind_path(self, message: Any, values: Sequence[tuple[str, str]]) -> None:
        """Sets fields from the path. A body that has another value for one of them is refused."""
        for name, text in values:
            target = self._target(name)
            owner, value = _owner(message, target), _parsed(target, text)
            current = getattr(owner, target.field.name)
            if current and current != value:
                raise invalid_field(
                    name, f"is {quote(value)} in the path and {quote(current)} in the body or the query: send one"
                )
            setattr(owner, target.field.name, value)

    def bind_query(self, message: Any, query: str) -> None:
        """Sets fields from a query, still encoded.

        Raises:
            InvalidArgument: An unknown field, one that is not the query's to set, twice the same one, or a value that
                does not fit.
        """
        seen: set[str] = set()
        for name, text in query_pairs(query):
            target = self._target(name)
            self._check_free(target.path)
            owner, field = _owner(message, target), target.field
            if not field.is_repeated and target.path in seen:
                raise invalid_field(target.path, "is in the query twice: send it once")
            seen.add(target.path)
            oneof = field.containing_oneof
            if oneof is not None and owner.WhichOneof(oneof.name) is not None:
                raise invalid_field(target.path, f"only one of {', '.join(f.name for f in oneof.fields)} may be set")
            if target.fill is not None:
                _fill(target, owner, text)
            elif field.is_repeated:
                getattr(owner, field.name).append(_parsed(target, text))
            else:
                setattr(owner, field.name, _parsed(target, text))

    def _check_free(self, path: str) -> None:
        for taken, by in self._taken.items():
            if taken == "*" or path == taken or path.startswith(f"{taken}."):
                raise invalid_field(path, f"belongs in {by}, not in the query")

    def _target(self, name: str) -> _Target:
        found = self._targets.get(name)
        if found is None:
            found = self._targets[name] = self._resolve(name)
        return found

    def _resolve(self, name: str) -> _Target:
        message = self._descriptor
        parents: list[str] = []
        *outer, last = name.split(".")
        for part in outer:
            field = _field(message, part, name)
            if field.message_type is None or field.is_repeated:
                raise invalid_field(name, f"{field.name} is no message, so it has no fields")
            parents.append(field.name)
            message = field.message_type
        field = _field(message, last, name)
        path = ".".join([*parents, field.name])
        if field.message_type is None:
            return _Target(path, tuple(parents), field, _text_reader(field), None)
        own_form = (
            field.message_type.full_name in wellknown.READERS or field.message_type.full_name in wellknown.WRAPPERS
        )
        if field.is_repeated or is_map(field) or not own_form:
            raise invalid_field(path, "cannot be given as text: use the form of this call that has a JSON body")
        return _Target(path, tuple(parents), field, None, _readers.of(field.message_type))


def _field(message: Descriptor, part: str, name: str) -> FieldDescriptor:
    field = message.fields_by_name.get(part) or message.fields_by_camelcase_name.get(part)
    if field is None:
        known = ", ".join(field.name for field in message.fields) or "no fields"
        raise invalid_field(
            name[:100], f"{message.name} has no such field; it has {known}", reason=pb.ERROR_REASON_UNKNOWN_FIELD
        )
    return field


def _text_reader(field: FieldDescriptor) -> scalars.Convert:
    read = scalars.reader(field, STANDARD_FORM)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda text: read({"true": True, "false": False}.get(text, text))
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return lambda text: read(int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text)
    return read


def _owner(message: Any, target: _Target) -> Any:
    for parent in target.parents:
        message = getattr(message, parent)
    return message


def _parsed(target: _Target, text: str) -> Any:
    try:
        return target.read(text) if target.read is not None else text
    except Problem as problem:
        raise problem.to_error(target.path) from None


def _fill(target: _Target, owner: Any, text: str) -> None:
    inner = getattr(owner, target.field.name)
    inner.SetInParent()
    try:
        assert target.fill is not None
        target.fill(inner, text)
    except Problem as problem:
        raise problem.to_error(target.path) from None


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The names and values of a query, decoded. Raises `InvalidArgument` when it cannot be read."""
    if not query:
        return []
    if not query.isascii():
        raise _bad_query("it has bytes that no URL has: percent-encode text as UTF-8")
    if _BAD_ESCAPE.search(query):
        raise _bad_query("a % begins no escape: send %25 for the sign itself")
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except UnicodeDecodeError:
        raise _bad_query("it is no UTF-8 when decoded: encode text as UTF-8") from None
    except ValueError:
        raise _bad_query("a part has no =: send field=value, separated by &") from None


def _bad_query(what: str) -> InvalidArgument:
    return InvalidArgument(f"The query cannot be read: {what}.", reason=pb.ERROR_REASON_INVALID_FIELD)
