"""Rules of params that the proto cannot say."""

from __future__ import annotations

import json
from collections.abc import Mapping

from milepost import v1 as pb
from milepost_server.errors import AlreadyExists, invalid_field, quote


def check_params(params: Mapping[str, pb.ParamValue], field: str) -> None:
    """Refuses params without a value and JSON params that are no JSON."""
    for key, value in params.items():
        path = f"{field}[{json.dumps(key, ensure_ascii=False)}]"
        kind = value.WhichOneof("kind")
        if kind is None:
            raise invalid_field(
                path, "has no value; set one of its kinds, such as string_value", reason=pb.ERROR_REASON_REQUIRED_FIELD
            )
        if kind == "json_value":
            try:
                json.loads(value.json_value, parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                raise invalid_field(
                    f"{path}.json_value", f"{quote(value.json_value)} is no JSON document: {error}"
                ) from error


def param_conflict(key: str, stored: pb.ParamValue, given: pb.ParamValue, owner: str) -> AlreadyExists:
    """A param has another value already. `owner` says of what, such as `run`."""
    texts = [_value_text(stored), _value_text(given)]
    return AlreadyExists(
        f"Param {quote(key)} is {texts[0]} already and cannot become {texts[1]}: params are written once. "
        f"Nothing of the request was stored. Use a new {owner}, or log what changes as a metric or tag.",
        reason=pb.ERROR_REASON_PARAM_CONFLICT,
        metadata={"key": key, "stored": texts[0], "given": texts[1]},
    )


def _value_text(value: pb.ParamValue) -> str:
    return quote(getattr(value, value.WhichOneof("kind") or ""))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not part of JSON")
