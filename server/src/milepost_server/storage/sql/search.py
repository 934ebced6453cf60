"""Filtered, ordered and paged lists: which rows, in which order, from which position on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select, true

from milepost import v1 as pb
from milepost_server.filters.ast import OrderKey
from milepost_server.storage.base import Query
from milepost_server.storage.sql.conditions import condition
from milepost_server.storage.sql.orders import Term, order_terms
from milepost_server.storage.sql.schema import experiment, run
from milepost_server.storage.sql.statements import Connection, Statement


@dataclass(frozen=True)
class Searchable:
    """An entity that can be searched.

    Args:
        table: Its rows.
        number: The column of their numbers.
        tie: The column that decides between equals, ascending.
        attributes: Column of each attribute by its name.
    """

    table: FromClause
    number: ColumnElement[int]
    tie: ColumnElement[Any]
    attributes: Mapping[str, ColumnElement[Any]]


RUN_SEARCH = Searchable(
    run,
    run.c.id,
    run.c.run_id,
    {
        "run_id": run.c.run_id,
        "experiment_id": run.c.experiment_id,
        "name": run.c.name,
        "state": run.c.state,
        "user": run.c.user,
        "description": run.c.description,
        "parent_run_id": run.c.parent_run_id,
        "start_time": run.c.start_us,
        "end_time": run.c.end_us,
        "create_time": run.c.create_us,
        "update_time": run.c.update_us,
    },
)
EXPERIMENT_SEARCH = Searchable(
    experiment,
    experiment.c.id,
    experiment.c.id,
    {
        "experiment_id": experiment.c.id,
        "name": experiment.c.name,
        "description": experiment.c.description,
        "create_time": experiment.c.create_us,
        "update_time": experiment.c.update_us,
    },
)


async def search(connection: Connection, entity: Searchable, query: Query) -> tuple[list[int], tuple[Any, ...] | None]:
    """Numbers of the rows of a page, and the sort position of the last; None when it is the last page."""
    source, terms = _sorted(entity, query.order_by)
    chosen = select(entity.number, *(term.value for term in terms)).select_from(source)
    chosen = _filtered(connection, chosen, entity, query)
    if query.after is not None:
        chosen = chosen.where(_behind(terms, query.after))
    chosen = chosen.order_by(*(term.value.desc() if term.descending else term.value.asc() for term in terms))
    rows = await connection.fetch(Statement(chosen.limit(query.limit + 1)))
    last = tuple(rows[query.limit - 1][1:]) if len(rows) > query.limit else None
    return [row[0] for row in rows[: query.limit]], last


def _sorted(entity: Searchable, keys: tuple[OrderKey, ...]) -> tuple[FromClause, list[Term]]:
    """The rows joined with what they are sorted by, and the terms of the order."""
    source, terms = entity.table, []
    for key in keys:
        source, added = order_terms(source, entity.number, entity.attributes, key)
        terms += added
    return source, [*terms, Term(entity.tie, descending=False)]


def _filtered(connection: Connection, chosen: Select[Any], entity: Searchable, query: Query) -> Select[Any]:
    if query.view in (pb.VIEW_ACTIVE, pb.VIEW_UNSPECIFIED):
        chosen = chosen.where(entity.table.c.delete_us.is_(None))
    elif query.view == pb.VIEW_DELETED:
        chosen = chosen.where(entity.table.c.delete_us.is_not(None))
    if query.experiment_ids:
        chosen = chosen.where(run.c.experiment_id.in_(query.experiment_ids))
    if query.filter is not None:
        chosen = chosen.where(condition(connection.dialect, entity.number, entity.attributes, query.filter))
    return chosen


def _behind(terms: list[Term], position: tuple[Any, ...]) -> ColumnElement[bool]:
    """What comes after a position: equal in the first terms and behind it in the next."""
    alternatives: list[ColumnElement[bool]] = []
    equal: ColumnElement[bool] = true()
    for term, value in zip(terms, position, strict=True):
        behind = term.value < value if term.descending else term.value > value
        alternatives.append(and_(equal, behind))
        equal = and_(equal, term.value == value)
    return or_(*alternatives)
