"""What `tools/make_schema_fixture.py` stored is there and works, whatever revision it was stored in."""

from __future__ import annotations

import math

from milepost import v1 as pb
from milepost_server.services.batches import BatchService
from milepost_server.services.clock import system_clock
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.registered_models import RegisteredModelService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage, StoredArtifact, Transaction
from support.values import INT64_MAX, bits, param

RUN_ID = "0123456789abcdef0123456789abcdef"
LOGGED_MODEL_ID = f"m-{RUN_ID}"


async def check_stored(storage: Storage, revision: str) -> None:
    """Reads all that a database of a revision was stored with, after its upgrade."""
    await _check_experiment(storage)
    await _check_run(storage)
    await _check_metrics(storage)
    assert await _artifact(storage)
    # Streams have been since the second revision, models since the third, and models of runs since the fourth.
    assert await _writer(storage) == ((0, []) if revision == "0001" else (7, [(5, b"refused")]))
    if revision >= "0003":
        await _check_logged_model(storage)
        await _check_registry(storage)
        await _check_webhook(storage, revision)
    await _check_lineage(storage, revision)


async def check_new_models(storage: Storage) -> None:
    """An upgraded database takes models."""
    models = LoggedModelService(storage, system_clock)
    new = pb.LoggedModel(run_id=RUN_ID, name="new", params={"p": param(1)}, tags={"t": "v"})
    model = await models.create(pb.CreateLoggedModelRequest(logged_model=new))
    metrics = [pb.ModelMetric(key="acc", value=0.5)]
    assert (await models.update(pb.UpdateLoggedModelRequest(model_id=model.model_id, metrics=metrics))).metrics
    outputs = pb.LogOutputsRequest(run_id=RUN_ID, models=[pb.ModelOutput(model_id=model.model_id, step=1)])
    await BatchService(storage, system_clock).log_outputs(outputs)
    assert outputs.models[0] in (await RunService(storage, system_clock).get(RUN_ID)).model_outputs
    version = pb.ModelVersion(name="new", source_uri="s3://bucket/new")
    request = pb.CreateModelVersionRequest(model_version=version, create_model=True)
    assert (await ModelVersionService(storage, system_clock).create(request)).version == 1


async def _check_experiment(storage: Storage) -> None:
    found = await ExperimentService(storage, system_clock).get_by_name("digits")
    assert found.description == "é\n'quoted'"
    assert dict(found.tags) == {"team": "vision"}


async def _check_run(storage: Storage) -> None:
    runs = RunService(storage, system_clock)
    listed, _ = await runs.list(pb.ListRunsRequest(filter="params.integer > 5 AND metrics.loss < 1"))
    (run,) = listed
    assert run == await runs.get(RUN_ID)
    assert math.isnan(run.params.pop("nan").double_value)
    assert {key: str(value) for key, value in run.params.items()} == {
        "text": str(param("1")),
        "integer": str(param(INT64_MAX)),
        "float": str(param(-0.0)),
        "boolean": str(param(True)),
        "json": str(pb.ParamValue(json_value='{"a": [1]}')),
    }
    assert dict(run.tags) == {"stage": "old"}
    assert [(use.context, use.dataset.name, dict(use.tags)) for use in run.inputs] == [
        ("training", "digits", {"split": "a"})
    ]
    # The answer to a request of the old version is still known.
    again = pb.Run(experiment_id=run.experiment_id, run_id=RUN_ID, name="first", user="ada")
    repeated = await runs.create(pb.CreateRunRequest(run=again, request_id="first-request"))
    assert repeated.create_time == run.create_time
    batch = pb.LogBatchRequest(run_id=RUN_ID, tags={"stage": "new"})
    await BatchService(storage, system_clock).log_batch(batch)


