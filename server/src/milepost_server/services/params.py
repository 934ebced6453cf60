"""Rules of params that the proto cannot say."""

from __future__ import annotations

import json
from collections.abc import Mapping

from milepost import v1 as pb
from milepost_server.errors import invalid_field, quote


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


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not part of JSON")
