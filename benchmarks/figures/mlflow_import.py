"""`milepost import mlflow` of an SQLite database with 10,000 runs and 10,000,000 points, beside a bare SELECT.

The limit is the same rows read by Python's `sqlite3` and thrown away: nothing that reads them in Python is faster.
Memory is that of the importing process, which must not grow with the database: a tenth of it is imported too.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fill.mlflow_database import POINTS_OF_RUN, fill
from benchmarks.framework import Effort, Figure, Goal, benchmark
from benchmarks.process import cpu_s, environment, peak_resident_bytes
from benchmarks.subject import Subject, scratch_folder, server

_RUNS, _QUICK_RUNS = 10_000, 1000
_DATABASE = "MLFLOW_DATABASE"
"""Path of a database that `benchmarks.fill.mlflow_database` has made before; it takes some minutes."""
_GOAL = 200_000
_MILEPOST = Path(sys.executable).with_name("milepost")
_LOOK_S = 0.05
_MEBIBYTE = 1024 * 1024


@dataclass
class _Import:
    """What an import said of itself.

    Args:
        points: Read and stored.
        seconds: Without the start of the process and the comparison at the end.
        differing: Values that differed, of those compared at the end.
        peak: Most bytes that the process had resident.
        cpu_s: What the process used, the comparison of a sample included.
        server_cpu_s: What the server used meanwhile.
    """

    points: int
    seconds: float
    differing: int
    peak: int
    cpu_s: float
    server_cpu_s: float


@benchmark("import of an MLflow database", "memory of an import")
def mlflow_import(effort: Effort) -> Iterator[Figure]:
    """Points per second from the first read to the last commit, and peak memory in MiB."""
    runs = _RUNS if effort.rounds > 2 else _QUICK_RUNS
    with scratch_folder() as folder:
        large, small = folder / "large.db", folder / "small.db"
        given = os.environ.get(_DATABASE)
        if given:
            large.symlink_to(Path(given).resolve())
        else:
            fill(str(large), runs)
        fill(str(small), runs // 10)
        limit = _select(large)
        with server(folder) as subject:
            done = _import(subject, large)
        (folder / "second").mkdir()
        with server(folder / "second") as subject:
            tenth = _import(subject, small)
    rate = done.points / done.seconds
    micros = [seconds * 1e6 / done.points for seconds in (done.cpu_s, done.server_cpu_s)]
    cpu = f"{micros[0]:.2f} µs of CPU a point, and {micros[1]:.2f} of the server"
    detail = (
        f"{done.points:,} points in {done.seconds:.0f} s, {done.differing} differ; {cpu}; raw SELECT {limit:,.0f}/s"
    )
    yield Figure("import of an MLflow database", rate, "points/s", limit, Goal("value", ">=", _GOAL), detail)
    peaks = f"{tenth.peak / _MEBIBYTE:.0f} MiB for a tenth of the database"
    yield Figure("memory of an import", done.peak / _MEBIBYTE, "MiB", tenth.peak / _MEBIBYTE, detail=peaks)


def _select(path: Path) -> float:
    """Rows per second of a bare SELECT, run by run as the import reads them."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    ids = [run_id for (run_id,) in connection.execute("SELECT run_uuid FROM runs ORDER BY start_time")]
    began, count = time.perf_counter(), 0
    for run_id in ids:
        rows = connection.execute(
            'SELECT "key", step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY rowid', (run_id,)
        )
        count += len(rows.fetchall())
    rate = count / (time.perf_counter() - began)
    connection.close()
    assert count == len(ids) * POINTS_OF_RUN
    return rate


def _import(subject: Subject, path: Path) -> _Import:
    """Imports a database by the command, which compares counts, fields and a sample of points at the end."""
    command = [str(_MILEPOST), "-s", subject.target, "import", "mlflow", str(path), "--json"]
    before = cpu_s(subject.pid)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True)
    peaks, used = [0], [0.0]

    def watch() -> None:
        while process.poll() is None:
            try:
                peaks.append(peak_resident_bytes(process.pid))
                used.append(cpu_s(process.pid))
            except (OSError, RuntimeError):
                return
            time.sleep(_LOOK_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert process.stdout is not None
    report = json.load(process.stdout)
    process.wait()
    watcher.join()
    process.stdout.close()
    points = report["counts"]["points"]["target"]
    server_s = cpu_s(subject.pid) - before
    return _Import(points, report["seconds"], report["differing"], max(peaks), used[-1], server_s)
