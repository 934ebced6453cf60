"""Which operators and literals fit which operand, and the value that a literal stands for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from google.protobuf.descriptor import EnumDescriptor
from lark import Token

from milepost import v1 as pb
from milepost_server.filters.ast import (
    INTEGER_SUMMARIES,
    Attribute,
    DatasetField,
    Metric,
    Operand,
    Param,
    Value,
    ValueKind,
)
from milepost_server.filters.refusal import Refusal, either, position, unexpected

COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_EQUALITY = ("=", "!=")
_PATTERNS = ("LIKE", "ILIKE")
_ALL = (*COMPARISONS, *_PATTERNS, "IN", "IS")
_ATTRIBUTE_OPERATORS = {
    ValueKind.TEXT: _ALL,
    ValueKind.INTEGER: (*_EQUALITY, "IN"),
    ValueKind.NUMBER: (*COMPARISONS, "IN"),
    ValueKind.TIME: (*COMPARISONS, "IN", "IS"),
    ValueKind.TEXTS: (*_EQUALITY, *_PATTERNS, "IN", "IS"),
}
_ENUM_OPERATORS = (*_EQUALITY, *_PATTERNS, "IN")

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Whole milliseconds in microseconds, before and after every time that a `Timestamp` can hold (years 1 to 9999).
_BEFORE_TIME, _AFTER_TIME = -(10**17), 10**18


class _Enum:
    """An enum of the protos, in which names are written without the prefix that all of them have.

    Args:
        descriptor: The enum.
    """

    def __init__(self, descriptor: EnumDescriptor) -> None:
        self._prefix = f"{descriptor.name.upper()}_"
        self.numbers = {
            value.name.removeprefix(self._prefix): value.number for value in descriptor.values if value.number
        }

    def number(self, name: str) -> int | None:
        """The number of a name in any case, also with the prefix; None when there is none."""
        return self.numbers.get(name.upper().removeprefix(self._prefix))


_ENUMS: Mapping[ValueKind, _Enum] = {
    ValueKind.STATE: _Enum(pb.Run.State.DESCRIPTOR),
    ValueKind.STAGE: _Enum(pb.ModelVersion.Stage.DESCRIPTOR),
    ValueKind.VERSION_STATUS: _Enum(pb.ModelVersion.Status.DESCRIPTOR),
    ValueKind.MODEL_STATUS: _Enum(pb.LoggedModel.Status.DESCRIPTOR),
}


def operators(operand: Operand) -> tuple[str, ...]:
    """The operators that fit `operand`; `IN` and `IS` stand for their forms with NOT too."""
    if isinstance(operand, Attribute):
        return _ENUM_OPERATORS if operand.kind in _ENUMS else _ATTRIBUTE_OPERATORS[operand.kind]
    if isinstance(operand, Metric):
        return (*COMPARISONS, "IN", "IS")
    if isinstance(operand, DatasetField):
        return (*_EQUALITY, *_PATTERNS, "IN")
    return _ALL


def expected_operator(operand: Operand) -> str:
    """In words, the operators that fit `operand`."""
    return either([f"{name} NULL" if name == "IS" else name for name in operators(operand)])


def check_operator(operand: Operand, operator: Token) -> None:
    """Refuses an operator that does not fit its operand, or that does not exist."""
    if operator.upper() not in operators(operand):
        raise unexpected(operator, expected_operator(operand))


def expected_literal(operand: Operand, operator: str) -> str:
    """In words, the literals that fit after `operator`."""
    if operator in _PATTERNS:
        return "a pattern in quotes"
    if isinstance(operand, Metric):
        return "a number"
    if isinstance(operand, Param) and not operand.text_only:
        return (
            "a string in quotes, a number, true or false" if operator in _EQUALITY else "a string in quotes or a number"
        )
    if not isinstance(operand, Attribute) or operand.kind in (ValueKind.TEXT, ValueKind.TEXTS):
        return "a string in quotes"
    if operand.kind is ValueKind.INTEGER:
        return "an id of digits"
    if operand.kind is ValueKind.NUMBER:
        return "a whole number"
    if operand.kind in _ENUMS:
        return either([f"'{name}'" for name in _ENUMS[operand.kind].numbers])
    return "milliseconds since 1970 or a date such as '2026-01-31' or '2026-01-31T12:30:00Z'"


def convert(operand: Operand, operator: Token, literal: Token) -> Value:
    """The value that `literal` stands for beside `operand`. Refuses one that does not fit."""
    name = operator.upper()
    value = _read(literal)
    fitting = _fit(operand, name, value)
    if fitting is None:
        refusal = unexpected(literal, expected_literal(operand, name), after=operator)
        if literal.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            refusal.problem += "; NaN and infinities cannot be compared with"
        raise refusal
    return fitting


def pattern(operand: Operand, operator: Token, literal: Token) -> str:
    """The pattern that `literal` stands for."""
    return str(convert(operand, operator, literal))


def convert_all(operand: Operand, operator: Token, literals: list[Token]) -> tuple[Value, ...]:
    """The values of an IN list."""
    values = tuple(convert(operand, operator, literal) for literal in literals)
    for literal, value in zip(literals, values, strict=True):
        if isinstance(value, str) != isinstance(values[0], str):
            kind = "a string in quotes" if isinstance(values[0], str) else "a number"
            raise unexpected(literal, f"{kind}, as the first value is")
    return values


def enum_like(operand: Operand, operator: Token, literal: Token) -> tuple[int, ...] | None:
    """The numbers of an enum whose names (without `STATE_`) fit a pattern; None when the operand is no enum.

    Refuses a pattern that fits no name.
    """
    if not isinstance(operand, Attribute) or operand.kind not in _ENUMS:
        return None
    if literal.type != "STRING":
        raise unexpected(literal, "a pattern in quotes", after=operator)
    # Runs of % become one, or a hostile pattern would take the regular expression forever.
    parts = {"%": ".*", "_": "."}
    regex = "".join(parts.get(char) or re.escape(char) for char in re.sub("%+", "%", literal[1:-1]))
    fold = str.lower if operator.upper() == "ILIKE" else str
    names = _ENUMS[operand.kind].numbers
    numbers = tuple(number for name, number in names.items() if re.fullmatch(fold(regex), fold(name), re.DOTALL))
    if not numbers:
        raise unexpected(literal, f"a pattern that fits {either(list(names))}", after=operator)
    return numbers


def _read(literal: Token) -> Value | None:
    """The value of a literal taken by itself; None for a word that is no literal."""
    if literal.type == "STRING":
        return literal[1:-1]
    if literal.type == "WORD":
        return {"true": True, "false": False}.get(literal.lower())
    if literal.lstrip("-").isdigit():
        return _read_integer(literal)
    fraction = float(literal)
    if not math.isfinite(fraction):
        raise Refusal(position(literal), "the number does not fit a float of 64 bits", "a float of 64 bits")
    return fraction


def _read_integer(literal: Token) -> int:
    digits = literal.lstrip("-0") or "0"
    # The length first: Python refuses to read thousands of digits.
    number = int(digits) if len(digits) <= 19 else _INT64_MAX + 2
    number = -number if literal.startswith("-") else number
    if not _INT64_MIN <= number <= _INT64_MAX:
        raise Refusal(position(literal), "the integer does not fit 64 bits", "an integer of 64 bits")
    return number


def _fit(operand: Operand, operator: str, value: Value | None) -> Value | None:
    """The form of `value` in the tree, or None when it does not fit."""
    if isinstance(operand, Metric):
        if value is None or isinstance(value, str | bool):
            return None
        return value if operand.summary in INTEGER_SUMMARIES else float(value)
    if operator in _PATTERNS:
        return value if isinstance(value, str) else None
    if isinstance(operand, Param) and not operand.text_only:
        return None if isinstance(value, bool) and operator not in _EQUALITY else value
    if isinstance(operand, Attribute):
        return _fit_attribute(operand.kind, value)
    return value if isinstance(value, str) else None


def _fit_attribute(kind: ValueKind, value: Value | None) -> Value | None:
    if value is None or isinstance(value, bool):
        return None
    if kind is ValueKind.TIME:
        return _microseconds(value)
    if kind in _ENUMS:
        return _ENUMS[kind].number(value) if isinstance(value, str) else None
    if kind in (ValueKind.INTEGER, ValueKind.NUMBER):
        if not re.fullmatch("[0-9]{1,19}", str(value)) or int(value) > _INT64_MAX:
            return None
        return int(value)
    return value if isinstance(value, str) else None


def _microseconds(value: str | float) -> int | None:
    """A time given in milliseconds or ISO 8601, moved to the nearest bound when no `Timestamp` can hold it."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return None
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)
    # Multiplied after the bounds, so that no float overflows.
    bounded = max(_BEFORE_TIME // 1000, min(value, _AFTER_TIME // 1000))
    return round(bounded * 1000)
