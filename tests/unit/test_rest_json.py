"""What the JSON codec refuses, and how it says so."""

from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf import field_mask_pb2

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.rest.json_codec import STANDARD_CODECS
from support.rest_protos import Everything


def _refusal(data: bytes | str, message_class: Any = Everything) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        STANDARD_CODECS.of(message_class).decode_bytes(data if isinstance(data, bytes) else data.encode())
    return caught.value


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"oneInt64": 1.5}', "one_int64"),
        ('{"oneInt64": "1.0"}', "one_int64"),
        ('{"oneInt64": 9223372036854775808}', "one_int64"),
        ('{"oneInt64": " 1"}', "one_int64"),
        ('{"oneInt64": "1_0"}', "one_int64"),
        ('{"oneInt64": "\\u0661"}', "one_int64"),
        ('{"oneInt64": false}', "one_int64"),
        ('{"oneInt32": 2147483648}', "one_int32"),
        ('{"oneUint32": -1}', "one_uint32"),
        ('{"oneUint64": -1}', "one_uint64"),
        ('{"oneDouble": "nan"}', "one_double"),
        ('{"oneDouble": "1e999"}', "one_double"),
        ('{"oneDouble": true}', "one_double"),
        ('{"oneFloat": 1e39}', "one_float"),
        ('{"oneBool": "true"}', "one_bool"),
        ('{"oneBool": 1}', "one_bool"),
        ('{"oneString": 1}', "one_string"),
        ('{"oneBytes": "*"}', "one_bytes"),
        ('{"oneBytes": "A"}', "one_bytes"),
        ('{"oneColor": "RED"}', "one_color"),
        ('{"oneColor": 7}', "one_color"),
        ('{"manyInt64": [1, null]}', "many_int64[1]"),
        ('{"manyString": "a"}', "many_string"),
        ('{"children": [{}, {"child": {"manyDouble": [1, "x"]}}]}', "children[1].child.many_double[1]"),
        ('{"children": [{"one_int32": 1}, {"one_int32": 2147483648}]}', "children[1].one_int32"),
        ('{"manyInt64Value": [{"value": 1}]}', "many_int64_value[0]"),
        ('{"manyDuration": [{}]}', "many_duration[0]"),
        ('{"mapString": 1}', "map_string"),
        ('{"namedChildren": {"a \\"b": {"oneBool": 0}}}', 'named_children["a \\"b"].one_bool'),
        ('{"mapString": {"a": null}}', 'map_string["a"]'),
        ('{"byInt32": {"x": "v"}}', 'by_int32["x"]'),
        ('{"byBool": {"True": "v"}}', 'by_bool["True"]'),
        ('{"byInt32": {"1": "v", "01": "w"}}', 'by_int32["01"]'),
        ('{"oneTimestamp": "2024-02-30T00:00:00Z"}', "one_timestamp"),
        ('{"oneTimestamp": "2024-02-03 00:00:00Z"}', "one_timestamp"),
        ('{"oneTimestamp": "0001-01-01T00:00:00+01:00"}', "one_timestamp"),
        ('{"oneDuration": "1"}', "one_duration"),
        ('{"oneDuration": "315576000001s"}', "one_duration"),
        ('{"oneFieldMask": "a,,b"}', "one_field_mask"),
        ('{"oneStruct": []}', "one_struct"),
        ('{"oneValue": 1e999}', "one_value"),
        ('{"oneStruct": {"a": [1, NaN]}}', 'one_struct["a"][1]'),
        ('{"oneInt64Value": 1.5}', "one_int64_value"),
        ('{"oneAny": {"@type": "nope"}}', 'one_any["@type"]'),
        ('{"oneAny": {"@type": "x/milepost.v1.Run", "nope": 1}}', "one_any.nope"),
        ('{"choiceInt64": 1, "choiceString": "a"}', "choice_string"),
        ('{"oneString": "a", "one_string": "b"}', "one_string"),
    ],
)
def test_value_that_does_not_fit_is_refused_by_the_path_of_its_field(body: str, path: str) -> None:
    error = _refusal(body)
    assert [violation.field for violation in error.violations] == [path]
    assert str(error).startswith(path)


