"""Rows below many new runs: params, tags, datasets, models and metric points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Table, bindparam, insert, select

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.imports import NewRun
from milepost_server.storage.sql.appending import ADD_CHUNK, CREATE_SERIES, SeriesState, grouped, series_row
from milepost_server.storage.sql.keys import intern_keys
from milepost_server.storage.sql.run_details import PARAMS, TAGS, place_of
from milepost_server.storage.sql.run_inputs import log_inputs
from milepost_server.storage.sql.run_models import log_models
from milepost_server.storage.sql.schema import run_param, run_tag, series
from milepost_server.storage.sql.statements import Connection, Statement, any_of


def _insert(table: Table) -> Statement:
    return Statement(insert(table).values({column.name: bindparam(column.name) for column in table.c}))


_ADD_PARAM, _ADD_TAG = _insert(run_param), _insert(run_tag)
_SERIES = Statement(select(series.c.run_id, series.c.key_id, series.c.id).where(any_of(series.c.run_id, "runs")))


class _NewSeries(NamedTuple):
    """A metric of a new run, with rows of `metric_chunk` that lack the number of the series."""

    key: RunKey
    name: str
    state: SeriesState
    chunks: list[dict[str, Any]]


async def create_details(connection: Connection, runs: Sequence[tuple[RunKey, NewRun]], now_us: int) -> None:
    """Stores what is below runs that have nothing below them yet."""
    # Points take a while to pack, and need no database.
    metrics = await connection.compute(partial(_packed, runs, now_us))
    names = {made.name for made in metrics}
    for _, new in runs:
        names.update(new.run.params, new.run.tags)
    key_ids = await intern_keys(connection, names) if names else {}
    params, tags = [], []
    for key, new in runs:
        params += PARAMS.rows(place_of(key), key_ids, new.run.params)
        tags += TAGS.rows(place_of(key), key_ids, new.run.tags)
    for statement, rows in ((_ADD_PARAM, params), (_ADD_TAG, tags)):
        if rows:
            await connection.execute_many(statement, rows)
    if metrics:
        await _create_series(connection, metrics, key_ids)
    await log_inputs(connection, {key: new.run.inputs for key, new in runs if new.run.inputs})
    for key, new in runs:
        await log_models(connection, key, new.run.model_inputs, new.run.model_outputs)


def _packed(runs: Sequence[tuple[RunKey, NewRun]], now_us: int) -> list[_NewSeries]:
    packed = []
    for key, new in runs:
        for name, parts in grouped(new.metrics).items():
            state = SeriesState(pb.MetricSummary())
            packed.append(_NewSeries(key, name, state, state.add(parts, now_us)))
    return packed


async def _create_series(connection: Connection, metrics: Sequence[_NewSeries], key_ids: Mapping[str, int]) -> None:
    rows = [series_row(made.key, key_ids[made.name], made.name, made.state) for made in metrics]
    await connection.execute_many(CREATE_SERIES, rows)
    wanted = connection.array(list({made.key.row for made in metrics}))
    numbers = {(row, key_id): number for row, key_id, number in await connection.fetch(_SERIES, runs=wanted)}
    chunks = [
        {"series_id": numbers[made.key.row, key_ids[made.name]], **chunk} for made in metrics for chunk in made.chunks
    ]
    await connection.execute_many(ADD_CHUNK, chunks)
