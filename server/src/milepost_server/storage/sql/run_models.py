"""Rows of logged models as inputs and outputs of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.model_schema import run_model
from milepost_server.storage.sql.schema import run
from milepost_server.storage.sql.statements import Connection, Upsert, concatenated

FIELDS = frozenset({"model_inputs", "model_outputs"})
"""Fields of a run that `model_entries` fill."""

# What the column `role` holds.
_INPUT, _OUTPUT = 1, 2
_SET = Upsert(run_model, [column.name for column in run_model.c], ["run_id", "model_id", "role"], ["entry"])


def model_entries() -> ColumnElement[bytes]:
    """For a query of runs: their models, concatenated; null where a run has none."""
    return select(concatenated(run_model.c.entry)).where(run_model.c.run_id == run.c.id).scalar_subquery()


def sort_models(message: pb.Run) -> None:
    """Puts the models of a run, which come in any order, in theirs."""
    message.model_inputs.sort(key=lambda model: model.model_id)
    message.model_outputs.sort(key=lambda model: (model.step, model.model_id))


async def log_models(
    connection: Connection, key: RunKey, inputs: Sequence[pb.ModelInput], outputs: Sequence[pb.ModelOutput]
) -> None:
    """See `storage.base.Runs.log_models`."""
    rows = {(model.model_id, _INPUT): pb.Run(model_inputs=[model]) for model in inputs}
    rows |= {(model.model_id, _OUTPUT): pb.Run(model_outputs=[model]) for model in outputs}
    if rows:
        await connection.execute_many(_SET.on(connection), [_row(key, *place, entry) for place, entry in rows.items()])


def _row(key: RunKey, model_id: str, role: int, entry: pb.Run) -> dict[str, Any]:
    return {"run_id": key.row, "model_id": model_id, "role": role, "entry": entry.SerializeToString()}