def test_unknown_field_is_refused_and_the_known_ones_are_named() -> None:
    error = _refusal('{"run": {"nope": 1}}', pb.GetRunResponse)
    assert error.reason == pb.ERROR_REASON_UNKNOWN_FIELD
    assert [violation.field for violation in error.violations] == ["run.nope"]
    assert "runId" in str(error)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_bare_constant_is_refused_with_the_advice_to_quote_it(literal: str) -> None:
    error = _refusal(f'{{"run": {{"params": {{"lr": {{"doubleValue": {literal}}}}}}}}}', pb.CreateRunRequest)
    assert [violation.field for violation in error.violations] == ['run.params["lr"].double_value']
    assert f'send "{literal}" as a string' in str(error)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"oneString": "\\ud800"}', "one_string"),
        ('{"manyString": ["a", "\\udc00x"]}', "many_string[1]"),
        ('{"mapString": {"k": "\\ud800"}}', 'map_string["k"]'),
        ('{"child": {"oneStringValue": "\\ud800"}}', "child.one_string_value"),
        ('{"oneStruct": {"a": "\\ud800"}}', "one_struct"),
    ],
)
def test_lone_surrogate_is_refused_by_the_path_of_its_field(body: str, path: str) -> None:
    error = _refusal(body)
    assert [violation.field for violation in error.violations] == [path]
    assert "surrogate" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        '{"oneString": "a", "oneString": "b"}',
        '{"oneString": "a", "oneString" : "b"}',
        '{"mapString": {"k": "\\"", "k": "b"}}',
        '{"children": [{"oneInt32": 1, "oneInt32": 1}]}',
        '{"oneStruct": {"a": [1, {"b": 1, "b": 2}]}}',
    ],
)
def test_key_that_occurs_twice_in_one_object_is_refused(body: str) -> None:
    error = _refusal(body)
    assert error.reason == pb.ERROR_REASON_MALFORMED_BODY
    assert "twice" in str(error)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1", b"{} x", b'{"a": \xff}', b"[" * 100_000, b'{"oneStruct":' + b'{"a":' * 500],
)
def test_text_that_is_no_object_is_a_malformed_body(body: bytes) -> None:
    assert _refusal(body).reason == pb.ERROR_REASON_MALFORMED_BODY


def test_deeply_nested_body_is_refused() -> None:
    assert "deeper" in str(_refusal('{"child":' * 200 + "{}" + "}" * 200))


def test_long_values_are_cut_in_messages() -> None:
    assert len(str(_refusal('{"oneInt64": "%s"}' % ("9" * 100_000)))) < 400


def test_colons_and_quotes_in_text_are_no_duplicate_keys() -> None:
    body = '{"oneString": "a\\":\\"b", "mapString": {"x\\":": "c : d", "y" : "e"}}'
    message: Any = STANDARD_CODECS.of(Everything).decode_bytes(body.encode())
    assert message.one_string == 'a":"b'
    assert dict(message.map_string) == {'x":': "c : d", "y": "e"}


def test_whole_floats_and_strings_are_read_as_integers() -> None:
    body = b'{"manyInt64": [1.0, "-2", 3, 1e3], "oneUint64": "18446744073709551615"}'
    message: Any = STANDARD_CODECS.of(Everything).decode_bytes(body)
    assert list(message.many_int64) == [1, -2, 3, 1000]
    assert message.one_uint64 == 2**64 - 1


def test_null_leaves_a_field_unset() -> None:
    message: Any = STANDARD_CODECS.of(Everything).decode_bytes(
        b'{"oneString": null, "child": null, "choiceInt64": null}'
    )
    assert message == Everything()


def test_null_of_a_value_field_is_a_value() -> None:
    message: Any = STANDARD_CODECS.of(Everything).decode_bytes(b'{"oneValue": null}')
    assert message.one_value.HasField("null_value")


def test_url_safe_base64_without_padding_is_read() -> None:
    message: Any = STANDARD_CODECS.of(Everything).decode_bytes(b'{"oneBytes": "-_8"}')
    assert message.one_bytes == b"\xfb\xff"


def test_field_mask_is_read_in_both_spellings() -> None:
    for text in ("runId,startTime", "run_id,start_time"):
        message: Any = STANDARD_CODECS.of(field_mask_pb2.FieldMask).decode(text)
        assert list(message.paths) == ["run_id", "start_time"]


def test_offset_of_a_timestamp_is_applied() -> None:
    message: Any = STANDARD_CODECS.of(Everything).decode_bytes(b'{"oneTimestamp": "1970-01-01T01:00:00.5+01:00"}')
    assert (message.one_timestamp.seconds, message.one_timestamp.nanos) == (0, 500_000_000)


def test_keys_of_maps_are_written_in_order() -> None:
    run = pb.Run(tags={"b": "2", "a": "1", "c": "3"})
    assert STANDARD_CODECS.of(pb.Run).encode_bytes(run) == b'{"tags":{"a":"1","b":"2","c":"3"}}'


def test_values_that_json_lacks_are_written_as_strings() -> None:
    points = pb.MetricPoints(values=[math.nan, math.inf, -math.inf, -0.0, 1.5], steps=[2**63 - 1])
    written = STANDARD_CODECS.of(pb.MetricPoints).encode_bytes(points)
    assert written == b'{"values":["NaN","Infinity","-Infinity",-0.0,1.5],"steps":["9223372036854775807"]}'


def test_time_beyond_the_year_9999_has_no_json() -> None:
    run = pb.Run()
    run.start_time.seconds = 10**15
    with pytest.raises(ValueError, match="no JSON form"):
        STANDARD_CODECS.of(pb.Run).encode(run)


def test_path_of_the_message_is_put_before_that_of_the_field() -> None:
    with pytest.raises(InvalidArgument) as caught:
        STANDARD_CODECS.of(pb.Run).decode({"state": "NOPE"}, "run")
    assert [violation.field for violation in caught.value.violations] == ["run.state"]
