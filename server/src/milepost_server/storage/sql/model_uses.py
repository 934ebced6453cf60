"""What versions of registered models consist of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from milepost_server.storage.logged_models import ModelUse
from milepost_server.storage.sql.artifacts import below
from milepost_server.storage.sql.model_schema import model_version, registered_model
from milepost_server.storage.sql.schema import run
from milepost_server.storage.sql.statements import Connection, Statement, any_of

_uses = (
    select(registered_model.c.name, model_version.c.version, model_version.c.path)
    .join(registered_model, registered_model.c.id == model_version.c.model_id)
    # As a sum, it keeps a planner from going through all versions in this order.
    .order_by(model_version.c.id + 0)
    .limit(bindparam("most"))
)


def _using(*conditions: ColumnElement[bool]) -> Statement:
    return Statement(_uses.where(*conditions))


# Versions of files that are elsewhere name a run too.
_kept = model_version.c.source_uri == ""
_of_run = and_(model_version.c.run_id == bindparam("run_id"), _kept)
_OF_RUN = _using(_of_run)
_OF_EXPERIMENT = Statement(
    _uses.join(run, run.c.run_id == model_version.c.run_id).where(run.c.experiment_id == bindparam("experiment"), _kept)
)
_OF_MODEL = _using(model_version.c.logged_model_id == bindparam("model_id"))
_OF_PATH = _using(
    _of_run,
    or_(
        any_of(model_version.c.path, "holders"),
        (model_version.c.path > bindparam("low")) & (model_version.c.path < bindparam("high")),
    ),
)


class ModelUseRows:
    """See `storage.logged_models.ModelUses`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_run(self, run_id: str, limit: int) -> Sequence[ModelUse]:
        return await self._found(_OF_RUN, limit, run_id=run_id)

    async def of_experiment(self, experiment_id: int, limit: int) -> Sequence[ModelUse]:
        return await self._found(_OF_EXPERIMENT, limit, experiment=experiment_id)

    async def of_model(self, model_id: str, limit: int) -> Sequence[ModelUse]:
        return await self._found(_OF_MODEL, limit, model_id=model_id)

    async def of_path(self, run_id: str, path: str, limit: int) -> Sequence[ModelUse]:
        segments = path.split("/")
        holders = ["/".join(segments[:depth]) for depth in range(len(segments) + 1)]
        return await self._found(_OF_PATH, limit, run_id=run_id, holders=self._connection.array(holders), **below(path))

    async def _found(self, statement: Statement, limit: int, **values: Any) -> Sequence[ModelUse]:
        return [ModelUse(*row) for row in await self._connection.fetch(statement, most=limit, **values)]
