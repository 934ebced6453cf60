"""Filtered, ordered and paged lists: which rows, in which order, from which position on. Runs are in `run_search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from milepost import v1 as pb
from milepost_server.filters.ast import Expression, Metric, OrderKey, Param, Tag
from milepost_server.storage.base import Query
from milepost_server.storage.sql.comparisons import Bool
from milepost_server.storage.sql.conditions import Scope, condition, named_keys
from milepost_server.storage.sql.keys import find_keys
from milepost_server.storage.sql.orders import Ordered, Term, behind
from milepost_server.storage.sql.searchable import Searchable
from milepost_server.storage.sql.sources import joined, terms_of
from milepost_server.storage.sql.statements import Connection, Statement

Position = tuple[Any, ...]
"""Where a row is in an order: a value for each term, the last of which is its number."""


async def search_rows(
    connection: Connection, query: Query, entity: Searchable, within: Sequence[Bool] = (), *, whole: bool = False
) -> tuple[list[int], Position | None]:
    """Numbers of the rows of a page, and the position of the last; None when it is the last page.

    For entities of which there are so few that a database may find its own way. Runs have theirs in `run_search`.

    Args:
        connection: The database.
        query: What to look for.
        entity: What the rows are of.
        within: Further conditions for rows of the entity's table.
        whole: Whether most rows are gone through, so that what a condition finds is better had once for all.
    """
    keys = await key_numbers(connection, query.filter, query.order_by) if entity.interned else {}
    table, number = entity.table, entity.table.c.id
    filtered = entity.of_datasets(query.datasets)
    scope = Scope(connection.dialect, filtered, number, keys, table, whole=whole)
    terms = terms_of(query.filter)
    # Each by itself where they are asked in turn, so that the database may begin with the one that an index has.
    asked = [joined(terms)] if whole and terms else terms
    where = [*within, *(condition(scope, term) for term in asked)]
    sorted_by = entity.of_datasets([query.order_dataset] if query.order_dataset else [])
    ordered = Ordered(sorted_by, table, number, table, keys)
    return page_of(query, await sorted_rows(connection, query, ordered, number, where))


def in_view(table: Table, view: pb.View.ValueType) -> list[Bool]:
    """The condition for rows that are deleted or not, as a list is to show them."""
    if view == pb.VIEW_ALL:
        return []
    deleted = table.c.delete_us.is_not(None)
    return [deleted if view == pb.VIEW_DELETED else table.c.delete_us.is_(None)]


async def key_numbers(
    connection: Connection, filter_: Expression | None, order_by: Sequence[OrderKey] = ()
) -> dict[str, int]:
    """Numbers of the interned keys that a filter and an order name, those that have one."""
    names = set(named_keys(filter_))
    names.update(key.operand.key for key in order_by if isinstance(key.operand, Param | Tag | Metric))
    return await find_keys(connection, names) if names else {}


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
