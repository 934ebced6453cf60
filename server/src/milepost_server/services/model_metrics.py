"""Rules of metrics of logged models."""

from __future__ import annotations

from collections.abc import Sequence

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.services.logged_model_keys import existing_model, writable_model
from milepost_server.services.run_keys import existing_run
from milepost_server.storage.base import RunKey, Transaction

_MOST_METRICS = 10_000


def timed(metric: pb.ModelMetric, now_us: int) -> pb.ModelMetric:
    """A metric with a time, which is now when it has none."""
    complete = pb.ModelMetric()
    complete.CopyFrom(metric)
    complete.timestamp_ms = metric.timestamp_ms or now_us // 1000
    return complete


def check_model_metrics(given: Sequence[pb.LoggedModelMetrics]) -> None:
    """Refuses more metrics than one request may have."""
    total = sum(len(one.metrics) for one in given)
    if total > _MOST_METRICS:
        raise invalid_field(
            "model_metrics", f"{total} metrics are more than the {_MOST_METRICS} of one request; send several"
        )


async def lock_runs(tx: Transaction, run_id: str, given: Sequence[pb.LoggedModelMetrics]) -> None:
    """Keeps a run and the runs of models from changing until the transaction ends.

    In the order of all transactions that lock several, so that no two wait for each other.
    """
    runs = [await existing_run(tx, run_id)]
    for model_id in dict.fromkeys(one.model_id for one in given):
        runs.append((await existing_model(tx, model_id)).run)
    for _, each in sorted({(run.row, run.run_id) for run in runs}):
        await tx.runs.key(each, lock=True)


async def log_model_metrics(tx: Transaction, run: RunKey, given: Sequence[pb.LoggedModelMetrics], now_us: int) -> None:
    """Writes metrics of models that a run measured, after `lock_runs`."""
    for one in given:
        key = await writable_model(tx, one.model_id)
        metrics = [timed(metric, now_us) for metric in one.metrics]
        if key.run.row != run.row:
            for metric in metrics:
                metric.run_id = metric.run_id or run.run_id
        await tx.logged_models.log_metrics(key, metrics)
        await tx.logged_models.touch(key, now_us)
