"""Rows of the metrics of logged models: one for each model, key and dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from milepost import v1 as pb
from milepost_server.storage.sql.keys import intern_keys
from milepost_server.storage.sql.model_schema import logged_model_metric
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of
from milepost_server.storage.sql.values import sortable

_KEY = ("model_id", "key_id", "dataset_name", "dataset_digest")
_columns = logged_model_metric.c
_SET = Upsert(
    logged_model_metric,
    [column.name for column in _columns],
    _KEY,
    ["step", "time_ms", "is_last", "value_kind", "value", "entry"],
)
_STORED = Statement(
    select(
        _columns.key_id,
        _columns.dataset_name,
        _columns.dataset_digest,
        _columns.step,
        _columns.time_ms,
        _columns.is_last,
    ).where(_columns.model_id == bindparam("model"), any_of(_columns.key_id, "keys"))
)
_MARK = Statement(
    update(logged_model_metric)
    .where(
        _columns.model_id == bindparam("model"),
        _columns.key_id == bindparam("key"),
        _columns.dataset_name == bindparam("name"),
        _columns.dataset_digest == bindparam("digest"),
    )
    .values(is_last=bindparam("last"))
)


class _Place(NamedTuple):
    """What a metric of a model is told apart by."""

    key_id: int
    dataset_name: str
    dataset_digest: str


class _Time(NamedTuple):
    """When a metric was measured."""

    step: int
    time_ms: int


async def log_metrics(connection: Connection, model: int, metrics: Sequence[pb.ModelMetric]) -> None:
    """Writes metrics of the model of a number. See `storage.logged_models.LoggedModels.log_metrics`."""
    if not metrics:
        return
    key_ids = await intern_keys(connection, {metric.key for metric in metrics})
    wanted = connection.array(list(key_ids.values()))
    rows = await connection.fetch(_STORED, model=model, keys=wanted)
    stored = {_Place(*row[:3]): _Time(*row[3:5]) for row in rows}
    marked = {_Place(*row[:3]) for row in rows if row[5]}
    written = _winners(metrics, key_ids, stored)
    times = stored | {place: _Time(metric.step, metric.timestamp_ms) for place, metric in written.items()}
    last = _last(times)
    await connection.execute_many(
        _SET.on(connection),
        [_row(model, place, metric, place in last) for place, metric in written.items()],
    )
    turned = (marked ^ last) - written.keys()
    await connection.execute_many(
        _MARK,
        [
            {"model": model, "key": key, "name": name, "digest": digest, "last": _Place(key, name, digest) in last}
            for key, name, digest in turned
        ],
    )


def _winners(
    metrics: Iterable[pb.ModelMetric], key_ids: Mapping[str, int], stored: Mapping[_Place, _Time]
) -> dict[_Place, pb.ModelMetric]:
    """Those metrics that take their places."""
    written: dict[_Place, pb.ModelMetric] = {}
    times = dict(stored)
    for metric in metrics:
        place = _Place(key_ids[metric.key], metric.dataset_name, metric.dataset_digest)
        time = _Time(metric.step, metric.timestamp_ms)
        if place not in times or time >= times[place]:
            written[place], times[place] = metric, time
    return written


def _last(times: Mapping[_Place, _Time]) -> set[_Place]:
    """Of each key, the place that was measured last; the last by its dataset where several were at once."""
    last: dict[int, _Place] = {}
    for place in sorted(times, key=lambda place: (times[place].time_ms, times[place].step, place)):
        last[place.key_id] = place
    return set(last.values())


def _row(model: int, place: _Place, metric: pb.ModelMetric, is_last: bool) -> dict[str, Any]:
    kind, value = sortable(metric.value)
    return {
        "model_id": model,
        **place._asdict(),
        "step": metric.step,
        "time_ms": metric.timestamp_ms,
        "is_last": is_last,
        "value_kind": kind,
        "value": value,
        "entry": pb.LoggedModel(metrics=[metric]).SerializeToString(),
    }
