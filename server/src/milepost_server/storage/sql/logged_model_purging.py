"""Rows of logged models removed for good, some at a time."""

from __future__ import annotations

from sqlalchemy import Table, bindparam, delete, func, select

from milepost_server.storage.sql.model_schema import (
    logged_model,
    logged_model_metric,
    logged_model_param,
    logged_model_tag,
)
from milepost_server.storage.sql.statements import Connection, Statement, any_of

_TABLES = (logged_model_param, logged_model_tag, logged_model_metric)
_counts = [select(func.count()).where(table.c.model_id == logged_model.c.id).scalar_subquery() for table in _TABLES]
_MODELS = Statement(
    select(logged_model.c.id, *_counts)
    .where(logged_model.c.run_id == bindparam("run"))
    .order_by(logged_model.c.id)
    .limit(bindparam("most"))
)
# What is below them goes with them.
_REMOVE_MODELS = Statement(delete(logged_model).where(any_of(logged_model.c.id, "numbers")))


class _Rows:
    """Rows of a table below models."""

    def __init__(self, table: Table) -> None:
        keys = [column for column in table.primary_key.columns if column.name != "model_id"]
        of_model = table.c.model_id == bindparam("model")
        self._names = [column.name for column in keys]
        self._find = Statement(select(*keys).where(of_model).order_by(*keys).limit(bindparam("most")))
        self._remove = Statement(delete(table).where(of_model, *(column == bindparam(column.name) for column in keys)))

    async def take(self, connection: Connection, model: int, most: int) -> int:
        """Removes some rows of a model and returns their number."""
        found = await connection.fetch(self._find, model=model, most=most)
        rows = [{"model": model, **dict(zip(self._names, row, strict=True))} for row in found]
        await connection.execute_many(self._remove, rows)
        return len(rows)


_DETAILS = tuple(map(_Rows, _TABLES))


async def take_models(connection: Connection, run_row: int, budget: int) -> int:
    """Removes some models of a run, or a part of one that is too large. Returns the number of rows; 0: none is left."""
    numbers: list[int] = []
    cost = 0
    for number, *counts in await connection.fetch(_MODELS, run=run_row, most=budget):
        needed = 1 + sum(counts)
        if cost + needed > budget:
            if not numbers:
                return await _take_details(connection, number, budget)
            break
        numbers.append(number)
        cost += needed
    if numbers:
        await connection.execute(_REMOVE_MODELS, numbers=connection.array(numbers))
    return cost


async def _take_details(connection: Connection, model: int, budget: int) -> int:
    for rows in _DETAILS:
        if taken := await rows.take(connection, model, budget):
            return taken
    # Too little of the budget is left for anything but the model itself.
    return await connection.execute(_REMOVE_MODELS, numbers=connection.array([model]))
