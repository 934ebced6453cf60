"""Fills an MLflow database with runs, one JSON object on each line of standard input; prints their experiment's id.

Run by an interpreter that has MLflow, and none of this project. `benchmarks/fill/mlflow_runs.py` describes the lines.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from mlflow.store.tracking.dbmodels import models
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

_RUNS_A_TRANSACTION = 500
_TABLES = (models.SqlRun, models.SqlParam, models.SqlTag, models.SqlMetric, models.SqlLatestMetric)

Rows = dict[Any, list[dict[str, Any]]]


def _main() -> None:
    url, artifacts = sys.argv[1:]
    store = SqlAlchemyStore(url, artifacts)
    experiment_id = store.create_experiment("filled")
    lines = iter(sys.stdin)
    while batch := list(islice(lines, _RUNS_A_TRANSACTION)):
        rows: Rows = defaultdict(list)
        for line in batch:
            _add(rows, json.loads(line), int(experiment_id), artifacts)
        with store.engine.begin() as connection:
            for table in _TABLES:
                if rows[table]:
                    connection.execute(table.__table__.insert(), rows[table])
    print(experiment_id)


def _add(rows: Rows, run: dict[str, Any], experiment_id: int, artifacts: str) -> None:
    run_id = run["run_id"]
    rows[models.SqlRun].append(
        {
            "run_uuid": run_id,
            "name": run["run_name"],
            "user_id": run["user_id"],
            "status": "RUNNING",
            "start_time": run["start_time"],
            "lifecycle_stage": "active",
            "artifact_uri": f"{artifacts}/{experiment_id}/{run_id}/artifacts",
            "experiment_id": experiment_id,
        }
    )
    tags = {**run["tags"], "mlflow.runName": run["run_name"]}
    for table, texts in ((models.SqlParam, run["params"]), (models.SqlTag, tags)):
        rows[table].extend({"run_uuid": run_id, "key": key, "value": value} for key, value in texts.items())
    for key, points in run["metrics"].items():
        found = list(_points(run_id, key, points))
        rows[models.SqlMetric].extend(found)
        rows[models.SqlLatestMetric].append(found[-1])


def _points(run_id: str, key: str, points: dict[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
    for value, step, timestamp in zip(points["values"], points["steps"], points["timestamps"], strict=True):
        yield {
            "run_uuid": run_id,
            "key": key,
            "value": value,
            "step": step,
            "timestamp": timestamp,
            "is_nan": False,
        }


if __name__ == "__main__":
    _main()
