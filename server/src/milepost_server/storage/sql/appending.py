"""Appends metric points: chunks of points, and the summaries of their series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update

from milepost import v1 as pb
from milepost_server.points.codec import ROW_POINTS, encode, encode_rows
from milepost_server.points.columns import CHUNK_POINTS, Points
from milepost_server.points.repeats import Known
from milepost_server.points.summary import extend, extend_rows, summarize
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.keys import intern_keys
from milepost_server.storage.sql.repeats import new_points
from milepost_server.storage.sql.schema import attribute_key, metric_chunk, series
from milepost_server.storage.sql.statements import Connection, Statement, any_of
from milepost_server.storage.sql.summaries import LATEST_COLUMNS, SUMMARY_COLUMNS, summary_columns

SMALL_POINTS = 512
"""Chunks of fewer points are small: many of them are worth folding."""
FOLD_CHUNKS = 256
"""So many small chunks are folded at once."""
AGED_CHUNKS = 16
"""So many are folded in the end, too, since the series may be complete. It is not worth while for fewer."""
FOLD_AFTER_US = 600_000_000
"""When that is: ten minutes."""

_COLUMNS = [column.name for column in series.columns if column.name != "id"]
_CHANGING = [*SUMMARY_COLUMNS, "high_time_ms", "next_sequence", "small_chunks", "fold_us"]
_changing = {name: bindparam(name, type_=series.c[name].type) for name in _CHANGING}
_LATEST = [*LATEST_COLUMNS, "high_time_ms", "next_sequence", "small_chunks"]

_stored = select(
    attribute_key.c.name,
    series.c.id,
    series.c.entry,
    series.c.next_sequence,
    series.c.small_chunks,
    series.c.fold_us,
    series.c.high_time_ms,
).join(series, and_(series.c.key_id == attribute_key.c.id, series.c.run_id == bindparam("run")))
_FIND = Statement(_stored.where(any_of(attribute_key.c.name, "names")))
_FIND_ONE = Statement(_stored.where(attribute_key.c.name == bindparam("name")))
CREATE_SERIES = Statement(insert(series).values({name: bindparam(name) for name in _COLUMNS}))
_UPDATE = Statement(update(series).where(series.c.id == bindparam("series_id")).values(_changing))
# SQLite writes the index of each column that is named, changed or not, and most points are no extremes.
_UPDATE_LATEST = Statement(
    update(series).where(series.c.id == bindparam("series_id")).values({name: _changing[name] for name in _LATEST})
)
_NUMBERS = Statement(
    select(series.c.key_id, series.c.id).where(series.c.run_id == bindparam("run"), any_of(series.c.key_id, "keys"))
)
ADD_CHUNK = Statement(
    insert(metric_chunk).values({column.name: bindparam(column.name) for column in metric_chunk.columns})
)


@dataclass(slots=True)
class SeriesState:
    """What an append reads and changes of a series."""

    summary: pb.MetricSummary
    next_sequence: int = 0
    small_chunks: int = 0
    fold_us: int | None = None
    high_time_ms: int | None = None

    def add(self, parts: Sequence[pb.MetricPoints], now_us: int) -> list[dict[str, Any]]:
        """Takes in points that arrived, and returns their rows of `metric_chunk` but for the number of the series."""
        count = sum(len(points.values) for points in parts)
        # Of a series of an older version nobody knows it.
        times_known = self.high_time_ms is not None or not self.summary.count
        rows = self._few(parts, count) if count <= ROW_POINTS else self._many(parts)
        if times_known:
            highs = [max(points.timestamps_ms) for points in parts]
            self.high_time_ms = max(highs) if self.high_time_ms is None else max(self.high_time_ms, *highs)
        self.small_chunks += sum(row["count"] < SMALL_POINTS for row in rows)
        if self.small_chunks >= FOLD_CHUNKS:
            self.fold_us = min(now_us, self.fold_us or now_us)
        elif self.small_chunks >= AGED_CHUNKS and self.fold_us is None:
            self.fold_us = now_us + FOLD_AFTER_US
        return rows

    def _few(self, parts: Sequence[pb.MetricPoints], count: int) -> list[dict[str, Any]]:
        # A call of numpy takes longer than all that there is to do.
        columns = parts[0] if len(parts) == 1 else _joined(parts)
        extend_rows(self.summary, columns.steps, columns.timestamps_ms, columns.values)
        data = encode_rows(columns.steps, columns.timestamps_ms, columns.values)
        return [self._row(count, None, data)]

    def _many(self, parts: Sequence[pb.MetricPoints]) -> list[dict[str, Any]]:
        points = Points.concatenate([Points.of_message(part) for part in parts])
        rows = []
        for piece in _pieces(points):
            summary = summarize(piece)
            extend(self.summary, summary)
            rows.append(self._row(len(piece), summary.tobytes(), encode(piece)))
        return rows

    def _row(self, count: int, summary: bytes | None, data: bytes) -> dict[str, Any]:
        row = {"sequence": self.next_sequence, "count": count, "summary": summary, "data": data}
        self.next_sequence += count
        return row

    def marks(self) -> tuple[float | int | None, ...]:
        """What most points leave as it is."""
        summary = self.summary
        firsts = summary.first, summary.first_step
        return *firsts, summary.min, summary.max, summary.count == summary.nan_count, self.fold_us

    def columns(self, name: str) -> dict[str, Any]:
        """The columns of `series` that an append changes."""
        return {
            "high_time_ms": self.high_time_ms,
            "next_sequence": self.next_sequence,
            "small_chunks": self.small_chunks,
            "fold_us": self.fold_us,
            **summary_columns(name, self.summary),
        }


async def append(
    connection: Connection, key: RunKey, metrics: Sequence[pb.MetricPoints], now_us: int, *, skip_repeats: bool
) -> int:
    """See `storage.metric_writes.Metrics.append`."""
    by_key = grouped(metrics)
    if not by_key:
        return 0
    numbers, known = await _find(connection, key, by_key)
    if skip_repeats:
        await _drop_repeats(connection, by_key, numbers, known)
        if not by_key:
            return 0
    marks = {name: known[name].marks() for name in by_key if name in known}
    chunks: dict[str, list[dict[str, Any]]] = {}
    for name, parts in by_key.items():
        chunks[name] = known.setdefault(name, SeriesState(pb.MetricSummary())).add(parts, now_us)
    changed: dict[Statement, list[dict[str, Any]]] = {_UPDATE: [], _UPDATE_LATEST: []}
    for name, before in marks.items():
        statement = _UPDATE_LATEST if known[name].marks() == before else _UPDATE
        changed[statement].append({"series_id": numbers[name], **known[name].columns(name)})
    if len(numbers) < len(known):
        numbers |= await _create(connection, key, {name: known[name] for name in known.keys() - numbers.keys()})
    for statement, updates in changed.items():
        if updates:
            await connection.execute_many(statement, updates)
    rows = [{"series_id": numbers[name], **row} for name, made in chunks.items() for row in made]
    await connection.execute_many(ADD_CHUNK, rows)
    return sum(row["count"] for row in rows)


async def _drop_repeats(
    connection: Connection,
    by_key: dict[str, list[pb.MetricPoints]],
    numbers: Mapping[str, int],
    states: Mapping[str, SeriesState],
) -> None:
    metrics = {name: parts[0] if len(parts) == 1 else _joined(parts) for name, parts in by_key.items()}
    known = {name: Known(numbers[name], state.summary, state.high_time_ms) for name, state in states.items()}
    for name, points in (await new_points(connection, metrics, known)).items():
        if points.values:
            by_key[name] = [points]
        else:
            del by_key[name]


def grouped(metrics: Iterable[pb.MetricPoints]) -> dict[str, list[pb.MetricPoints]]:
    """Points by key, in their order, without keys that have none."""
    by_key: dict[str, list[pb.MetricPoints]] = {}
    for points in metrics:
        if points.values:
            by_key.setdefault(points.key, []).append(points)
    return by_key


def series_row(key: RunKey, key_id: int, name: str, state: SeriesState) -> dict[str, Any]:
    """The row of a new series of a run, for `CREATE_SERIES`."""
    new = {"run_id": key.row, "experiment_id": key.experiment_id, "epoch": 0, "open_sequence": 0}
    return {**new, "key_id": key_id, **state.columns(name)}


def chunk_row(number: int, sequence: int, points: Points) -> dict[str, Any]:
    """The row of `metric_chunk` for points of a series, the first of which has a sequence."""
    summary = summarize(points).tobytes() if len(points) > ROW_POINTS else None
    return {"series_id": number, "sequence": sequence, "count": len(points), "summary": summary, "data": encode(points)}


def _pieces(points: Points) -> Iterator[Points]:
    """Points as full chunks take them: of about equal size, none larger than `CHUNK_POINTS`."""
    total = len(points)
    most = -(-total // CHUNK_POINTS)
    begin = 0
    for number in range(1, most + 1):
        end = total * number // most
        yield points.slice(begin, end)
        begin = end


def _joined(parts: Sequence[pb.MetricPoints]) -> pb.MetricPoints:
    joined = pb.MetricPoints()
    for part in parts:
        joined.MergeFrom(part)
    return joined


async def _find(
    connection: Connection, key: RunKey, names: Iterable[str]
) -> tuple[dict[str, int], dict[str, SeriesState]]:
    """Numbers and states of the run's series that exist, by key."""
    wanted = list(names)
    if len(wanted) == 1:
        rows = await connection.fetch(_FIND_ONE, run=key.row, name=wanted[0])
    else:
        rows = await connection.fetch(_FIND, run=key.row, names=connection.array(wanted))
    # Entries joined are one message, and to parse one takes a fraction of the time.
    summaries = pb.Run.FromString(b"".join([row[2] for row in rows])).metrics
    known = {row[0]: SeriesState(summaries[row[0]], *row[3:]) for row in rows}
    return {row[0]: row[1] for row in rows}, known


async def _create(connection: Connection, key: RunKey, created: Mapping[str, SeriesState]) -> dict[str, int]:
    """Stores new series and returns their numbers by key."""
    key_ids = await intern_keys(connection, created.keys())
    rows = [series_row(key, key_ids[name], name, state) for name, state in created.items()]
    await connection.execute_many(CREATE_SERIES, rows)
    stored = await connection.fetch(_NUMBERS, run=key.row, keys=connection.array(list(key_ids.values())))
    numbers: dict[int, int] = dict(stored)
    return {name: numbers[key_id] for name, key_id in key_ids.items()}
