"""Params: typed, exact, and within their limits."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.values import INT64_MAX, INT64_MIN, NEGATIVE_NAN, Json, bits, param

PARAMS: dict[str, pb.ParamValue] = {
    "int max": param(INT64_MAX),
    "int min": param(INT64_MIN),
    "int beyond double": param(2**53 + 1),
    "zero": param(0),
    "float that is whole": param(3.0),
    "negative zero": param(-0.0),
    "tiny": param(5e-324),
    "huge": param(1.7976931348623157e308),
    "tenth": param(0.1),
    "infinity": param(float("inf")),
    "-infinity": param(float("-inf")),
    "nan": param(float("nan")),
    "true": param(True),
    "false": param(False),
    "text": param("naïve 文字 🚀\n\t\"'\\"),
    "empty text": param(""),
    "text like a number": param("1"),
    "long text": param("é" * 65_535),
    "json": param(Json('{"b": [1, 2.50, null], "a": "ü"}')),
    "json kept as sent": param(Json(' [ 1e2 ,\n  "\\u00fc" ] ')),
    "dots.and/slashes": param("k"),
    "кл%27юч'\"`": param("k"),
}


async def test_params_keep_their_kind_and_value(api: Api, experiment: pb.Experiment) -> None:
    created = await api.create_run(experiment.experiment_id, params=PARAMS)
    stored = (await api.get_run(created.run_id)).params
    assert stored.keys() == PARAMS.keys()
    for key, value in PARAMS.items():
        assert stored[key].SerializeToString() == value.SerializeToString(), key


async def test_params_keep_the_payload_of_nan_where_the_transport_has_one(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run(params={"nan": param(NEGATIVE_NAN)})
    assert bits([(await grpc_api.get_run(run.run_id)).params["nan"].double_value]) == bits([NEGATIVE_NAN])


async def test_param_keys_of_500_characters_are_kept(api: Api, run: pb.Run) -> None:
    keys = {"k" * 500, "é" * 500, "🚀" * 500}
    await api.log_batch(run.run_id, dict.fromkeys(keys, 1), {"t" * 250: "v" * 65_535})
    stored = await api.get_run(run.run_id)
    assert stored.params.keys() == keys
    assert dict(stored.tags) == {"t" * 250: "v" * 65_535}


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("", param(1), "params"),
        ("k" * 501, param(1), "params"),
        ("a\nb", param(1), "params"),
        ("k", pb.ParamValue(), "params"),
        ("k", param("x" * 65_536), "params"),
        ("k", param(Json("{not json")), "params"),
        ("k", param(Json("NaN")), "params"),
        ("k", param(Json("")), "params"),
        ("k", param(Json("[" * 60_000)), "params"),
    ],
    ids=["empty key", "long key", "control", "no kind", "long text", "no json", "json nan", "empty json", "deep json"],
)
async def test_bad_param_is_refused_and_nothing_stored(
    api: Api, experiment: pb.Experiment, key: str, value: pb.ParamValue, field: str
) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.create_run(experiment.experiment_id, params={key: value, "good": param(1)})
    assert refusal.error.fields[0].startswith(f"run.{field}")
    assert not (await api.list_runs(experiment_ids=[experiment.experiment_id])).runs
