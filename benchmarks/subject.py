"""The server under test, started as a user would start it."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.process import ROOT, Process
from milepost import v1 as pb
from milepost.v1 import tracking_service_pb2_grpc

_READY = re.compile(r"Milepost is ready: gRPC on \S+:(\d+), HTTP on http://\S+:(\d+)")

# The command of the environment that the benchmarks run in.
_MILEPOST = Path(sys.executable).with_name("milepost")


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server: both ports and its process id."""

    grpc_port: int
    http_port: int
    pid: int

    @property
    def target(self) -> str:
        """The gRPC address."""
        return f"127.0.0.1:{self.grpc_port}"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder on the project's own disk: /tmp may be memory, where being durable costs nothing."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as folder:
        yield Path(folder)


@contextmanager
def server(folder: Path, database_url: str = "") -> Iterator[Subject]:
    """`milepost server` with its defaults (SQLite, `synchronous=FULL`) on free ports, its data in `folder`.

    Args:
        folder: Where its data is.
        database_url: Another database than SQLite.
    """
    command = [
        *(str(_MILEPOST), "server"),
        *("--data-dir", str(folder / "data")),
        *("--http-port", "0"),
        *("--grpc-port", "0"),
        *(("--database-url", database_url) if database_url else ()),
    ]
    with Process(command) as process:
        ready = _READY.match(process.first_line)
        if ready is None:
            raise RuntimeError(f"the server said {process.first_line!r} where its ports were expected")
        yield Subject(int(ready[1]), int(ready[2]), process.pid)


def typical_runs(subject: Subject, count: int) -> list[pb.Run]:
    """Creates runs with 10 params, 10 metrics (of one point each) and 5 tags, and returns them as `GetRun` does."""
    with grpc.insecure_channel(subject.target) as channel:
        tracking = tracking_service_pb2_grpc.TrackingServiceStub(channel)
        return [_typical_run(tracking) for _ in range(count)]


def _typical_run(tracking: tracking_service_pb2_grpc.TrackingServiceStub) -> pb.Run:
    run_id = new_run(tracking)
    tracking.LogBatch(
        pb.LogBatchRequest(
            run_id=run_id,
            params={f"param_{number}": pb.ParamValue(double_value=0.1 * number) for number in range(10)},
            tags={f"tag_{number}": f"some value {number}" for number in range(5)},
            metrics=[
                pb.MetricPoints(key=f"metric_{number}", values=[0.5], steps=[1], timestamps_ms=[1_700_000_000_000])
                for number in range(10)
            ],
        )
    )
    return tracking.GetRun(pb.GetRunRequest(run_id=run_id)).run


def new_run(tracking: tracking_service_pb2_grpc.TrackingServiceStub) -> str:
    """Creates an empty run in the first experiment and returns its id."""
    return tracking.CreateRun(pb.CreateRunRequest(run=pb.Run(name="benchmark"))).run.run_id
