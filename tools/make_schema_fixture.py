"""Writes a database of the current schema revision as SQL, for the tests that upgrade old databases.

Run it once with each new revision, before the next one: `python tools/make_schema_fixture.py`. What it stores is what
`tests/storage/test_migrations.py` looks for.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from milepost import v1 as pb
from milepost_server.services.batches import BatchService
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import RunKey, Storage, Transaction
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema

SCHEMAS = Path(__file__).parents[1] / "tests" / "storage" / "schemas"
RUN_ID = "0123456789abcdef0123456789abcdef"


def _clock() -> int:
    return 1_769_817_600_000_000


async def _fill(storage: Storage) -> None:
    """Stores something in every table."""
    experiments, runs, batches = (
        ExperimentService(storage, _clock),
        RunService(storage, _clock),
        BatchService(storage, _clock),
    )
    experiment = pb.Experiment(name="digits", description="é\n'quoted'", tags={"team": "vision"})
    created = await experiments.create(pb.CreateExperimentRequest(experiment=experiment))
    run = pb.Run(experiment_id=created.experiment_id, run_id=RUN_ID, name="first", user="ada")
    await runs.create(pb.CreateRunRequest(run=run, request_id="first-request"))
    await batches.log_batch(
        pb.LogBatchRequest(
            run_id=RUN_ID,
            params={
                "text": pb.ParamValue(string_value="1"),
                "integer": pb.ParamValue(int_value=2**63 - 1),
                "float": pb.ParamValue(double_value=-0.0),
                "nan": pb.ParamValue(double_value=math.nan),
                "boolean": pb.ParamValue(bool_value=True),
                "json": pb.ParamValue(json_value='{"a": [1]}'),
            },
            tags={"stage": "old"},
            metrics=[
                pb.MetricPoints(key="loss", steps=[1, 2, 2], timestamps_ms=[5, 6, 7], values=[0.1, math.inf, -0.0])
            ],
        )
    )
    dataset = pb.Dataset(name="digits", digest="d1", source_type="local", source="digits.csv")
    use = pb.DatasetInput(dataset=dataset, context="training", tags={"split": "a"})
    await batches.log_inputs(pb.LogInputsRequest(run_id=RUN_ID, inputs=[use]))
    await storage.write(_record_files)
    await storage.write(_record_writers)


async def _record_files(tx: Transaction) -> None:
    key: RunKey | None = await tx.runs.key(RUN_ID)
    assert key is not None
    await tx.artifacts.put(key, pb.Artifact(path="model/weights.bin", size=3, sha256="ab" * 32), "staged-1")


async def _record_writers(tx: Transaction) -> None:
    key: RunKey | None = await tx.runs.key(RUN_ID)
    assert key is not None
    await tx.metric_writers.advance(key, "writer-1", 7, _clock())
    await tx.metric_writers.reject(key, "writer-1", {5: b"refused"})


async def _dump(fill: Callable[[Storage], Awaitable[None]]) -> tuple[str, str]:
    """The revision and the SQL of a new database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "milepost.db"
        revision = await ensure_schema(f"sqlite:///{path}", upgrade=False)
        storage = await open_storage(f"sqlite:///{path}", "file:///artifacts", synchronous="NORMAL", pool_size=1)
        await fill(storage)
        await storage.close()
        connection = sqlite3.connect(path)
        text = "\n".join(connection.iterdump()) + "\n"
        connection.close()
    return revision, text


def main() -> None:
    """Writes `tests/storage/schemas/REVISION.sql`."""
    revision, text = asyncio.run(_dump(_fill))
    (SCHEMAS / f"{revision}.sql").write_text(text)


if __name__ == "__main__":
    main()
