"""Searches of 100,000 runs of one experiment, each with 10 params, 10 metrics and 5 tags, of 1,000 distinct keys."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BytesValue

from benchmarks.databases import postgresql
from benchmarks.fill.store import fill
from benchmarks.fill.synthetic import Shape
from benchmarks.framework import Effort, Figure, Goal, benchmark
from benchmarks.peers import grpc_echo
from benchmarks.process import Process, module
from benchmarks.subject import Subject, new_run, scratch_folder, server
from milepost import v1 as pb
from milepost.v1 import tracking_service_pb2_grpc as stubs

_SHAPE = Shape(runs=100_000)
_CALLS_A_ROUND = 20
_DEEP = 50_000
_COLUMNS = ("params.p1", "metrics.m2")
_FILTER = "metrics.m1 > 0.5 AND params.p1 = 'x'"
_ORDER = "metrics.m2 DESC"

Call = Callable[[int], Message]


@dataclass
class _Searches:
    """Calls of a filled server. The number that each takes tells repeats apart."""

    tracking: stubs.TrackingServiceStub
    experiment_id: str

    def list(self, filter_: str = "", order_by: str = "", columns: tuple[str, ...] = ()) -> Call:
        """The first page."""
        request = self._request(filter_, order_by)
        request.columns.extend(columns)
        return lambda _: self.tracking.ListRuns(request)

    def pages(self, filter_: str = "", order_by: str = "", begin: str = "") -> Call:
        """A page further each time."""
        request = self._request(filter_, order_by)
        request.page_token = begin

        def call(_: int) -> Message:
            response = self.tracking.ListRuns(request)
            request.page_token = response.next_page_token
            return response

        return call

    def _request(self, filter_: str, order_by: str) -> pb.ListRunsRequest:
        return pb.ListRunsRequest(experiment_ids=[self.experiment_id], filter=filter_, order_by=order_by)

    def token_behind(self, runs: int) -> str:
        """The token of the page that begins after so many runs, latest first."""
        request = pb.ListRunsRequest(experiment_ids=[self.experiment_id], page_size=1000)
        for _ in range(runs // 1000):
            request.page_token = self.tracking.ListRuns(request).next_page_token
        return request.page_token

    def count(self, filter_: str = "") -> Call:
        request = pb.CountRunsRequest(experiment_ids=[self.experiment_id], filter=filter_)
        return lambda _: self.tracking.CountRuns(request)

    def group(self) -> Call:
        request = pb.GroupRunsRequest(
            experiment_ids=[self.experiment_id], group_by=["params.p1"], metrics=["metrics.m1"]
        )
        return lambda _: self.tracking.GroupRuns(request)

    def keys(self) -> Call:
        request = pb.ListRunKeysRequest(
            experiment_ids=[self.experiment_id], kind=pb.ListRunKeysRequest.KIND_METRIC, page_size=20_000
        )
        return lambda _: self.tracking.ListRunKeys(request)


_GOALS: dict[str, float | None] = {
    "ListRuns, filtered and ordered": 20,
    "ListRuns, its later pages": 20,
    "ListRuns, two columns of it": 20,
    "ListRuns, newest": 10,
    "ListRuns, page 500": 10,
    "ListRuns, filter that finds few": 20,
    "CountRuns": 50,
    "CountRuns, filtered": 50,
    "GroupRuns": None,
    "ListRunKeys": None,
}
_BARE = "bare SQL, filtered and ordered (SQLite)"


@benchmark(*(f"{name} ({kind})" for kind in ("SQLite", "PostgreSQL") for name in _GOALS), _BARE)
def searches(effort: Effort) -> Iterator[Figure]:
    """Milliseconds of a call by one caller, the median; with a write before each call, so that none is answered again.

    Beside: a bare gRPC server that answers with as many bytes, called in turn with the subject.
    `bare SQL` is the first search by one statement, written by hand for its data, on Python's own driver.
    """
    with scratch_folder() as folder:
        yield from _of_database(effort, "SQLite", folder, f"sqlite:///{folder / 'filled.db'}")
        yield Figure(_BARE, _bare_sql(effort, folder / "filled.db"), "ms")
    with scratch_folder() as folder, postgresql() as url:
        yield from _of_database(effort, "PostgreSQL", folder, url)


@benchmark("ListRuns, 12,000 metrics and 5,000 params", "ListRuns, one column of them")
def wide_run(effort: Effort) -> Iterator[Figure]:
    """A list of one run with so many keys of 500 bytes each, found by conditions on two of them; on SQLite."""
    with scratch_folder() as folder, server(folder) as subject:
        options = (("grpc.max_receive_message_length", -1),)
        with grpc.insecure_channel(subject.target, options) as channel:
            tracking = stubs.TrackingServiceStub(channel)
            keys = [f"{'ключ' * 60}/{number:05}" for number in range(12_000)]
            request = pb.LogBatchRequest(run_id=new_run(tracking))
            for number, key in enumerate(keys):
                request.metrics.add(key=key, values=[number], steps=[0], timestamps_ms=[0])
            for key in keys[:5000]:
                request.params[key].double_value = 0.5
            tracking.LogBatch(request)
            searches, write = _Searches(tracking, "0"), _writing(subject)
            filter_ = f"metrics.`{keys[7]}` = 7 AND params.`{keys[8]}` = 0.5"
            columns = (f"metrics.`{keys[9]}`",)
            yield _figure("ListRuns, 12,000 metrics and 5,000 params", None, effort, searches.list(filter_), write)
            yield _figure("ListRuns, one column of them", None, effort, searches.list(filter_, "", columns), write)


def _of_database(effort: Effort, kind: str, folder: Path, url: str) -> Iterator[Figure]:
    experiment_id = asyncio.run(fill(url, _SHAPE, "search"))
    with server(folder, url) as subject, grpc.insecure_channel(subject.target) as channel:
        searches = _Searches(stubs.TrackingServiceStub(channel), experiment_id)
        write = _writing(subject)
        for name, call in _calls(searches).items():
            yield _figure(f"{name} ({kind})", _GOALS[name], effort, call, write)


def _calls(searches: _Searches) -> dict[str, Call]:
    return {
        "ListRuns, filtered and ordered": searches.list(_FILTER, _ORDER),
        "ListRuns, its later pages": searches.pages(_FILTER, _ORDER),
        "ListRuns, two columns of it": searches.list(_FILTER, _ORDER, _COLUMNS),
        "ListRuns, newest": searches.list(),
        "ListRuns, page 500": searches.pages(begin=searches.token_behind(_DEEP)),
        "ListRuns, filter that finds few": searches.list("metrics.m1 > 0.999 AND params.p1 = 'x'", _ORDER),
        "CountRuns": searches.count(),
        "CountRuns, filtered": searches.count(_FILTER),
        "GroupRuns": searches.group(),
        "ListRunKeys": searches.keys(),
    }


def _writing(subject: Subject) -> Callable[[], object]:
    channel = grpc.insecure_channel(subject.target)
    tracking = stubs.TrackingServiceStub(channel)
    run_id = new_run(tracking)
    return lambda: tracking.LogBatch(pb.LogBatchRequest(run_id=run_id, tags={"written": str(time.monotonic())}))


def _figure(name: str, goal_ms: float | None, effort: Effort, call: Call, write: Callable[[], object]) -> Figure:
    calls = effort.rounds * _CALLS_A_ROUND
    answer_bytes = max(call(0).ByteSize(), 200)
    taken: list[float] = []
    limits: list[float] = []
    with _echo(answer_bytes) as echo:
        for number in range(calls):
            write()
            taken.append(_timed(lambda: call(number)))  # noqa: B023 - called at once
            limits.append(_timed(echo))
    detail = (
        f"p99 {_ranked(taken, 0.99):.1f} ms; {answer_bytes:,} bytes; bare server p99 {_ranked(limits, 0.99):.1f} ms"
    )
    goal = None if goal_ms is None else Goal("value", "<", goal_ms)
    return Figure(name, _ranked(taken, 0.5), "ms", _ranked(limits, 0.5), goal, detail)


@contextmanager
def _echo(answer_bytes: int) -> Iterator[Callable[[], object]]:
    with Process(module("peers.grpc_echo", "--answer-bytes", answer_bytes)) as process:
        options = (("grpc.max_receive_message_length", -1),)
        with grpc.insecure_channel(f"127.0.0.1:{process.first_line.strip()}", options) as channel:
            path = grpc_echo.PATH
            call = channel.unary_unary(path, BytesValue.SerializeToString, BytesValue.FromString)
            request = BytesValue(value=bytes(100))
            yield lambda: call(request, wait_for_ready=True)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _ranked(times: list[float], share: float) -> float:
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def _bare_sql(effort: Effort, path: Path) -> float:
    with closing(sqlite3.connect(path)) as database:
        keys = dict(database.execute("SELECT name, id FROM attribute_key WHERE name IN ('m1', 'm2', 'p1')"))
        sql = """
            SELECT o.run_id FROM series o
            WHERE o.key_id = :m2 AND o.experiment_id = :experiment AND o.last_value IS NOT NULL
            AND EXISTS (SELECT 1 FROM run_param p WHERE p.run_id = o.run_id AND p.key_id = :p1 AND p.head = 'x')
            AND EXISTS (SELECT 1 FROM series s WHERE s.run_id = o.run_id AND s.key_id = :m1 AND s.last_value > 0.5)
            ORDER BY o.last_value DESC, o.run_id DESC LIMIT 101
        """
        number = database.execute("SELECT id FROM experiment WHERE name = 'search'").fetchone()[0]
        values = {**keys, "experiment": number}
        times = [_timed(lambda: database.execute(sql, values).fetchall()) for _ in range(effort.rounds * 5)]
    return _ranked(times, 0.5)
