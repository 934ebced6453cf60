"""Orders of the filter language as terms of SQL that are never null. `docs/filters.md` has the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, func

from milepost_server.filters.ast import Attribute, Metric, OrderKey, Param, Tag, ValueKind
from milepost_server.storage.sql.keys import key_number
from milepost_server.storage.sql.schema import experiment, experiment_tag, run_param, run_tag, series
from milepost_server.storage.sql.values import BOOLEAN, FLOAT, INTEGER, NAN

# Values sort before NaN, and NaN before what is missing, in both directions.
_VALUE, _NAN, _MISSING = 0, 1, 2


@dataclass(frozen=True)
class Term:
    """One expression to sort by."""

    value: ColumnElement[Any]
    descending: bool


def order_terms(
    source: FromClause, number: ColumnElement[int], attributes: Mapping[str, ColumnElement[Any]], key: OrderKey
) -> tuple[FromClause, list[Term]]:
    """Joins to `source` what `key` needs, and says how to sort by it."""
    match key.operand:
        case Attribute(name, kind):
            return source, _attribute(attributes[name], kind, key.descending)
        case Metric(name, summary):
            table = series.alias()
            joined = source.outerjoin(table, and_(table.c.run_id == number, table.c.key_id == key_number(name)))
            return joined, _metric(table, summary, key.descending)
        case Param(name):
            table = run_param.alias()
            joined = source.outerjoin(table, and_(table.c.run_id == number, table.c.key_id == key_number(name)))
            return joined, _param(table, key.descending)
        case Tag(name):
            if number.table is experiment:
                table = experiment_tag.alias()
                matched = and_(table.c.experiment_id == number, table.c.key == name)
            else:
                table = run_tag.alias()
                matched = and_(table.c.run_id == number, table.c.key_id == key_number(name))
            return source.outerjoin(table, matched), _optional(table.c.value, "", key.descending)
        case _:
            raise TypeError(f"cannot sort by {key.operand}")


def _attribute(column: ColumnElement[Any], kind: ValueKind, descending: bool) -> list[Term]:
    if kind is ValueKind.TEXT:
        return [Term(case((column == "", _MISSING), else_=_VALUE), descending=False), Term(column, descending)]
    if column.nullable:
        return _optional(column, 0, descending)
    return [Term(column, descending)]


def _optional(column: ColumnElement[Any], stand_in: Any, descending: bool) -> list[Term]:
    missing = case((column.is_(None), _MISSING), else_=_VALUE)
    return [Term(missing, descending=False), Term(func.coalesce(column, stand_in), descending)]


def _metric(table: FromClause, summary: str, descending: bool) -> list[Term]:
    if summary == "count":
        return _optional(table.c.count, 0, descending)
    return _float(table.c[f"{summary}_kind"], table.c[f"{summary}_value"], descending)


def _float(kind: ColumnElement[int], value: ColumnElement[float], descending: bool) -> list[Term]:
    place = case((kind.is_(None), _MISSING), (kind == NAN, _NAN), else_=_VALUE)
    # The kind decides between an infinity and the greatest finite number, which stands in for it.
    return [
        Term(place, descending=False),
        Term(func.coalesce(value, 0.0), descending),
        Term(func.coalesce(kind, 0), descending),
    ]


def _param(table: FromClause, descending: bool) -> list[Term]:
    kind, is_number = table.c.kind, table.c.kind.in_((INTEGER, FLOAT))
    place = case((kind.is_(None), _MISSING), (table.c.number_kind == NAN, _NAN), else_=_VALUE)
    group = case((is_number, 0), (kind == BOOLEAN, 1), else_=2)
    return [
        Term(place, descending=False),
        Term(group, descending),
        Term(func.coalesce(table.c.number, 0.0), descending),
        Term(func.coalesce(table.c.number_kind, 0), descending),
        Term(case((is_number, ""), else_=func.coalesce(table.c.text, "")), descending),
    ]
