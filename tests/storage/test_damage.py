"""Points whose stored bytes were damaged are never given out as points."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost_server.errors import DataLoss
from milepost_server.services.clock import system_clock
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.metrics import MetricService
from milepost_server.services.runs import RunService
from support.databases import opened, sqlite_url


@pytest.mark.parametrize("count", [1, 1000])
async def test_a_flipped_bit_is_noticed_and_other_metrics_are_read(tmp_path: Path, count: int) -> None:
    async with opened(sqlite_url(tmp_path)) as storage:
        await RunService(storage, system_clock).create(pb.CreateRunRequest(run=pb.Run(run_id="run")))
        metrics = [pb.MetricPoints(key=key, values=[0.1] * count, steps=range(count)) for key in ("bad", "good")]
        await MetricService(storage, system_clock).log(pb.LogMetricsRequest(run_id="run", metrics=metrics))
        with closing(sqlite3.connect(tmp_path / "milepost.db")) as database, database:
            bad = "SELECT id FROM series WHERE key_id = (SELECT id FROM attribute_key WHERE name = 'bad')"
            number, data = database.execute(
                f"SELECT series_id, data FROM metric_chunk WHERE series_id = ({bad})"
            ).fetchone()
            damaged = bytes([*data[:10], data[10] ^ 1, *data[11:]])
            database.execute("UPDATE metric_chunk SET data = ? WHERE series_id = ?", (damaged, number))
        reads = MetricReadService(storage)
        with pytest.raises(DataLoss) as caught:
            await reads.history(pb.ListMetricHistoryRequest(run_id="run", metric_key="bad"))
        assert caught.value.reason == pb.ERROR_REASON_METRIC_CORRUPT
        good = await reads.history(pb.ListMetricHistoryRequest(run_id="run", metric_key="good"))
        assert len(good.points.values) == count
