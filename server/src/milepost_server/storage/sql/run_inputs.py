"""Rows of datasets and of their use by runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, select, tuple_

from milepost import v1 as pb
from milepost_server.storage.base import Page, RunKey
from milepost_server.storage.sql.schema import dataset, run_input, run_input_tag
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of

_FIELDS = ("name", "digest", "source_type", "source", "schema", "profile")
_columns = [dataset.c[name] for name in _FIELDS]

_INPUTS = Statement(
    select(run_input.c.run_id, run_input.c.id, run_input.c.context, *_columns)
    .join(dataset, dataset.c.id == run_input.c.dataset_id)
    .where(any_of(run_input.c.run_id, "runs"))
    .order_by(run_input.c.id)
)
_INPUT_TAGS = Statement(
    select(run_input_tag.c.input_id, run_input_tag.c.key, run_input_tag.c.value).where(
        any_of(run_input_tag.c.input_id, "inputs")
    )
)
_ADD_DATASET = Upsert(dataset, ["experiment_id", *_FIELDS], ["experiment_id", "name", "digest"])
_FIND_DATASET = Statement(
    select(dataset.c.id).where(
        dataset.c.experiment_id == bindparam("experiment"),
        dataset.c.name == bindparam("name"),
        dataset.c.digest == bindparam("digest"),
    )
)
_ADD_INPUT = Upsert(run_input, ["run_id", "dataset_id", "context"], ["run_id", "dataset_id", "context"])
_FIND_INPUT = Statement(
    select(run_input.c.id).where(
        run_input.c.run_id == bindparam("run"),
        run_input.c.dataset_id == bindparam("dataset"),
        run_input.c.context == bindparam("context"),
    )
)
_CONTEXTS = Statement(
    select(run_input.c.dataset_id, run_input.c.context)
    .distinct()
    .where(any_of(run_input.c.dataset_id, "datasets"))
    .order_by(run_input.c.dataset_id, run_input.c.context)
)
_ADD_TAG = Upsert(run_input_tag, ["input_id", "key", "value"], ["input_id", "key"])


async def fill_inputs(connection: Connection, runs: Mapping[int, pb.Run]) -> None:
    """Adds to runs, given by row number, the datasets that they read."""
    rows = await connection.fetch(_INPUTS, runs=connection.array(list(runs)))
    if not rows:
        return
    inputs: dict[int, pb.DatasetInput] = {}
    for number, input_id, context, *fields in rows:
        inputs[input_id] = runs[number].inputs.add(
            context=context, dataset=pb.Dataset(**dict(zip(_FIELDS, fields, strict=True)))
        )
    for input_id, key, value in await connection.fetch(_INPUT_TAGS, inputs=connection.array(list(inputs))):
        inputs[input_id].tags[key] = value


async def log_inputs(connection: Connection, runs: Mapping[RunKey, Sequence[pb.DatasetInput]]) -> None:
    """Records datasets that runs read. See `storage.base.Runs.log_inputs`."""
    datasets: dict[tuple[int, str, str], pb.Dataset] = {}
    for key, inputs in runs.items():
        for use in inputs:
            datasets.setdefault((key.experiment_id, use.dataset.name, use.dataset.digest), use.dataset)
    # In one order for all transactions, so that two of them never wait for each other.
    rows = [
        {"experiment_id": place[0], **{name: getattr(data, name) for name in _FIELDS}}
        for place, data in sorted(datasets.items(), key=itemgetter(0))
    ]
    if rows:
        await connection.execute_many(_ADD_DATASET.on(connection), rows)
    for key, inputs in runs.items():
        await _log_uses(connection, key, inputs)


async def _log_uses(connection: Connection, key: RunKey, inputs: Sequence[pb.DatasetInput]) -> None:
    for use in inputs:
        data = use.dataset
        found = await connection.fetch(_FIND_DATASET, experiment=key.experiment_id, name=data.name, digest=data.digest)
        row = {"run_id": key.row, "dataset_id": found[0][0], "context": use.context}
        await connection.execute(_ADD_INPUT.on(connection), **row)
        found = await connection.fetch(_FIND_INPUT, run=key.row, dataset=found[0][0], context=use.context)
        tags = [{"input_id": found[0][0], "key": name, "value": value} for name, value in use.tags.items()]
        if tags:
            await connection.execute_many(_ADD_TAG.on(connection), tags)


async def list_datasets(
    connection: Connection, experiment_ids: Sequence[int], limit: int, after: tuple[Any, ...] | None
) -> Page[pb.ExperimentDataset]:
    """See `storage.base.Runs.list_datasets`."""
    position = (dataset.c.experiment_id, dataset.c.name, dataset.c.digest)
    chosen = select(dataset.c.id, dataset.c.experiment_id, *_columns).order_by(*position).limit(limit + 1)
    if experiment_ids:
        chosen = chosen.where(dataset.c.experiment_id.in_(experiment_ids))
    if after is not None:
        chosen = chosen.where(tuple_(*position) > tuple_(*after))
    rows = await connection.fetch(Statement(chosen))
    items = {
        row_id: pb.ExperimentDataset(
            experiment_id=str(number), dataset=pb.Dataset(**dict(zip(_FIELDS, fields, strict=True)))
        )
        for row_id, number, *fields in rows[:limit]
    }
    for row_id, context in await connection.fetch(_CONTEXTS, datasets=connection.array(list(items))):
        items[row_id].contexts.append(context)
    last = rows[limit - 1][1:4] if len(rows) > limit else None
    return Page(list(items.values()), None if last is None else tuple(last))
