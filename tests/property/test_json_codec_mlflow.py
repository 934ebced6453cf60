"""The JSON codec in MLflow's form, over random messages of proto2 and random JSON, beside `json_format`."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost_server.errors import InvalidArgument
from milepost_server.rest.mlflow_dialect import MLFLOW
from support.message_strategies import messages
from support.rest_mlflow_protos import Probe

_codec = MLFLOW.codecs.of(Probe)
_slow = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
_names = [name for field in Probe.DESCRIPTOR.fields for name in (field.name, field.json_name)]
_plain = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=5)
    | st.sampled_from(["1", "-1.5", "NaN", "Infinity", "RUNNING"])
)
_json = st.recursive(
    _plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_names) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=10,
)


def _content(message: Any) -> str:
    """What is set in a message and to what; NaN is equal to itself here, and -0.0 is not 0.0."""
    return json_format.MessageToJson(message, sort_keys=True)


@_slow
@given(messages(Probe))
def test_message_survives_a_round_trip(message: Any) -> None:
    assert _content(_codec.decode_bytes(_codec.encode_bytes(message))) == _content(message)


@_slow
@given(messages(Probe))
def test_what_is_written_is_read_alike_by_json_format(message: Any) -> None:
    text = _codec.encode_bytes(message)
    assert _content(json_format.Parse(text, Probe())) == _content(message)


@_slow
@given(messages(Probe))
def test_integers_are_written_exactly(message: Any) -> None:
    written = json.loads(_codec.encode_bytes(message))
    for name in ("timestamp", "step", "number", "steps"):
        value = getattr(message, name)
        expected = list(value) if name == "steps" else value
        assert written.get(name, expected) == expected
        assert (name in written) == any(field.name == name for field, _ in message.ListFields())


@_slow
@given(_json)
def test_any_json_is_read_or_refused_as_an_invalid_argument(value: Any) -> None:
    with contextlib.suppress(InvalidArgument):
        _codec.decode_bytes(json.dumps(value).encode())


@_slow
@given(st.dictionaries(st.sampled_from(_names), _json, max_size=3))
def test_what_is_read_is_what_json_format_reads(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    try:
        expected = json_format.Parse(text, Probe(), ignore_unknown_fields=True)
        read = _codec.decode_bytes(text.encode())
    except (json_format.ParseError, InvalidArgument):
        return
    assert _content(read) == _content(expected)


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused_as_an_invalid_argument(data: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        _codec.decode_bytes(data)
