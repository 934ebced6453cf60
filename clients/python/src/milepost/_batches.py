"""Records of the background writer, and the requests made of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

from milepost import v1 as pb

MAX_RECORDS = 2_000
MAX_ENTRIES = 1_000
MAX_TEXT = 4 * 1024 * 1024
"""Most records, params or tags, and characters of these, in one request: far below the server's limits."""

_Part = Callable[[pb.LogBatchRequest], None]
_Columns = tuple[list[float], list[int], list[int]]

Point = tuple[str, str, float, int, int]
"""A metric point: run id, key, value, step, time in milliseconds. A bare tuple, since a loop makes millions of them."""


class Entries(NamedTuple):
    """Params or tags of one logging call.

    Args:
        run_id: The run.
        kind: `params` or `tags`.
        data: Pairs of key and value: `ParamValue` or str.
        size: Estimated bytes of memory that they hold.
    """

    run_id: str
    kind: Literal["params", "tags"]
    data: tuple[tuple[str, Any], ...]
    size: int


Record = Point | Entries


class Refused(NamedTuple):
    """A part of a record that no request can hold, and why."""

    what: str
    error: Exception


def group(records: Iterable[Record]) -> tuple[list[pb.LogBatchRequest], list[Refused]]:
    """The fewest requests that log `records`: per run, with the points of a metric in columns, in order.

    Each has a `request_id` of its own. A param that comes twice with different values goes into two requests, so that
    the server refuses the second as it would have without batches. Points are not counted: give `MAX_RECORDS` at most.
    """
    builders: dict[str, _Builder] = {}
    for record in records:
        builder = builders.get(record[0])
        if builder is None:
            builder = builders[record[0]] = _Builder(record[0])
        if isinstance(record, Entries):
            builder.add(record)
            continue
        _, key, value, step, timestamp_ms = record
        try:
            columns = builder.series.get(key)
        except TypeError as error:  # a key that cannot be one, such as a list
            builder.refused.append(Refused(f"metric {key!r} of run {record[0]}", error))
            continue
        if columns is None:
            columns = builder.series[key] = ([], [], [])
        columns[0].append(value)
        columns[1].append(step)
        columns[2].append(timestamp_ms)
    requests: list[pb.LogBatchRequest] = []
    refused: list[Refused] = []
    for builder in builders.values():
        builder.cut()
        requests += builder.requests
        refused += builder.refused
    return requests, refused


def split(request: pb.LogBatchRequest) -> list[pb.LogBatchRequest]:
    """Two requests that log the same together, to find out which part of it is refused. Empty when it has one part."""
    parts: list[_Part] = [
        *(partial(_put_param, key=key, value=value) for key, value in request.params.items()),
        *(partial(_put_tag, key=key, value=value) for key, value in request.tags.items()),
        *(partial(_put_points, points=points) for points in request.metrics),
    ]
    if len(parts) < 2:
        return []
    halves = []
    for share in (parts[: len(parts) // 2], parts[len(parts) // 2 :]):
        half = pb.LogBatchRequest(run_id=request.run_id, request_id=uuid.uuid4().hex)
        for put in share:
            put(half)
        halves.append(half)
    return halves


def count(request: pb.LogBatchRequest) -> int:
    """How many points, params and tags a request logs."""
    return len(request.params) + len(request.tags) + sum(len(points.values) for points in request.metrics)


def describe(request: pb.LogBatchRequest) -> str:
    """What a request logs, by kind and first key."""
    kinds = (
        ("param", list(request.params), len(request.params)),
        ("tag", list(request.tags), len(request.tags)),
        ("metric", [points.key for points in request.metrics], len(request.metrics)),
    )
    named = [
        f"{kind} {keys[0]!r}" + (f" and {number - 1} more" if number > 1 else "")
        for kind, keys, number in kinds
        if keys
    ]
    return f"{', '.join(named)} of run {request.run_id}"


class _Builder:
    """Collects the records of one run."""

    def __init__(self, run_id: str) -> None:
        self.requests: list[pb.LogBatchRequest] = []
        self.refused: list[Refused] = []
        self._run_id = run_id
        self._clear()

    def _clear(self) -> None:
        self.series: dict[str, _Columns] = {}
        self._entries: dict[str, dict[str, Any]] = {"params": {}, "tags": {}}
        self._text = 0

    def add(self, record: Entries) -> None:
        for key, value in record.data:
            if record.kind == "params" and self._entries["params"].get(key, value) != value:
                self.cut()
            self._entries[record.kind][key] = value
            self._text += record.size // len(record.data)
            if len(self._entries[record.kind]) >= MAX_ENTRIES or self._text >= MAX_TEXT:
                self.cut()

    def cut(self) -> None:
        """Ends the request that is being collected, if it has anything."""
        request = pb.LogBatchRequest(run_id=self._run_id, request_id=uuid.uuid4().hex)
        for key, value in self._entries["params"].items():
            self._put(request, f"param {key!r}", partial(_put_param, key=key, value=value))
        for key, text in self._entries["tags"].items():
            self._put(request, f"tag {key!r}", partial(_put_tag, key=key, value=text))
        for key, columns in self.series.items():
            self._put(request, f"metric {key!r}", partial(_put_series, key=key, columns=columns))
        self._clear()
        if request.params or request.tags or request.metrics:
            self.requests.append(request)

    def _put(self, request: pb.LogBatchRequest, what: str, part: _Part) -> None:
        try:
            part(request)
        except (TypeError, ValueError) as error:  # such as half of a surrogate pair in a key
            self.refused.append(Refused(f"{what} of run {self._run_id}", error))


def _put_param(request: pb.LogBatchRequest, key: str, value: pb.ParamValue) -> None:
    request.params[key].CopyFrom(value)


def _put_tag(request: pb.LogBatchRequest, key: str, value: str) -> None:
    request.tags[key] = value


def _put_points(request: pb.LogBatchRequest, points: pb.MetricPoints) -> None:
    request.metrics.append(points)


def _put_series(request: pb.LogBatchRequest, key: str, columns: _Columns) -> None:
    values, steps, times = columns
    request.metrics.append(pb.MetricPoints(key=key, values=values, steps=steps, timestamps_ms=times))
