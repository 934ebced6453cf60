"""Rows below a run: its params and tags, and what is read of its metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, bindparam, delete, select

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.keys import find_keys, intern_keys
from milepost_server.storage.sql.schema import run, run_param, run_tag, series
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of, concatenated
from milepost_server.storage.sql.values import head, param_columns

KINDS = {"params": run_param, "tags": run_tag, "metrics": series}

_ADD_PARAM = Upsert(run_param, [column.name for column in run_param.columns], ["run_id", "key_id"])
_STORED_PARAMS = Statement(
    select(run_param.c.key_id, run_param.c.entry).where(
        run_param.c.run_id == bindparam("run"), any_of(run_param.c.key_id, "keys")
    )
)
_SET_TAG = Upsert(
    run_tag, [column.name for column in run_tag.columns], ["run_id", "key_id"], ["value", "head", "entry"]
)
_these_tags = (run_tag.c.run_id == bindparam("run"), any_of(run_tag.c.key_id, "keys"))
_FIND_TAGS = Statement(select(run_tag.c.key_id).where(*_these_tags))
_DELETE_TAGS = Statement(delete(run_tag).where(*_these_tags))


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
    if not params:
        return {}
    key_ids = await intern_keys(connection, params.keys())
    entries = {key: pb.Run(params={key: value}).SerializeToString() for key, value in params.items()}
    rows = [
        {**_place(run_key), "key_id": key_ids[key], "entry": entries[key], **param_columns(value)}
        for key, value in params.items()
    ]
    await connection.execute_many(_ADD_PARAM.on(connection), rows)
    wanted = connection.array(list(key_ids.values()))
    stored: dict[int, bytes] = dict(await connection.fetch(_STORED_PARAMS, run=run_key.row, keys=wanted))
    conflicts = {key: stored[key_id] for key, key_id in key_ids.items() if stored[key_id] != entries[key]}
    return {key: pb.Run.FromString(entry).params[key] for key, entry in conflicts.items()}


async def set_tags(connection: Connection, run_key: RunKey, tags: Mapping[str, str]) -> None:
    """See `storage.base.Runs.set_tags`."""
    if tags:
        key_ids = await intern_keys(connection, tags.keys())
        rows = [
            {
                **_place(run_key),
                "key_id": key_ids[key],
                "value": value,
                "head": head(value),
                "entry": pb.Run(tags={key: value}).SerializeToString(),
            }
            for key, value in tags.items()
        ]
        await connection.execute_many(_SET_TAG.on(connection), rows)


async def delete_tags(connection: Connection, run_key: RunKey, keys: Collection[str]) -> set[str]:
    """See `storage.base.Runs.delete_tags`."""
    key_ids = await find_keys(connection, keys)
    these = {"run": run_key.row, "keys": connection.array(list(key_ids.values()))}
    found = {row[0] for row in await connection.fetch(_FIND_TAGS, **these)}
    await connection.execute(_DELETE_TAGS, **these)
    return {name for name, key_id in key_ids.items() if key_id in found}


def _place(run_key: RunKey) -> dict[str, int]:
    return {"run_id": run_key.row, "experiment_id": run_key.experiment_id}
