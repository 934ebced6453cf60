"""Filtered, ordered and paged lists: which rows, in which order, from which position on. Runs are in `run_search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from milepost import v1 as pb
from milepost_server.filters.ast import OrderKey
from milepost_server.storage.base import Query
from milepost_server.storage.sql.comparisons import Bool
from milepost_server.storage.sql.conditions import EXPERIMENT, Scope, condition
from milepost_server.storage.sql.orders import Ordered, Term, behind
from milepost_server.storage.sql.schema import experiment
from milepost_server.storage.sql.statements import Connection, Statement

Position = tuple[Any, ...]
"""Where a row is in an order: a value for each term, the last of which is its number."""


async def search_experiments(connection: Connection, query: Query) -> tuple[list[int], Position | None]:
    """Numbers of the experiments of a page, and the position of the last; None when it is the last page."""
    where: list[Bool] = []
    if query.filter is not None:
        scope = Scope(connection.dialect, EXPERIMENT, experiment.c.id, {}, experiment)
        where.append(condition(scope, query.filter))
    if query.view != pb.VIEW_ALL:
        deleted = experiment.c.delete_us.is_not(None)
        where.append(deleted if query.view == pb.VIEW_DELETED else experiment.c.delete_us.is_(None))
    ordered = Ordered(EXPERIMENT, experiment, experiment.c.id, experiment, {})
    return page_of(query, await sorted_rows(connection, query, ordered, experiment.c.id, where))


def order_terms(ordered: Ordered, keys: Sequence[OrderKey], number: ColumnElement[int]) -> list[Term]:
    """The terms of an order. What is equal is sorted by its number, in the direction of the last key."""
    return [*(term for key in keys for term in ordered.terms(key)), Term(number, keys[-1].descending)]


async def sorted_rows(
    connection: Connection, query: Query, ordered: Ordered, number: ColumnElement[int], where: Sequence[Bool]
) -> list[Position]:
    """Positions of the rows of a page, and of one more if there is one, by sorting all that meet the conditions."""
    terms = order_terms(ordered, query.order_by, number)
    after = [] if query.after is None else [behind(connection.dialect, terms, query.after)]
    chosen = select(*(term.value for term in terms)).select_from(ordered.rows).where(*where, *after)
    rows = await connection.fetch(Statement(limited(chosen, terms, query.limit + 1)))
    return [tuple(row) for row in rows]


def limited(chosen: Select[Any], terms: Sequence[Term], limit: int) -> Select[Any]:
    """The first rows by some terms."""
    order = (term.value.desc() if term.descending else term.value.asc() for term in terms)
    return chosen.order_by(*order).limit(limit)


def page_of(query: Query, found: Sequence[Position]) -> tuple[list[int], Position | None]:
    """The numbers of a page, and the position of its last row when more follow."""
    last = found[query.limit - 1] if len(found) > query.limit else None
    return [position[-1] for position in found[: query.limit]], last
