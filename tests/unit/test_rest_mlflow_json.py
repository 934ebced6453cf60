"""JSON in MLflow's form: what is written, what is read, and what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from milepost_server.errors import InvalidArgument
from milepost_server.rest.mlflow_dialect import MLFLOW
from support.rest_mlflow_protos import Probe

_codec = MLFLOW.codecs.of(Probe)


def _read(text: str) -> Any:
    return _codec.decode_bytes(text.encode())


def _written(message: Any) -> Any:
    return json.loads(_codec.encode_bytes(message))


def test_names_are_those_of_the_proto() -> None:
    assert _written(Probe(run_id="r", max_results=5)) == {"run_id": "r", "max_results": 5}


@pytest.mark.parametrize("number", [0, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_integers_of_64_bits_are_exact_numbers(number: int) -> None:
    assert _codec.encode_bytes(Probe(step=number)) == f'{{"step":{number}}}'.encode()


def test_what_is_set_is_written_and_nothing_else() -> None:
    assert _written(Probe()) == {}
    assert _written(Probe(step=0, key="", value=0.0, archive_existing=False, status="RUNNING", max_results=1000)) == {
        "step": 0,
        "key": "",
        "value": 0.0,
        "archive_existing": False,
        "status": "RUNNING",
        "max_results": 1000,
    }


def test_empty_message_that_is_set_is_written() -> None:
    assert _written(Probe(inputs=Probe(), metrics=[Probe()])) == {"inputs": {}, "metrics": [{}]}


def test_numbers_that_json_lacks_are_strings() -> None:
    values = [math.nan, math.inf, -math.inf, 1.5]
    assert _written(Probe(values=values)) == {"values": ["NaN", "Infinity", "-Infinity", 1.5]}


@pytest.mark.parametrize("body", ['{"run_id": "r", "max_results": 1}', '{"runId": "r", "maxResults": 1}'])
def test_either_spelling_is_read(body: str) -> None:
    assert _read(body) == Probe(run_id="r", max_results=1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"value": "1.5", "step": "-3", "number": "7"}', Probe(value=1.5, step=-3, number=7)),
        ('{"value": 1, "timestamp": 1.7e12}', Probe(value=1.0, timestamp=1_700_000_000_000)),
        ('{"status": "FAILED", "statuses": [3, "4"]}', Probe(status="FAILED", statuses=["FINISHED", "FAILED"])),
        ('{"step": null, "metrics": null, "inputs": {}}', Probe(inputs=Probe())),
        ('{"headers": {"a": "b"}}', Probe(headers={"a": "b"})),
        ('{"step": 9223372036854775807}', Probe(step=2**63 - 1)),
    ],
)
def test_values_are_read_as_clients_send_them(body: str, message: Any) -> None:
    assert _read(body) == message


@pytest.mark.parametrize(("text", "value"), [("Infinity", math.inf), ("-Infinity", -math.inf)])
def test_infinity_is_read_bare_and_quoted(text: str, value: float) -> None:
    assert _read(f'{{"value": {text}, "ratio": {text}}}') == Probe(value=value, ratio=value)
    assert _read(f'{{"metrics": [{{"value": "{text}"}}, {{"value": {text}}}]}}').metrics[1].value == value


def test_nan_is_read_bare_and_quoted() -> None:
    for body in ('{"value": NaN}', '{"value": "NaN"}'):
        assert math.isnan(_read(body).value)


def test_fields_that_are_not_known_are_ignored_at_every_depth() -> None:
    body = '{"new": {"x": NaN}, "metrics": [{"key": "k", "newer": 1}], "inputs": {"newest": [1, {"y": 2}]}}'
    assert _read(body) == Probe(metrics=[Probe(key="k")], inputs=Probe())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"run_id": "a", "runId": "a"}', "run_id"),
        ('{"metrics": [{"key": "k", "run_id": "a", "runId": "a"}]}', "metrics[0].run_id"),
        ('{"metrics": [{"step": 1}, {"step": 1.5}]}', "metrics[1].step"),
        ('{"metrics": [{"step": 9223372036854775808}]}', "metrics[0].step"),
        ('{"timestamp": 1e19}', "timestamp"),
        ('{"step": "1.5"}', "step"),
        ('{"step": NaN}', "step"),
        ('{"step": true}', "step"),
        ('{"value": true}', "value"),
        ('{"value": 1e400}', "value"),
        ('{"metrics": [{"value": -1e400}]}', "metrics[0].value"),
        ('{"value": "1e400"}', "value"),
        ('{"value": "nan"}', "value"),
        ('{"status": "BOGUS"}', "status"),
        ('{"status": 2}', "status"),
        ('{"key": 5}', "key"),
        ('{"metrics": [{"key": false}]}', "metrics[0].key"),
        ('{"key": NaN}', "key"),
        ('{"run_ids": [1]}', "run_ids[0]"),
        ('{"run_ids": "a"}', "run_ids"),
        ('{"metrics": {"key": "k"}}', "metrics"),
        ('{"metrics": [null]}', "metrics[0]"),
        ('{"inputs": "x"}', "inputs"),
        ('{"archive_existing": "true"}', "archive_existing"),
        ('{"either": 1, "other": "x"}', "other"),
        ('{"metrics": [{"key": "\\ud800"}]}', "metrics[0].key"),
        ('{"headers": {"a": 1}}', 'headers["a"]'),
    ],
)
def test_value_that_does_not_fit_is_refused_by_the_name_of_its_field(body: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _read(body)
    assert [violation.field for violation in caught.value.violations] == [field]
