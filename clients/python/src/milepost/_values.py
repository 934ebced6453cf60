"""Python values to proto values and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any, SupportsFloat, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb

Member = TypeVar("Member", bound=Enum)

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

MetricsInput = Mapping[str, SupportsFloat] | Iterable[pb.MetricPoints]
"""Metrics to log: a value by key, or columns of points."""
ModelMetrics = Mapping[str, SupportsFloat] | Iterable[pb.ModelMetric]
"""Metrics of a model: a value by key, or metrics with their datasets and steps."""


def parse_member(kind: type[Member], text: str, what: str) -> Member:
    """The member of a text enumeration by its value in any case. Raises `ValueError` that lists the values."""
    try:
        return kind(str(getattr(text, "value", text)).upper())
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise ValueError(f"{text!r} is no {what}. Give one of {names}.") from None


def to_param(key: str, value: Any) -> pb.ParamValue:
    """The typed param for a Python value.

    str, bool, int and float keep their type; None, dict, list and tuple become JSON; a numpy scalar or a tensor
    without dimensions counts as the Python number in it.

    Raises:
        TypeError: No kind of param fits the value.
        ValueError: An int outside int64, or what JSON cannot hold, such as NaN in a list.
    """
    value = unwrap_scalar(value)
    if isinstance(value, str):
        return pb.ParamValue(string_value=value)
    if isinstance(value, bool):
        return pb.ParamValue(bool_value=value)
    if isinstance(value, int):
        if not INT64_MIN <= value <= INT64_MAX:
            raise ValueError(f"param {key!r}: {value} does not fit into 64 bits. Log it as text: str(value).")
        return pb.ParamValue(int_value=value)
    if isinstance(value, float):
        return pb.ParamValue(double_value=value)
    if value is None or isinstance(value, (dict, list, tuple)):
        return pb.ParamValue(json_value=_to_json(key, value))
    raise TypeError(
        f"param {key!r}: a {type(value).__name__} is no param value. Give str, bool, int, float, None, or a dict "
        "or list of these, or convert it with str()."
    )


def to_param_or_text(key: str, value: Any) -> pb.ParamValue:
    """`to_param`, with `str(value)` for what has no kind of its own. Never raises for a value that has a text."""
    try:
        return to_param(key, value)
    except (TypeError, ValueError):
        return pb.ParamValue(string_value=str(value))


def to_params(params: Mapping[str, Any]) -> dict[str, pb.ParamValue]:
    """`to_param` for each entry."""
    return {key: to_param(key, value) for key, value in params.items()}


def from_param(value: pb.ParamValue) -> Any:
    """The Python value of a param; JSON is decoded. None for a kind that this client does not know."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    if kind == "json_value":
        return json.loads(value.json_value)
    return getattr(value, kind)


def unwrap_scalar(value: Any) -> Any:
    """The Python scalar in a numpy scalar, an array or a tensor without dimensions; anything else as it is."""
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    return value


def to_model_metrics(metrics: ModelMetrics) -> Iterable[pb.ModelMetric]:
    """Metrics of a model as messages. Raises `TypeError` and `ValueError` for a value that is no number."""
    if not isinstance(metrics, Mapping):
        return metrics
    return [pb.ModelMetric(key=key, value=float(unwrap_scalar(value))) for key, value in metrics.items()]


def to_points(metrics: MetricsInput, step: int = 0, timestamp_ms: int | None = None) -> list[pb.MetricPoints]:
    """Columns of points for `metrics`.

    Args:
        metrics: A value by key, each at `step` and `timestamp_ms`; or columns, taken as they are.
        step: Step of the values.
        timestamp_ms: Their time in milliseconds since the Unix epoch. None for now.

    Raises:
        TypeError, ValueError: A value is no number, or the step or time does not fit into 64 bits.
    """
    if not isinstance(metrics, Mapping):
        return list(metrics)
    steps = [to_int64("step", step)]
    times = [now_ms() if timestamp_ms is None else to_int64("timestamp_ms", timestamp_ms)]
    return [
        pb.MetricPoints(key=key, values=[float(value)], steps=steps, timestamps_ms=times)
        for key, value in metrics.items()
    ]


def to_int64(name: str, value: Any) -> int:
    """`value` as an int of 64 bits. Raises `TypeError` or `ValueError` that names it."""
    number = int(value)
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError(f"{name}: {number} does not fit into 64 bits.")
    return number


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def to_timestamp(moment: datetime) -> Timestamp:
    """The proto form of a moment; one without a zone is local time, as everywhere in `datetime`."""
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(timezone.utc))
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """The moment in UTC."""
    return stamp.ToDatetime(tzinfo=timezone.utc)


def _to_json(key: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_json_default)
    except (TypeError, ValueError) as error:
        raise type(error)(f"param {key!r}: JSON cannot hold it ({error}). Convert it with str().") from error


def _json_default(value: Any) -> Any:
    scalar = unwrap_scalar(value)
    if scalar is not value:
        return scalar
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is no JSON value")
