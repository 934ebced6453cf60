"""What filters and orders mean, in plain Python: the judge that storage is compared with."""

from __future__ import annotations

import math
import operator
import re
import string
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

from milepost import v1 as pb
from milepost_server.filters import (
    And,
    Attribute,
    Comparison,
    DatasetField,
    Expression,
    In,
    IsNull,
    Match,
    Metric,
    Not,
    Operand,
    Or,
    OrderKey,
    Param,
    Tag,
    Value,
    ValueKind,
)

Entity: TypeAlias = pb.Run | pb.Experiment
EntityT = TypeVar("EntityT", pb.Run, pb.Experiment)
Stored: TypeAlias = str | int | float | bool | pb.ParamValue

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def matches(expression: Expression | None, entity: Entity) -> bool:
    """Whether a run or an experiment passes a filter; None passes everything."""
    if expression is None:
        return True
    if isinstance(expression, And):
        return all(matches(term, entity) for term in expression.terms)
    if isinstance(expression, Or):
        return any(matches(term, entity) for term in expression.terms)
    if isinstance(expression, Not):
        return not matches(expression.term, entity)
    stored = _stored(expression.operand, entity)
    if isinstance(expression, IsNull):
        return bool(stored) == expression.negated
    return any(_holds(expression, value) for value in stored)


def sort_runs(runs: Iterable[EntityT], keys: Sequence[OrderKey]) -> list[EntityT]:
    """Runs (or experiments), given in order of their creation, in another order. Ties go the way of the last key."""
    ordered = list(runs)
    if keys and keys[-1].descending:
        ordered.reverse()
    for key in reversed(keys):
        ordered = _sorted_by(ordered, key)
    return ordered


def _holds(condition: Comparison | Match | In, stored: Stored) -> bool:
    if isinstance(condition, Match):
        return _like(_text(stored), condition.pattern, condition.case_sensitive)
    if isinstance(condition, Comparison):
        return _compare(stored, condition.operator, condition.value)
    if condition.negated:
        return all(_compare(stored, "!=", value) for value in condition.values)
    return any(_compare(stored, "=", value) for value in condition.values)


def _compare(stored: Stored, name: str, value: Value) -> bool:
    """Values of kinds that cannot be compared fail every comparison, as missing ones do."""
    left: Value | None
    if isinstance(value, str):
        left = _text(stored)
    elif isinstance(stored, pb.ParamValue):
        left = _number_or_bool(stored, value)
    else:
        left = stored
    if left is None:
        return False
    if isinstance(left, float) or isinstance(value, float):
        return _COMPARE[name](float(left), float(value))
    return _COMPARE[name](left, value)


def _number_or_bool(param: pb.ParamValue, beside: Value) -> Value | None:
    kind = _kind(param)
    comparable = ("bool_value",) if isinstance(beside, bool) else ("int_value", "double_value")
    return getattr(param, kind) if kind in comparable else None


def _kind(param: pb.ParamValue) -> str:
    kind = param.WhichOneof("kind")
    assert kind, "a stored param has a value"
    return kind


def _text(stored: Stored) -> str:
    if not isinstance(stored, pb.ParamValue):
        assert isinstance(stored, str)
        return stored
    value = getattr(stored, _kind(stored))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _like(text: str, pattern: str, case_sensitive: bool) -> bool:
    if not case_sensitive:
        text, pattern = text.translate(_ASCII_LOWER), pattern.translate(_ASCII_LOWER)
    # Runs of % become one, or the regular expression could take forever.
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(char) or re.escape(char) for char in re.sub("%+", "%", pattern))
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _stored(operand: Operand, entity: Entity) -> list[Stored]:
    """What the entity has for an operand: nothing when it is missing, several values for datasets only."""
    if isinstance(operand, Attribute):
        return _attribute(operand, entity)
    if isinstance(operand, Tag):
        return [entity.tags[operand.key]] if operand.key in entity.tags else []
    assert isinstance(entity, pb.Run)
    if isinstance(operand, Param):
        return [entity.params[operand.key]] if operand.key in entity.params else []
    if isinstance(operand, Metric):
        return _metric(operand, entity)
    if operand.field == "context":
        return [each.context for each in entity.inputs]
    return [getattr(each.dataset, operand.field) for each in entity.inputs]


def _metric(operand: Metric, run: pb.Run) -> list[Stored]:
    if operand.key not in run.metrics:
        return []
    summary = run.metrics[operand.key]
    if operand.summary in ("min", "max", "min_step", "max_step") and not summary.HasField(operand.summary):
        return []
    return [getattr(summary, operand.summary)]


def _attribute(operand: Attribute, entity: Entity) -> list[Stored]:
    value = getattr(entity, operand.name)
    if operand.kind is ValueKind.TIME:
        return [value.ToMicroseconds()] if operand.name in {field.name for field, _ in entity.ListFields()} else []
    if operand.kind is ValueKind.INTEGER:
        return [int(value)]
    return [] if value == "" else [value]


def _sorted_by(entities: list[EntityT], key: OrderKey) -> list[EntityT]:
    """Keeps the given order among equals."""
    assert not isinstance(key.operand, DatasetField)
    present: list[tuple[Any, EntityT]] = []
    nan: list[EntityT] = []
    missing: list[EntityT] = []
    for entity in entities:
        stored = _stored(key.operand, entity)
        if not stored:
            missing.append(entity)
            continue
        rank = _rank(stored[0])
        if isinstance(rank[1], float) and math.isnan(rank[1]):
            nan.append(entity)
        else:
            present.append((rank, entity))
    present.sort(key=lambda pair: pair[0], reverse=key.descending)
    return [entity for _, entity in present] + nan + missing


def _rank(stored: Stored) -> tuple[int, Value]:
    """Numbers, as floats, before booleans before strings before JSON; only params mix them."""
    if not isinstance(stored, pb.ParamValue):
        return 0, _sortable(stored)
    kind = _kind(stored)
    if kind in ("int_value", "double_value"):
        return 0, _sortable(float(getattr(stored, kind)))
    return ("bool_value", "string_value", "json_value").index(kind) + 1, _sortable(getattr(stored, kind))


def _sortable(value: Value) -> Value:
    """Texts are sorted by how they begin, and infinities are equal to the greatest and the least finite float."""
    if isinstance(value, str):
        return value[:128]
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(sys.float_info.max, value)
    return value
