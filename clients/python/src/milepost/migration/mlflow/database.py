"""MLflow's database as a source: experiments and runs. The other tables are in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from milepost.migration.files import FileTree, open_tree
from milepost.migration.mlflow import _database_models, _database_points, _database_registry
from milepost.migration.mlflow._order import parents_first
from milepost.migration.mlflow._tables import IDS_AT_ONCE, Row, Tables, text, time_ms
from milepost.migration.mlflow.entities import (
    DatasetInput,
    Experiment,
    LoggedModel,
    RegisteredModel,
    Run,
    Webhook,
)
from milepost.migration.mlflow.locations import Locations
from milepost.migration.report import Problems
from milepost.migration.source import Points, Totals

DEFAULT_WORKSPACE = "default"
PARENT_TAG = "mlflow.parentRunId"


class DatabaseStore:
    """A database that MLflow keeps its entities in; see `MlflowStore`.

    Args:
        url: Its URL, or path of an SQLite file.
        problems: Where to say what could not be read.
        locations: Where artifacts are to be found.
        workspace: The workspace to read, where the schema has them.

    Raises:
        FileNotFoundError, ValueError: It cannot be opened, or is no database of MLflow.
    """

    def __init__(self, url: str, problems: Problems, locations: Locations, workspace: str = DEFAULT_WORKSPACE) -> None:
        self._tables = Tables(url, workspace)
        self._locations = locations
        self.problems = problems
        self.location = self._tables.location
        self.version = next((text(row["version_num"]) for row in self._tables.rows("alembic_version")), "")
        self._note_workspaces(workspace)

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        found = [*self._tables.rows("experiments", order=["experiment_id"])]
        tags = self._tables.grouped("experiment_tags", "experiment_id", [row["experiment_id"] for row in found])
        for row in found:
            yield Experiment(
                experiment_id=str(row["experiment_id"]),
                name=text(row["name"]),
                artifact_location=text(row.get("artifact_location")),
                deleted=row.get("lifecycle_stage") == "deleted",
                create_ms=time_ms(row.get("creation_time")),
                update_ms=time_ms(row.get("last_update_time")),
                tags=_pairs(tags.get(row["experiment_id"], ())),
            )

    def totals(self, experiment_ids: Sequence[str]) -> Totals:
        """Counts of runs, and of points of a file of SQLite: a server would count for minutes."""
        runs = self._tables.table("runs")
        ids = [int(one) for one in experiment_ids]
        of_these = sa.select(sa.func.count()).select_from(runs).where(runs.c.experiment_id.in_(ids))
        everything = self._tables.count(sa.select(sa.func.count()).select_from(runs))
        count = self._tables.count(of_these)
        if count < everything or not self._tables.sqlite:
            return Totals(count)
        return Totals(count, self._tables.count(sa.select(sa.func.count()).select_from(self._tables.table("metrics"))))

    def runs(self, experiment_id: str) -> Iterator[Sequence[Run]]:
        """The runs of an experiment, 200 at a time."""
        ids = parents_first(self._times(experiment_id), self._parents(experiment_id))
        for start in range(0, len(ids), IDS_AT_ONCE):
            yield self._page(ids[start : start + IDS_AT_ONCE])

    def points(self, runs: Sequence[Run]) -> Iterator[Points]:
        """All points of some runs."""
        return _database_points.points(self._tables, [run.run_id for run in runs])

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModel]:
        """The logged models of an experiment."""
        return _database_models.logged_models(self._tables, experiment_id)

    def registered_models(self) -> Iterator[RegisteredModel]:
        """All registered models."""
        return _database_registry.registered_models(self._tables)

    def webhooks(self) -> Iterator[Webhook]:
        """All webhooks."""
        return _database_registry.webhooks(self._tables)

    def files(self, uri: str, default: Sequence[str]) -> FileTree | None:
        """The files at a URI; a database keeps none itself."""
        found = self._locations.resolve(uri, self._tables.folder_file.parent if self._tables.sqlite else None)
        return None if found is None else open_tree(found)

    def close(self) -> None:
        """Ends the connection."""
        self._tables.close()

    def _note_workspaces(self, workspace: str) -> None:
        if not self._tables.has("experiments", "workspace"):
            return
        column = self._tables.table("experiments").c.workspace
        for (other,) in self._tables.connection.execute(sa.select(column).distinct().where(column != workspace)):
            self.problems.add(f"workspace {other}", "", "not imported: import it by itself with --workspace.")

    def _times(self, experiment_id: str) -> dict[str, int]:
        runs = self._tables.table("runs")
        query = sa.select(runs.c.run_uuid, runs.c.start_time).where(runs.c.experiment_id == int(experiment_id))
        return {run_id: start or 0 for run_id, start in self._tables.connection.execute(query)}

    def _parents(self, experiment_id: str) -> dict[str, str]:
        if "tags" not in self._tables:
            return {}
        tags, runs = self._tables.table("tags"), self._tables.table("runs")
        query = (
            sa.select(tags.c.run_uuid, tags.c.value)
            .join_from(tags, runs, tags.c.run_uuid == runs.c.run_uuid)
            .where(runs.c.experiment_id == int(experiment_id), tags.c.key == PARENT_TAG)
        )
        return {run_id: text(parent) for run_id, parent in self._tables.connection.execute(query)}

    def _page(self, ids: Sequence[str]) -> list[Run]:
        read = self._tables.grouped
        rows = {row["run_uuid"]: row for row in self._tables.rows("runs", ("run_uuid", [*ids]))}
        params, tags = read("params", "run_uuid", [*ids]), read("tags", "run_uuid", [*ids])
        datasets, inputs, outputs = self._datasets(ids), self._models(ids, "RUN_INPUT"), self._models(ids, "RUN_OUTPUT")
        page = []
        for run_id in ids:
            run = _run(rows[run_id])
            run.params, run.tags = _pairs(params.get(run_id, ())), _pairs(tags.get(run_id, ()))
            run.datasets = datasets.get(run_id, [])
            run.model_inputs = [text(row["destination_id"]) for row in inputs.get(run_id, ())]
            run.model_outputs = [
                (text(row["destination_id"]), int(row.get("step") or 0)) for row in outputs.get(run_id, ())
            ]
            page.append(run)
        return page

    def _models(self, ids: Sequence[str], kind: str) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self._tables.rows("inputs", ("source_type", kind), ("source_id", [*ids]), order=["input_uuid"]):
            found.setdefault(row["source_id"], []).append(row)
        return found

    def _datasets(self, ids: Sequence[str]) -> dict[str, list[DatasetInput]]:
        edges = [
            *self._tables.rows("inputs", ("source_type", "DATASET"), ("destination_id", [*ids]), order=["input_uuid"])
        ]
        described = self._tables.grouped("datasets", "dataset_uuid", sorted({row["source_id"] for row in edges}))
        tags = self._tables.grouped("input_tags", "input_uuid", [row["input_uuid"] for row in edges])
        found: dict[str, list[DatasetInput]] = {}
        for row in edges:
            run_id = row["destination_id"]
            if row["source_id"] not in described:
                self.problems.add(f"run {run_id}", "datasets", f"dataset {row['source_id']} is missing; left out.")
                continue
            one = _dataset(described[row["source_id"]][0])
            one.tags = {text(tag["name"]): text(tag["value"]) for tag in tags.get(row["input_uuid"], ())}
            found.setdefault(run_id, []).append(one)
        return found


def _run(row: Row) -> Run:
    return Run(
        run_id=str(row["run_uuid"]),
        experiment_id=str(row["experiment_id"]),
        name=text(row.get("name")),
        status=text(row.get("status")),
        start_ms=time_ms(row.get("start_time")),
        end_ms=time_ms(row.get("end_time")),
        deleted=row.get("lifecycle_stage") == "deleted",
        delete_ms=time_ms(row.get("deleted_time")),
        user=text(row.get("user_id")),
        artifact_uri=text(row.get("artifact_uri")),
    )


def _dataset(row: Row) -> DatasetInput:
    return DatasetInput(
        name=text(row["name"]),
        digest=text(row["digest"]),
        source_type=text(row.get("dataset_source_type")),
        source=text(row.get("dataset_source")),
        schema=text(row.get("dataset_schema")),
        profile=text(row.get("dataset_profile")),
    )


def _pairs(rows: Sequence[Any]) -> dict[str, str]:
    return {text(row["key"]): text(row["value"]) for row in rows}
