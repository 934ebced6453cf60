"""Writes a spool file as the Python client leaves it, prints what one holds, or locks one until standard input ends.

Arguments: `write FOLDER ADDRESS RUN_ID`, `read FILE` or `lock FILE`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from milepost import v1 as pb
from milepost._batches import Batch
from milepost._points import pack_points
from milepost._spool import Spool


def _write(folder: str, address: str, run_id: str) -> None:
    spool = Spool.create(Path(folder), address)
    for number in range(3):
        steps = range(10 * number, 10 * number + 10)
        flat = [item for step in steps for item in (run_id, "loss", step / 3, step, step)]
        (batch,), _ = pack_points(flat)
        batch.writer_id, batch.sequence = "python-writer", number + 1
        spool.append(batch, 1 << 30)
    entries = pb.LogBatchRequest(run_id=run_id, request_id=f"entries-of-{run_id}", tags={"made.by": "Python"})
    entries.params["lr"].double_value = 0.1
    entries.params["bad\nkey"].int_value = 1
    spool.append(Batch(run_id, 3, entries.SerializeToString()), 1 << 30)
    spool.close()
    print(json.dumps({"path": str(spool.path)}))


def _read(file: str) -> None:
    spool = Spool.adopt(Path(file))
    batches, offset = [], spool.first
    while offset < spool.size:
        batch, offset = spool.read(offset)
        batches.append([batch.run_id, batch.values, batch.wire.hex(), batch.writer_id, batch.sequence])
    spool.close()
    print(json.dumps({"address": spool.address, "batches": batches}))


def _lock(file: str) -> None:
    spool = Spool.adopt(Path(file))
    print("locked", flush=True)
    sys.stdin.read()
    spool.close()


if __name__ == "__main__":
    {"write": _write, "read": _read, "lock": _lock}[sys.argv[1]](*sys.argv[2:])
