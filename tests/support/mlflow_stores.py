"""Stores of MLflow made by hand, for tests without MLflow: a database with its tables, and a folder `mlruns`.

Ids and names are new in each store, so that many stores can be imported into one server.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

START_MS = 1_700_000_000_000

_TABLES = """
CREATE TABLE alembic_version (version_num VARCHAR(32));
INSERT INTO alembic_version VALUES ('test-version');
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name, artifact_location, lifecycle_stage, creation_time,
    last_update_time, workspace DEFAULT 'default');
CREATE TABLE experiment_tags ("key", value, experiment_id);
CREATE TABLE runs (run_uuid PRIMARY KEY, name, source_type, user_id, status, start_time, end_time, lifecycle_stage,
    artifact_uri, experiment_id, deleted_time);
CREATE TABLE tags ("key", value, run_uuid);
CREATE TABLE params ("key", value, run_uuid);
CREATE TABLE metrics ("key", value FLOAT, timestamp BIGINT, run_uuid, step BIGINT, is_nan BOOLEAN,
    PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE TABLE datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema,
    dataset_profile);
CREATE TABLE inputs (input_uuid, source_type, source_id, destination_type, destination_id, step);
CREATE TABLE input_tags (input_uuid, name, value);
CREATE TABLE logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
    last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, status_message);
CREATE TABLE logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id,
    run_id, dataset_uuid, dataset_name, dataset_digest);
CREATE TABLE logged_model_params (model_id, experiment_id, param_key, param_value);
CREATE TABLE logged_model_tags (model_id, experiment_id, tag_key, tag_value);
CREATE TABLE registered_models (name, creation_time, last_updated_time, description, workspace DEFAULT 'default');
CREATE TABLE registered_model_tags ("key", value, name, workspace DEFAULT 'default');
CREATE TABLE registered_model_aliases (alias, version, name, workspace DEFAULT 'default');
CREATE TABLE model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage,
    source, run_id, status, status_message, run_link, storage_location, workspace DEFAULT 'default');
CREATE TABLE model_version_tags ("key", value, name, version, workspace DEFAULT 'default');
CREATE TABLE webhooks (webhook_id, name, description, url, status, secret, creation_timestamp, deleted_timestamp,
    workspace DEFAULT 'default');
CREATE TABLE webhook_events (webhook_id, entity, action);
"""
# What a database of 2018 has: no steps, no NaN, no registry.
_OLD_TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name, artifact_location, lifecycle_stage);
CREATE TABLE runs (run_uuid PRIMARY KEY, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri,
    experiment_id);
CREATE TABLE tags ("key", value, run_uuid);
CREATE TABLE params ("key", value, run_uuid);
CREATE TABLE metrics ("key", value FLOAT, timestamp BIGINT, run_uuid);
"""

Points = Iterable[tuple[str, int, int, float]]


class MlflowDatabase:
    """An SQLite database with the tables of MLflow.

    Args:
        path: Its file.
        old: Whether it is of an early version.
    """

    def __init__(self, path: Path, *, old: bool = False) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(_OLD_TABLES if old else _TABLES)

    def add(self, table: str, **row: Any) -> None:
        """Adds a row."""
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])

    def run_sql(self, statement: str, *values: Any) -> None:
        """Runs a statement."""
        self._connection.execute(statement, values)

    def experiment(self, **fields: Any) -> str:
        """Id of a new experiment."""
        number = new_experiment_id()
        row = {"experiment_id": int(number), "name": f"experiment {number}", "lifecycle_stage": "active", **fields}
        self.add("experiments", **row)
        return number

    def run(self, experiment_id: str, tags: Mapping[str, str] | None = None, **fields: Any) -> str:
        """Id of a new run."""
        run_id = str(fields.pop("run_uuid", secrets.token_hex(16)))
        row = {"name": "a run", "user_id": "ann", "status": "FINISHED", "start_time": START_MS}
        row |= {"end_time": START_MS + 5, "lifecycle_stage": "active", **fields}
        self.add("runs", run_uuid=run_id, experiment_id=int(experiment_id), **row)
        for key, value in (tags or {}).items():
            self.add("tags", key=key, value=value, run_uuid=run_id)
        return run_id

    def points(self, run_id: str, points: Points) -> None:
        """Adds points `(key, step, time, value)`; NaN as MLflow keeps it."""
        rows = (
            (key, 0.0 if value != value else value, time, run_id, step, value != value)
            for key, step, time, value in points
        )
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


class MlflowFolder:
    """A folder `mlruns`.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: str | bytes) -> Path:
        """Writes a file."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def experiment(self, **fields: Any) -> str:
        """Id of a new experiment."""
        number = new_experiment_id()
        meta = {"experiment_id": f"'{number}'", "name": f"experiment {number}", "creation_time": START_MS, **fields}
        self.write(f"{number}/meta.yaml", _yaml({"last_update_time": START_MS, "lifecycle_stage": "active", **meta}))
        return number

    def run(self, experiment_id: str, **fields: Any) -> str:
        """Id of a new run; its folder is `EXPERIMENT/RUN`."""
        run_id = secrets.token_hex(16)
        meta = {"run_id": run_id, "experiment_id": f"'{experiment_id}'", "run_name": "a run", "status": 3}
        meta |= {
            "start_time": START_MS,
            "end_time": START_MS + 5,
            "lifecycle_stage": "active",
            "user_id": "ann",
            **fields,
        }
        artifacts = self.root / experiment_id / run_id / "artifacts"
        artifacts.mkdir(parents=True)
        self.write(f"{experiment_id}/{run_id}/meta.yaml", _yaml({"artifact_uri": artifacts, **meta}))
        return run_id


def new_experiment_id() -> str:
    """An id that no other experiment has."""
    return str(100_000_000_000 + secrets.randbelow(800_000_000_000))


def new_model_id() -> str:
    """An id that no other logged model has."""
    return f"m-{secrets.token_hex(16)}"


def _yaml(fields: Mapping[str, Any]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
