"""Values that the tests write and compare."""

from __future__ import annotations

import hashlib
import random
import struct
import uuid
from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
QUIET_NAN = float("nan")
PAYLOAD_NAN: float = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
NEGATIVE_NAN: float = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))[0]
MIB = 1024 * 1024
SOME_BYTES = random.Random(0).randbytes(3 * MIB + 17)


class Json(str):
    """Text that `param` takes for a JSON document."""


def unique(prefix: str = "t") -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex}"


def param(value: str | float | bool | Json) -> pb.ParamValue:
    """The typed param for a Python value: `int` and `float` keep their kinds, `Json` is a document."""
    match value:
        case Json():
            return pb.ParamValue(json_value=str(value))
        case bool():
            return pb.ParamValue(bool_value=value)
        case int():
            return pb.ParamValue(int_value=value)
        case float():
            return pb.ParamValue(double_value=value)
        case _:
            return pb.ParamValue(string_value=value)


def points(
    key: str, values: Iterable[float], steps: Sequence[int] | None = None, timestamps_ms: Sequence[int] | None = None
) -> pb.MetricPoints:
    """Points of one metric; without `steps` they count from 0, without `timestamps_ms` the server sets them."""
    values = list(values)
    return pb.MetricPoints(
        key=key,
        values=values,
        steps=range(len(values)) if steps is None else steps,
        timestamps_ms=timestamps_ms or [],
    )


def bits(values: Iterable[float]) -> list[str]:
    """The exact bits of floats, so that NaN equals itself and differs from other NaN, and -0.0 from 0.0."""
    return [struct.pack(">d", value).hex() for value in values]


def at(seconds: float) -> Timestamp:
    """A time in seconds since the Unix epoch, to the microsecond."""
    time = Timestamp()
    time.FromMicroseconds(round(seconds * 1e6))
    return time


def chunks(content: bytes, size: int) -> list[bytes]:
    """`content` in pieces of `size` bytes."""
    return [content[start : start + size] for start in range(0, len(content), size)]


def sha256(content: bytes) -> str:
    """The digest as artifacts carry it."""
    return hashlib.sha256(content).hexdigest()
