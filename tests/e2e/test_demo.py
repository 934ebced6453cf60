"""The first thing that a newcomer runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import milepost
from support.servers import RunningServer

MILEPOST = str(Path(sys.executable).parent / "milepost")


def test_demo_trains_and_finds_its_best_run_again_and_serves_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [MILEPOST, "demo", "--data-dir", "data"], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "best run by search" in done.stdout
    assert re.search(r"version 1 reads \d+ of \d+ digits right", done.stdout)
    assert re.search(r"p50 [\d.]+ ms, p99 [\d.]+ ms in 500 calls", done.stdout)
    assert re.search(r'"predictions": ?\[\d\]', done.stdout) or not shutil.which("curl")
    running = RunningServer(tmp_path / "data")
    try:
        with milepost.Client(running.grpc_address) as client:
            best = next(iter(client.runs.list(experiment="demo-digits", order_by="metrics.test/accuracy DESC")))
            assert best.metrics["test/accuracy"] > 0.9
            assert best.run_id in done.stdout
            assert best.tags["milepost.python.version"]
            assert best.tags["milepost.source"].endswith("milepost")
            files = {item.path for item in client.artifacts.list(best.run_id, recursive=True)}
            champion = client.model_versions.get_by_alias("digits", "champion")
            assert (champion.run_id, champion.version) == (best.run_id, 1)
            assert {f"{champion.path}/MLmodel", "plots/confusion_matrix.png", "report.json"} < files
    finally:
        running.stop()
