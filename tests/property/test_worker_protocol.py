"""What goes between the model server and a worker arrives as it was, to the bit; and nonsense is refused."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from milepost.models.worker.frames import INLINE_BYTES, PREFIX, Prefix, decode, encode
from milepost.models.worker.payload import Payload

# A fold says nothing without a time zone that has one, and is not sent.
TIMES = st.datetimes(timezones=st.sampled_from([None, timezone.utc])).map(lambda time: time.replace(fold=0))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**200), 2**200), st.floats(), st.text(), st.binary(max_size=9), TIMES
)
KEYS = st.one_of(st.text(max_size=5), st.sampled_from(["$bytes", "$time", "$mapping", "$"]))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
NUMBERS = arrays_of.arrays(
    st.one_of(
        arrays_of.boolean_dtypes(),
        arrays_of.integer_dtypes(endianness="?"),
        arrays_of.unsigned_integer_dtypes(),
        arrays_of.floating_dtypes(endianness="?"),
        arrays_of.complex_number_dtypes(),
        arrays_of.datetime64_dtypes(),
        arrays_of.unicode_string_dtypes(max_len=3),
        arrays_of.byte_string_dtypes(max_len=3),
    ),
    SHAPES,
)
OBJECTS = st.builds(
    lambda items: np.fromiter(items, dtype=object, count=len(items)), st.lists(VALUES, max_size=5)
).flatmap(lambda array: st.sampled_from([array, array.reshape(-1, 1), array.reshape(1, -1)]))
ARRAYS = st.one_of(NUMBERS, OBJECTS, NUMBERS.map(np.transpose))


def payloads() -> st.SearchStrategy[Payload]:
    named = st.dictionaries(st.text(max_size=3), ARRAYS, max_size=3)
    return st.one_of(
        ARRAYS.map(lambda array: Payload("array", [array])),
        named.map(lambda arrays: Payload("arrays", list(arrays.values()), tuple(arrays))),
        named.map(lambda arrays: Payload("frame", list(arrays.values()), tuple(arrays))),
        st.lists(ARRAYS, max_size=3).map(lambda arrays: Payload("frame", arrays)),
        VALUES.map(lambda value: Payload("value", value=value)),
    )


def sent(fields: dict[str, Any], payload: Payload | None) -> tuple[dict[str, Any], Payload | None]:
    """What arrives, by the way that it would go."""
    message = encode(fields, payload)
    if message.in_file:
        body = bytearray(message.size)
        for start, part in message.parts():
            body[start : start + len(part)] = part
        return decode(Prefix.read(message.prefix), body)
    frame = message.inline()
    prefix = Prefix.read(frame)
    assert len(frame) == PREFIX.size + prefix.size
    return decode(prefix, frame[PREFIX.size :])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        return same(one.tolist(), other.tolist()) if one.dtype.kind == "O" else one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and same(list(one.values()), list(other.values()))
    return type(one) is type(other) and repr(one) == repr(other)


@given(payloads(), st.one_of(st.none(), st.dictionaries(KEYS, VALUES, max_size=2)))
@example(Payload("array", [np.array([0x7FF8DEADBEEF0001, 0xFFF0000000000001], np.uint64).view(np.float64)]), None)
@example(Payload("array", [np.zeros(INLINE_BYTES, np.uint8)]), {"$bytes": b"\0"})
@example(Payload("frame", [np.zeros((3, 2))], ("a", "b"), block=True), None)
@example(Payload("value", value=["\ud800", float("nan"), -0.0]), None)
def test_messages_arrive_as_they_were(payload: Payload, params: Any) -> None:
    fields, arrived = sent({"do": "predict", "params": params}, payload)
    assert arrived is not None
    assert same(params, fields["params"])
    assert (arrived.form, arrived.names, arrived.block) == (payload.form, payload.names, payload.block)
    assert same(list(payload.arrays), list(arrived.arrays))
    assert same(payload.value, arrived.value)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_message_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(Prefix(len(body), len(body), in_file=False, marked=True), b"?" + body[1:])


@given(payloads(), st.data())
def test_a_message_that_was_changed_is_read_or_refused_and_nothing_else(payload: Payload, data: st.DataObject) -> None:
    frame = bytearray(encode({"is": "answer", "rss": 1}, payload).inline())
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        prefix = Prefix.read(frame)
        decode(prefix, bytes(frame[PREFIX.size : PREFIX.size + prefix.size]))
    except ValueError:
        pass


@pytest.mark.parametrize("size", [INLINE_BYTES, INLINE_BYTES + 1])
def test_a_message_goes_inline_up_to_the_limit(size: int) -> None:
    empty = encode({}, Payload("array", [np.zeros(10_000, np.uint8)]))
    message = encode({}, Payload("array", [np.zeros(10_000 + size - empty.size, np.uint8)]))
    assert (message.size, message.in_file) == (size, size > INLINE_BYTES)


def test_times_keep_their_zone() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
    assert sent({"at": moment}, None)[0] == {"at": moment}
