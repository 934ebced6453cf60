"""Judges what a database holds of the points that writers sent while it, or its server, was killed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from support.server_process import call

_HISTORY = "milepost.v1.MetricService/ListMetricHistory"
_RECOMPUTE = "milepost.v1.MetricService/RecomputeMetricSummaries"
_PAGE = 100_000

# A point's step tells who sent it, and as which of its points.
_NUMBER_BITS = 40
_SPECIAL = np.array(
    [
        0x8000_0000_0000_0000,
        0x7FF0_0000_0000_0000,
        0xFFF0_0000_0000_0000,
        0x7FF8_0000_DEAD_BEEF,
        0xFFF8_0000_0000_0001,
        1,
    ],
    np.uint64,
)
"""-0.0, infinities, NaN with payloads, and the smallest number above zero, as bits."""

Ints = NDArray[np.int64]


@dataclass
class Track:
    """The points that one writer sends to one metric, one after another. Point `n` is the same whenever it is sent.

    Args:
        run_id: The run.
        key: The metric.
        writer: Tells writers of one metric apart; below 2**20.
        sent: How many were sent at least once.
        acknowledged: How many of these the server said it keeps.
    """

    run_id: str
    key: str
    writer: int
    sent: int = 0
    acknowledged: int = 0

    def points(self, first: int, count: int) -> pb.MetricPoints:
        """`count` points from `first` on, to be sent."""
        self.sent = max(self.sent, first + count)
        steps, times, bits = self.columns(np.arange(first, first + count, dtype=np.int64))
        return pb.MetricPoints(key=self.key, steps=steps, timestamps_ms=times, values=bits.view(np.float64))

    def columns(self, numbers: Ints) -> tuple[Ints, Ints, Ints]:
        """Steps, times and bits of values of some points: smooth, of single precision, or as wild as can be."""
        steps = numbers + (self.writer << _NUMBER_BITS)
        noise = _mixed(steps.view(np.uint64))
        kind = self.writer % 3
        if kind == 0:
            return steps, 1_700_000_000_000 + numbers * 250, (1 / (numbers + 1.0)).view(np.int64)
        if kind == 1:
            single = (noise >> np.uint64(40)).astype(np.float32).astype(np.float64)
            return steps, np.full_like(steps, 1_700_000_000_000), single.view(np.int64)
        chosen = np.where(noise % np.uint64(50) == 0, _SPECIAL[noise % np.uint64(len(_SPECIAL))], noise)
        return steps, _mixed(noise).view(np.int64), chosen.view(np.int64)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits that look random and follow from the numbers (the last steps of splitmix64)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return mixed ^ (mixed >> np.uint64(31))


@dataclass
class Verdict:
    """Numbers of points.

    Args:
        stored: Those that are stored.
        acknowledged: Those that the server said it keeps.
        lost: Acknowledged and not stored.
        twins: Stored once more.
        displaced: Stored before one that the same writer sent earlier, or without it.
        corrupted: Stored with another time or value.
        foreign: Stored and never sent.
        miscounted: Metrics whose summary is not that of their points.
    """

    stored: int = 0
    acknowledged: int = 0
    lost: int = 0
    twins: int = 0
    displaced: int = 0
    corrupted: int = 0
    foreign: int = 0
    miscounted: int = 0

    def flaws(self) -> dict[str, int]:
        """All that must not be."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("stored", "acknowledged")
        }


FLAWLESS = Verdict().flaws()


async def judge(channel: grpc.aio.Channel, tracks: Iterable[Track], *, summaries: bool = True) -> Verdict:
    """Reads all that is stored of the tracks' metrics and compares it, bit for bit, with what was sent.

    With `summaries` the server also compares these with the points, which it must be able to write for.
    """
    verdict = Verdict()
    metrics: dict[tuple[str, str], list[Track]] = {}
    for track in tracks:
        metrics.setdefault((track.run_id, track.key), []).append(track)
    for (run_id, key), of_metric in metrics.items():
        judge_metric(await _stored(channel, run_id, key), of_metric, verdict)
    for run_id in {run_id for run_id, _ in metrics} if summaries else ():
        request = pb.RecomputeMetricSummariesRequest(run_id=run_id)
        verdict.miscounted += len((await call(channel, _RECOMPUTE, request)).corrected_keys)
    return verdict


def judge_metric(stored: tuple[Ints, Ints, Ints], tracks: Iterable[Track], verdict: Verdict) -> None:
    """Adds to a verdict what is to be said of one metric, given its steps, times and bits in stored order."""
    steps, times, bits = stored
    writers, numbers = steps >> _NUMBER_BITS, steps & ((1 << _NUMBER_BITS) - 1)
    verdict.stored += len(steps)
    known = np.zeros(len(steps), bool)
    for track in tracks:
        own = (writers == track.writer) & (numbers < track.sent)
        known |= own
        found = numbers[own]
        distinct = np.unique(found)
        expected = track.columns(found)
        verdict.acknowledged += track.acknowledged
        verdict.lost += track.acknowledged - int(np.count_nonzero(distinct < track.acknowledged))
        verdict.twins += len(found) - len(distinct)
        verdict.displaced += int(np.count_nonzero(found != np.arange(len(found)))) if len(found) == len(distinct) else 0
        verdict.corrupted += int(np.count_nonzero((expected[1] != times[own]) | (expected[2] != bits[own])))
    verdict.foreign += int(np.count_nonzero(~known))


async def _stored(channel: grpc.aio.Channel, run_id: str, key: str) -> tuple[Ints, Ints, Ints]:
    pages: list[tuple[Any, Any, Any]] = []
    request = pb.ListMetricHistoryRequest(run_id=run_id, metric_key=key, page_size=_PAGE)
    while True:
        try:
            answer = await call(channel, _HISTORY, request)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.NOT_FOUND, error  # noqa: PT017
            break
        columns = answer.points
        pages.append((columns.steps, columns.timestamps_ms, columns.values))
        request.page_token = answer.next_page_token
        if not request.page_token:
            break
    steps, times, values = zip(*pages, strict=True) if pages else ((), (), ())
    return (
        np.concatenate([np.array(column, np.int64) for column in ((), *steps)]),
        np.concatenate([np.array(column, np.int64) for column in ((), *times)]),
        np.concatenate([np.array(column, np.float64) for column in ((), *values)]).view(np.int64),
    )
