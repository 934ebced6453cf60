"""The JSON codec against `google.protobuf.json_format`, over random messages."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.rest.json_codec import STANDARD_CODECS
from support.message_strategies import messages
from support.rest_protos import Everything

_MESSAGES = sorted(
    (value for value in vars(pb).values() if isinstance(value, type) and hasattr(value, "DESCRIPTOR")),
    key=lambda value: value.DESCRIPTOR.full_name,
)
_any_message = st.sampled_from(_MESSAGES).flatmap(messages)
_everything = messages(Everything)
# Building a message of a hundred fields takes hypothesis itself a while.
_slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def _same(left: Any, right: Any) -> bool:
    """Equality of messages where NaN equals NaN and -0.0 is not 0.0."""
    return bool(left.SerializeToString(deterministic=True) == right.SerializeToString(deterministic=True))


def _check_written_as_json_format_does(message: Any) -> None:
    written = STANDARD_CODECS.of(type(message)).encode_bytes(message)
    assert repr(json.loads(written)) == repr(
        _sorted(json.loads(json_format.MessageToJson(message)), json.loads(written))
    )


def _sorted(value: Any, like: Any) -> Any:
    """`value` with the keys of its objects in the order of `like`, as order is no part of the mapping."""
    if isinstance(value, dict) and isinstance(like, dict) and value.keys() == like.keys():
        return {key: _sorted(value[key], like[key]) for key in like}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [_sorted(one, other) for one, other in zip(value, like, strict=True)]
    return value


def _check_reads_back(message: Any, **options: Any) -> None:
    text = json_format.MessageToJson(message, **options)
    assert _same(
        STANDARD_CODECS.of(type(message)).decode_bytes(text.encode()), json_format.Parse(text, type(message)())
    )


@_slow
@given(_any_message)
def test_messages_of_the_contract_are_written_as_json_format_writes_them(message: Any) -> None:
    _check_written_as_json_format_does(message)


@_slow
@given(_everything)
def test_fields_of_every_kind_are_written_as_json_format_writes_them(message: Any) -> None:
    _check_written_as_json_format_does(message)


@_slow
@given(_any_message)
def test_messages_of_the_contract_survive_a_round_trip(message: Any) -> None:
    codec = STANDARD_CODECS.of(type(message))
    again = codec.decode_bytes(codec.encode_bytes(message))
    assert codec.encode_bytes(again) == codec.encode_bytes(message)


@_slow
@given(_everything)
def test_what_json_format_writes_is_read_as_json_format_reads_it(message: Any) -> None:
    _check_reads_back(message)


@_slow
@given(_everything)
def test_proto_spelling_is_read_as_json_format_reads_it(message: Any) -> None:
    _check_reads_back(message, preserving_proto_field_name=True)


@_slow
@given(_any_message)
def test_what_json_format_writes_of_the_contract_is_read_as_it_reads_it(message: Any) -> None:
    _check_reads_back(message)


@_slow
@given(_any_message)
def test_fields_at_their_default_are_read_too(message: Any) -> None:
    _check_reads_back(message, always_print_fields_with_no_presence=True)


def _keys() -> st.SearchStrategy[str]:
    names = [field.json_name for field in [*Everything.DESCRIPTOR.fields, *pb.Run.DESCRIPTOR.fields]]
    return st.sampled_from(names) | st.text(max_size=5)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys(), inner, max_size=3),
    max_leaves=8,
)


@_slow
@given(_json, st.sampled_from([Everything, pb.Run, pb.LogBatchRequest]))
def test_any_json_is_read_or_refused_as_an_invalid_argument(value: Any, message_class: Any) -> None:
    with contextlib.suppress(InvalidArgument):
        STANDARD_CODECS.of(message_class).decode_bytes(json.dumps(value).encode())


@_slow
@given(_json)
def test_what_json_format_refuses_is_refused(value: Any) -> None:
    text = json.dumps(value)
    try:
        json_format.Parse(text, pb.Run())
    except (json_format.ParseError, RecursionError):
        with pytest.raises(InvalidArgument):
            STANDARD_CODECS.of(pb.Run).decode_bytes(text.encode())


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused_as_an_invalid_argument(data: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        STANDARD_CODECS.of(pb.Run).decode_bytes(data)


def test_error_details_are_written_as_json_format_writes_them() -> None:
    status = status_pb2.Status(code=3, message="no")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="R", metadata={"b": "2", "a": "1"}))
    _check_written_as_json_format_does(status)