async def _check_metrics(storage: Storage) -> None:
    request = pb.ListMetricHistoryRequest(run_id=RUN_ID, metric_key="loss")
    history = await MetricReadService(storage).history(request)
    assert list(history.points.steps) == [1, 2, 2]
    assert list(history.points.timestamps_ms) == [5, 6, 7]
    assert bits(history.points.values) == bits([0.1, math.inf, -0.0])
    run = await RunService(storage, system_clock).get(RUN_ID)
    assert bits([run.metrics["loss"].last, run.metrics["loss"].max]) == bits([-0.0, math.inf])


async def _artifact(storage: Storage) -> StoredArtifact | None:
    async def work(tx: Transaction) -> StoredArtifact | None:
        key = await tx.runs.key(RUN_ID)
        assert key is not None
        return await tx.artifacts.get(key, "model/weights.bin")

    return await storage.scan(work)


async def _writer(storage: Storage) -> tuple[int, list[tuple[int, bytes]]]:
    """How far a metric stream came, and what of it was refused."""

    async def work(tx: Transaction) -> tuple[int, list[tuple[int, bytes]]]:
        key = await tx.runs.key(RUN_ID)
        assert key is not None
        rejections = await tx.metric_writers.rejections(key, "writer-1", 0)
        return await tx.metric_writers.sequence(key, "writer-1"), [(row[0], row[1]) for row in rejections]

    return await storage.scan(work)


async def _check_logged_model(storage: Storage) -> None:
    model = await LoggedModelService(storage, system_clock).get(LOGGED_MODEL_ID)
    assert (model.run_id, model.name, model.status) == (RUN_ID, "digits/é", pb.LoggedModel.STATUS_READY)
    assert (dict(model.params), dict(model.tags)) == ({"depth": param(3)}, {"team": "vision"})
    first, second = model.metrics
    assert math.isnan(first.value)
    assert (second.dataset_name, bits([second.value])) == ("digits", bits([-0.0]))
    assert [(file.path, file.size) for file in model.files] == [("MLmodel", 3)]
    listed, _ = await LoggedModelService(storage, system_clock).list(
        pb.ListLoggedModelsRequest(filter=f"run_id = '{RUN_ID}' AND metrics.acc = 0")
    )
    assert [found.model_id for found in listed] == [LOGGED_MODEL_ID]


async def _check_registry(storage: Storage) -> None:
    model = await RegisteredModelService(storage, system_clock).get("digits")
    assert (dict(model.tags), dict(model.aliases), model.latest_version) == ({"team": "vision"}, {"champion": 1}, 2)
    assert list(model.protected_aliases["champion"].principals) == ["ada"]
    versions = ModelVersionService(storage, system_clock)
    first, second = [await versions.get("digits", number) for number in (1, 2)]
    assert (first.model_id, list(first.aliases), second.source_uri) == (
        LOGGED_MODEL_ID,
        ["champion"],
        "s3://bucket/digits",
    )
    assert await storage.scan(lambda tx: tx.registry_events.last()) == 4


async def _check_lineage(storage: Storage, revision: str) -> None:
    run = await RunService(storage, system_clock).get(RUN_ID)
    kept = revision >= "0004"
    assert list(run.model_inputs) == ([pb.ModelInput(model_id=LOGGED_MODEL_ID)] if kept else [])
    assert list(run.model_outputs) == ([pb.ModelOutput(model_id=LOGGED_MODEL_ID, step=7)] if kept else [])


async def _check_webhook(storage: Storage, revision: str) -> None:
    async def work(tx: Transaction) -> tuple[str, list[int]]:
        stored = await tx.webhooks.get("webhook-1")
        assert stored is not None
        # Webhooks have had forms since the fourth revision.
        mlflow = revision >= "0004"
        assert stored.webhook.format == (pb.Webhook.FORMAT_MLFLOW if mlflow else pb.Webhook.FORMAT_STANDARD)
        assert list(stored.webhook.mlflow_events) == (["prompt.created"] if mlflow else [])
        return stored.secret, [
            delivery.http_status for _, delivery in await tx.webhooks.deliveries(stored.row, 10, None)
        ]

    assert await storage.scan(work) == ("s" * 32, [204])
