"""Params and tags of the background writer as batches, and how a refused request is taken apart."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from milepost import v1 as pb
from milepost.errors import InvalidArgumentError

MAX_ENTRIES = 1_000
MAX_TEXT = 4 * 1024 * 1024
"""Most params or tags, and characters of these, in one request: far below the server's limits."""
MAX_REQUEST_BYTES = 16 * 1024 * 1024
"""Most bytes of one request. A single param or tag may need more than `MAX_TEXT`, but never more than this."""

_Part = Callable[[pb.LogBatchRequest], None]


@dataclass(slots=True)
class Batch:
    """What is sent, and answered, as a whole.

    Args:
        run_id: The run.
        values: How many points, params and tags it holds.
        wire: For params and tags a serialized `LogBatchRequest`, whose `request_id` makes a repeat safe. For points a
            serialized `StreamMetricsRequest` without its sequence number, see `milepost._points.numbered`.
        writer_id: For points, the writer that numbers them. Empty for params and tags.
        sequence: For points, the number of the batch among those of its writer. 0 for params and tags.
    """

    run_id: str
    values: int
    wire: bytes
    writer_id: str = ""
    sequence: int = 0


class Refused(NamedTuple):
    """A part of a record that no request can hold, and why."""

    what: str
    error: Exception
    values: int = 1


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


def pack_entries(entries: Iterable[Entries]) -> tuple[list[Batch], list[Refused]]:
    """The fewest batches that log `entries`, in order, each with a `request_id` of its own.

    A param that comes twice with different values goes into two batches, so that the server refuses the second as it
    would have without batches.
    """
    builders: dict[str, _Builder] = {}
    for record in entries:
        builder = builders.get(record.run_id)
        if builder is None:
            builder = builders[record.run_id] = _Builder(record.run_id)
        builder.add(record)
    batches: list[Batch] = []
    refused: list[Refused] = []
    for builder in builders.values():
        builder.cut()
        batches += builder.batches
        refused += builder.refused
    return batches, refused


def split(request: pb.LogBatchRequest) -> list[pb.LogBatchRequest]:
    """Two requests that log the same together, to find out which part of it is refused. Empty when it has one part.

    Their ids follow from that of `request`: the same batch taken apart again, after a crash, makes no twins.
    """
    parts: list[_Part] = [
        *(partial(_put_param, key=key, value=value) for key, value in sorted(request.params.items())),
        *(partial(_put_tag, key=key, value=value) for key, value in sorted(request.tags.items())),
        *(partial(_put_points, points=points) for points in request.metrics),
    ]
    if len(parts) < 2:
        return []
    halves = []
    for number, share in enumerate((parts[: len(parts) // 2], parts[len(parts) // 2 :])):
        half = pb.LogBatchRequest(run_id=request.run_id, request_id=f"{request.request_id}-{number}")
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
    """Collects the params and tags of one run."""

    def __init__(self, run_id: str) -> None:
        self.batches: list[Batch] = []
        self.refused: list[Refused] = []
        self._run_id = run_id
        self._clear()

    def _clear(self) -> None:
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
        self._clear()
        self._finish(request)

    def _finish(self, request: pb.LogBatchRequest) -> None:
        values = count(request)
        if values == 0:
            return
        wire = request.SerializeToString()
        if len(wire) <= MAX_REQUEST_BYTES:
            self.batches.append(Batch(self._run_id, values, wire))
            return
        for half in split(request):
            self._finish(half)
        if values == 1:
            error = InvalidArgumentError(f"{len(wire):,} bytes are more than the {MAX_REQUEST_BYTES:,} allowed")
            self.refused.append(Refused(describe(request), error))

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
