"""How values of messages are kept in columns."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost_server.param_values import param_text
from milepost_server.storage.sql.schema import HEAD_LENGTH

# Kinds of floats, in the order in which they sort.
NEGATIVE_INFINITY, FINITE, POSITIVE_INFINITY, NAN = -1, 0, 1, 2

# Kinds of params: the field numbers of `ParamValue`.
STRING, INTEGER, FLOAT, BOOLEAN, JSON = 1, 2, 3, 4, 5


def sortable(value: float) -> tuple[int, float | None]:
    """A float64 as a kind and a finite float64 that sort as it does; the latter is None for NaN."""
    if math.isfinite(value):
        return FINITE, value
    if math.isnan(value):
        return NAN, None
    return (POSITIVE_INFINITY, sys.float_info.max) if value > 0 else (NEGATIVE_INFINITY, -sys.float_info.max)


def timestamp(us: int) -> Timestamp:
    """A time in microseconds since the Unix epoch as a message."""
    seconds, rest = divmod(us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def microseconds(time: Timestamp) -> int:
    """A message as microseconds since the Unix epoch; what is finer is dropped."""
    return time.seconds * 1_000_000 + time.nanos // 1000


def head(text: str) -> str:
    """The part of a text that is indexed."""
    return text[:HEAD_LENGTH]


def param_columns(value: pb.ParamValue) -> dict[str, str | int | float | None]:
    """The columns of `run_param` by which a value is searched and sorted."""
    match value.WhichOneof("kind"):
        case "string_value":
            return _param(STRING, value)
        case "int_value":
            return _param(INTEGER, value, value.int_value, FINITE, float(value.int_value))
        case "double_value":
            return _param(FLOAT, value, None, *sortable(value.double_value))
        case "bool_value":
            return _param(BOOLEAN, value, int(value.bool_value))
        case _:
            return _param(JSON, value)


def _param(
    kind: int,
    value: pb.ParamValue,
    integer: int | None = None,
    number_kind: int | None = None,
    number: float | None = None,
) -> dict[str, str | int | float | None]:
    text = param_text(value)
    return {
        "kind": kind,
        "text": text,
        "head": head(text),
        "integer": integer,
        "number_kind": number_kind,
        "number": number,
    }


def keep_fields(messages: Iterable[Message], fields: frozenset[str] | None) -> None:
    """Empties all fields of messages of one kind but the named ones; None keeps all."""
    if fields is None:
        return
    for message in messages:
        for field in message.DESCRIPTOR.fields:
            if field.name not in fields:
                message.ClearField(field.name)
