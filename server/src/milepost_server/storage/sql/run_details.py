"""Rows below a run: its params and tags, and what is read of its metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, select

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.entries import ParamEntries, TagEntries
from milepost_server.storage.sql.schema import run, run_param, run_tag, series
from milepost_server.storage.sql.statements import Connection, any_of, concatenated

KINDS = {"params": run_param, "tags": run_tag, "metrics": series}

PARAMS = ParamEntries(run_param, "run_id", pb.Run)
TAGS = TagEntries(run_tag, "run_id", pb.Run)


def entry_columns(kinds: Collection[str], *, named: bool = False) -> list[ColumnElement[bytes]]:
    """For a query of runs: the entries of the wanted ones of `KINDS`, concatenated; null where a run has none.

    With `named`, only those of the keys whose numbers are bound, for each kind, as an array of its name.
    """
    entries = {
        kind: select(concatenated(table.c.entry)).where(table.c.run_id == run.c.id)
        for kind, table in KINDS.items()
        if kind in kinds
    }
    if named:
        entries = {kind: entry.where(any_of(KINDS[kind].c.key_id, kind)) for kind, entry in entries.items()}
    return [entry.scalar_subquery() for entry in entries.values()]


async def log_params(
    connection: Connection, run_key: RunKey, params: Mapping[str, pb.ParamValue]
) -> dict[str, pb.ParamValue]:
    """See `storage.base.Runs.log_params`."""
    return await PARAMS.log(connection, place_of(run_key), params)


async def set_tags(connection: Connection, run_key: RunKey, tags: Mapping[str, str]) -> None:
    """See `storage.base.Runs.set_tags`."""
    await TAGS.write(connection, place_of(run_key), tags)


async def delete_tags(connection: Connection, run_key: RunKey, keys: Collection[str]) -> set[str]:
    """See `storage.base.Runs.delete_tags`."""
    return await TAGS.delete(connection, place_of(run_key), keys)


def place_of(run_key: RunKey) -> dict[str, int]:
    """The columns by which rows of entries belong to a run."""
    return {"run_id": run_key.row, "experiment_id": run_key.experiment_id}
