"""Writes a database of the current schema revision as SQL, for the tests that upgrade old databases.

Run it once with each new revision, before the next one: `python tools/make_schema_fixture.py`. What it stores is what
`tests/support/stored_database.py` looks for.
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
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.services.model_aliases import ModelAliasService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.registered_models import RegisteredModelService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import RunKey, Storage, Transaction
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema

SCHEMAS = Path(__file__).parents[1] / "tests" / "storage" / "schemas"
RUN_ID = "0123456789abcdef0123456789abcdef"
LOGGED_MODEL_ID = f"m-{RUN_ID}"


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
    await _log_model(storage)
    made = pb.ModelOutput(model_id=LOGGED_MODEL_ID, step=7)
    await batches.log_outputs(pb.LogOutputsRequest(run_id=RUN_ID, models=[made]))
    used = pb.ModelInput(model_id=LOGGED_MODEL_ID)
    await batches.log_inputs(pb.LogInputsRequest(run_id=RUN_ID, models=[used]))
    await _register_model(storage)
    await storage.write(_record_webhook)


async def _log_model(storage: Storage) -> None:
    models = LoggedModelService(storage, _clock)
    model = pb.LoggedModel(
        model_id=LOGGED_MODEL_ID,
        run_id=RUN_ID,
        name="digits/é",
        model_type="classifier",
        flavors=["sklearn"],
        params={"depth": pb.ParamValue(int_value=3)},
        tags={"team": "vision"},
    )
    await models.create(pb.CreateLoggedModelRequest(logged_model=model))
    metrics = [
        pb.ModelMetric(key="acc", value=math.nan, step=1, timestamp_ms=5),
        pb.ModelMetric(key="acc", value=-0.0, step=2, timestamp_ms=6, dataset_name="digits", dataset_digest="d1"),
    ]
    await models.update(pb.UpdateLoggedModelRequest(model_id=LOGGED_MODEL_ID, metrics=metrics))
    file = pb.ModelFile(path="MLmodel", size=3, sha256="cd" * 32)

    async def record(tx: Transaction) -> None:
        key: RunKey | None = await tx.runs.key(RUN_ID)
        assert key is not None
        path = f"models/{LOGGED_MODEL_ID}/{file.path}"
        await tx.artifacts.put(key, pb.Artifact(path=path, size=file.size, sha256=file.sha256), "staged-2")

    await storage.write(record)
    ready = pb.LoggedModel.STATUS_READY
    await models.finalize(pb.FinalizeLoggedModelRequest(model_id=LOGGED_MODEL_ID, status=ready, files=[file]))


async def _register_model(storage: Storage) -> None:
    """Registers the logged model, and files that are elsewhere."""
    model = pb.RegisteredModel(name="digits", description="é", tags={"team": "vision"})
    model.protected_aliases["champion"].principals.append("ada")
    await RegisteredModelService(storage, _clock).create(pb.CreateRegisteredModelRequest(registered_model=model))
    versions = ModelVersionService(storage, _clock)
    for version in pb.ModelVersion(model_id=LOGGED_MODEL_ID), pb.ModelVersion(source_uri="s3://bucket/digits"):
        version.MergeFrom(pb.ModelVersion(name="digits", model_card="# Digits", tags={"stage": "old"}))
        await versions.create(pb.CreateModelVersionRequest(model_version=version))
    aliases = ModelAliasService(storage, _clock)
    await aliases.set(pb.SetModelAliasRequest(name="digits", alias="champion", version=1))


async def _record_webhook(tx: Transaction) -> None:
    webhook = pb.Webhook(webhook_id="webhook-1", name="hook", url="https://example.org/hook", secret="s" * 32)
    webhook.state = pb.Webhook.STATE_DISABLED
    webhook.format = pb.Webhook.FORMAT_MLFLOW
    webhook.mlflow_events.append("prompt.created")
    await tx.webhooks.create(webhook, 1, _clock())
    stored = await tx.webhooks.get("webhook-1")
    assert stored is not None
    await tx.webhooks.record(stored.row, pb.WebhookDelivery(sequence=1, http_status=204), _clock())


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
