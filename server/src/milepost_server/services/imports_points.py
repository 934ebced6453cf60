"""Rules of imported metric points that did not fit into the request of their run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, quote
from milepost_server.services.clock import Clock
from milepost_server.services.imports_checks import check_once
from milepost_server.services.metrics import check_point_count, completed_points
from milepost_server.services.run_keys import existing_run
from milepost_server.storage.base import Transaction


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the points of one metric, and where it is in the request."""

    index: int
    position: int
    points: pb.MetricPoints


def point_import(
    request: pb.ImportMetricPointsRequest, clock: Clock
) -> Callable[[Transaction], Awaitable[pb.ImportMetricPointsResponse]]:
    """The unit of work that stores points."""
    check_point_count((given.points for given in request.series), "series")
    check_once((f"series[{n}].points.key", (given.run_id, given.points.key)) for n, given in enumerate(request.series))
    now_ms = clock() // 1000
    runs: dict[str, list[_Part]] = {}
    for index, given in enumerate(request.series):
        points = completed_points(given.points, now_ms, f"series[{index}].points")
        runs.setdefault(given.run_id, []).append(_Part(index, given.position, points))

    async def work(tx: Transaction) -> pb.ImportMetricPointsResponse:
        counts: dict[int, int] = {}
        # In one order for all transactions, so that two of them never wait for each other.
        for run_id in sorted(runs):
            key = await existing_run(tx, run_id, lock=True)
            stored = (await tx.imports.point_counts([key]))[run_id]
            missing = {part.index: _missing(run_id, part, stored) for part in runs[run_id]}
            await tx.metrics.append(key, list(missing.values()), clock(), skip_repeats=False)
            for part in runs[run_id]:
                counts[part.index] = stored.get(part.points.key, 0) + len(missing[part.index].values)
        return pb.ImportMetricPointsResponse(metric_points=[counts[index] for index in range(len(counts))])

    return work


def _missing(run_id: str, part: _Part, stored: Mapping[str, int]) -> pb.MetricPoints:
    """The points that are not stored."""
    points = part.points
    known = stored.get(points.key, 0) - part.position
    if known < 0:
        raise _gap(run_id, part, stored.get(points.key, 0))
    if not known:
        return points
    return pb.MetricPoints(
        key=points.key,
        values=points.values[known:],
        steps=points.steps[known:],
        timestamps_ms=points.timestamps_ms[known:],
    )


def _gap(run_id: str, part: _Part, stored: int) -> InvalidArgument:
    return invalid_field(
        f"series[{part.index}].position",
        f"is {part.position}, and metric {quote(part.points.key)} of run {run_id} has {stored} points; "
        f"send those from {stored} on first",
        reason=pb.ERROR_REASON_SEQUENCE_GAP,
        expected=str(stored),
        given=str(part.position),
    )
