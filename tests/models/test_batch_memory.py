"""Batch prediction needs no more memory for a large file than for a small one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from milepost.models import save_model

MEASURE = """
import resource
import sys
from pathlib import Path

from milepost.models.batch.predicting import Asking, predict_file

model, small, large, output = map(Path, sys.argv[1:])
peaks = []
for data in (small, large):
    predict_file(model, data, output, Asking(rows=2000), trust=True)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print((peaks[1] - peaks[0]) * 1024)
"""
LARGE_BYTES = 120_000_000


def large(folder: Path, suffix: str) -> tuple[Path, Path]:
    """A file of some rows, and one that takes at least `LARGE_BYTES` in memory."""
    few, many = folder / f"few.{suffix}", folder / f"many.{suffix}"
    if suffix == "parquet":
        rows = LARGE_BYTES // 80
        frame = pd.DataFrame({f"x{at}" if at else "x": np.random.default_rng(at).random(rows) for at in range(10)})
        frame[:10_000].to_parquet(few)
        frame.to_parquet(many, row_group_size=rows)
        return few, many
    text = "y" * 1000
    line, first = (f"1.5,{text}\n", "x,text\n") if suffix == "csv" else (f'{{"x": 1.5, "text": "{text}"}}\n', "")
    few.write_text(first + line * 4000)
    many.write_text(first + line * (LARGE_BYTES // 1000))
    return few, many


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "model.py").write_text('from milepost.models import set_model\nset_model(lambda data: data["x"])\n')
    save_model(tmp_path / "model.py", tmp_path / "saved", requirements=["pandas"])
    few, many = large(tmp_path, suffix)
    command = [
        sys.executable,
        "-c",
        MEASURE,
        str(tmp_path / "saved"),
        str(few),
        str(many),
        str(tmp_path / f"out.{suffix}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert int(done.stdout) < LARGE_BYTES / 3
