"""Rows below a run: params, tags, summaries of metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Table, bindparam, delete, select

from milepost import v1 as pb
from milepost_server.storage.sql.keys import find_keys, intern_keys
from milepost_server.storage.sql.run_inputs import fill_inputs
from milepost_server.storage.sql.schema import attribute_key, run_param, run_tag, series
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of
from milepost_server.storage.sql.values import fill_param, keep_fields, param_columns


def _of_runs(table: Table, *columns: str) -> tuple[Statement, Statement]:
    """Rows of one run, and of several: SQLite plans the first better."""
    chosen = select(table.c.run_id, attribute_key.c.name, *(table.c[column] for column in columns)).join(
        attribute_key, attribute_key.c.id == table.c.key_id
    )
    return Statement(chosen.where(table.c.run_id == bindparam("run"))), Statement(
        chosen.where(any_of(table.c.run_id, "runs"))
    )


_PARAMS = _of_runs(run_param, "kind", "text", "integer")
_TAGS = _of_runs(run_tag, "value")
_SUMMARIES = _of_runs(series, "summary")
_ADD_PARAM = Upsert(
    run_param, ["run_id", "key_id", "kind", "text", "integer", "number_kind", "number"], ["run_id", "key_id"]
)
_STORED_PARAMS = Statement(
    select(run_param.c.key_id, run_param.c.kind, run_param.c.text, run_param.c.integer).where(
        run_param.c.run_id == bindparam("run"), any_of(run_param.c.key_id, "keys")
    )
)
_SET_TAG = Upsert(run_tag, ["run_id", "key_id", "value"], ["run_id", "key_id"], ["value"])
_DELETE_TAGS = Statement(
    delete(run_tag)
    .where(run_tag.c.run_id == bindparam("run"), any_of(run_tag.c.key_id, "keys"))
    .returning(run_tag.c.key_id)
)


async def fill(connection: Connection, runs: Mapping[int, pb.Run], fields: frozenset[str] | None) -> None:
    """Adds to runs, given by row number, what the wanted fields need, and empties the fields not wanted."""
    if not runs:
        return
    if len(runs) == 1:
        which, values = 0, {"run": next(iter(runs))}
    else:
        which, values = 1, {"runs": connection.array(list(runs))}
    if fields is None or "params" in fields:
        for row in await connection.fetch(_PARAMS[which], **values):
            fill_param(runs[row[0]].params[row[1]], row[2], row[3], row[4])
    if fields is None or "tags" in fields:
        for number, key, value in await connection.fetch(_TAGS[which], **values):
            runs[number].tags[key] = value
    if fields is None or "metrics" in fields:
        for number, key, summary in await connection.fetch(_SUMMARIES[which], **values):
            runs[number].metrics[key].MergeFromString(summary)
    if fields is None or "inputs" in fields:
        await fill_inputs(connection, runs)
    keep_fields(runs.values(), fields)


async def log_params(connection: Connection, run: int, params: Mapping[str, pb.ParamValue]) -> dict[str, pb.ParamValue]:
    """See `storage.base.Runs.log_params`."""
    if not params:
        return {}
    key_ids = await intern_keys(connection, params.keys())
    rows = [{"run_id": run, "key_id": key_ids[key], **param_columns(value)} for key, value in params.items()]
    await connection.execute_many(_ADD_PARAM.on(connection), rows)
    wanted = connection.array(list(key_ids.values()))
    stored = {row[0]: row[1:] for row in await connection.fetch(_STORED_PARAMS, run=run, keys=wanted)}
    given = {row["key_id"]: (row["kind"], row["text"], row["integer"]) for row in rows}
    conflicts = {key: stored[key_id] for key, key_id in key_ids.items() if tuple(stored[key_id]) != given[key_id]}
    return {key: fill_param(pb.ParamValue(), *columns) for key, columns in conflicts.items()}


async def set_tags(connection: Connection, run: int, tags: Mapping[str, str]) -> None:
    """See `storage.base.Runs.set_tags`."""
    if tags:
        key_ids = await intern_keys(connection, tags.keys())
        rows = [{"run_id": run, "key_id": key_ids[key], "value": value} for key, value in tags.items()]
        await connection.execute_many(_SET_TAG.on(connection), rows)


async def delete_tags(connection: Connection, run: int, keys: Collection[str]) -> set[str]:
    """See `storage.base.Runs.delete_tags`."""
    key_ids = await find_keys(connection, keys)
    gone = await connection.fetch(_DELETE_TAGS, run=run, keys=connection.array(list(key_ids.values())))
    names = {key_id: name for name, key_id in key_ids.items()}
    return {names[row[0]] for row in gone}
