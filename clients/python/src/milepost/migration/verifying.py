"""Reads the source and the server again, and compares: all counts and fields, and points of a sample or of all runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from milepost import v1 as pb
from milepost._digests import sha256_of
from milepost.client import Client
from milepost.errors import MilepostError, NotFoundError
from milepost.migration import counting
from milepost.migration.batches import fit_runs
from milepost.migration.comparing import compare
from milepost.migration.files import FileTree
from milepost.migration.importing import Importer, chosen_experiments
from milepost.migration.importing_models import fit_models
from milepost.migration.points_check import first_difference, stored_tally
from milepost.migration.report import Report
from milepost.migration.source import Choice, RunRecord, Source
from milepost.migration.verifying_registry import verify_registered_models, verify_webhooks

_SAMPLE = 100
_RUNS_AT_ONCE = 100
_LONG_RUN = 1_000_000
"""Points beyond which a run is left out of a sample."""

_RUN_FIELDS = (
    "experiment_id", "name", "state", "start_time", "end_time", "description", "user", "parent_run_id", "params",
    "tags", "inputs", "model_inputs", "model_outputs",
)  # fmt: skip
_MODEL_FIELDS = (
    "run_id", "name", "status", "status_message", "model_type", "params", "tags", "metrics", "create_time",
    "update_time",
)  # fmt: skip


class Verifier:
    """Compares what was imported with its source.

    Args:
        source: The source.
        client: Of the server.
        choice: What was imported.
        importer: That imported it.
        full: Whether to compare the points of all runs, and the content of all artifacts.
    """

    def __init__(self, source: Source, client: Client, choice: Choice, importer: Importer, *, full: bool) -> None:
        self._source = source
        self._client = client
        self._choice = choice
        self._importer = importer
        self._full = full
        self._report: Report = importer.report
        self._every = 1 if full else max(1, self._report.read["runs"] // _SAMPLE)
        self._seen = 0

    def verify(self) -> None:
        """Fills in the report: counts of the server, and differences."""
        with self._source.problems.muted():
            for experiment in chosen_experiments(self._source, self._choice):
                target_id = self._importer.experiments.get(experiment.experiment_id)
                if target_id is not None:
                    self._verify_experiment(experiment, target_id)
                    for page in self._source.runs(experiment):
                        records = fit_runs(page, target_id, self._choice, self._source.problems)
                        for start in range(0, len(records), _RUNS_AT_ONCE):
                            self._verify_runs(records[start : start + _RUNS_AT_ONCE])
                    self._verify_models(experiment)
            if not self._choice.experiments:
                verify_registered_models(self._source, self._client, self._report)
                verify_webhooks(self._source, self._client, self._report)
        self._report.compare_counts()
        self._report.compared = True

    def _verify_experiment(self, one: pb.Experiment, target_id: str) -> None:
        what = f"experiment {one.experiment_id}"
        there = self._client.experiments.get(target_id).proto
        # An experiment that was there, such as `Default`, has times of its own and may have more tags.
        named = pb.Experiment(name=one.name, description=one.description, tags=one.tags)
        known = pb.Experiment(name=there.name, description=there.description)
        known.tags.update({key: value for key, value in there.tags.items() if key in one.tags})
        compare(what, named, known, ("name", "description", "tags"), self._report)
        self._compare_deleted(what, one, there)
        self._report.found.update(counting.of_experiment(known))

    def _verify_runs(self, records: Sequence[RunRecord]) -> None:
        wanted = [record.run.run_id for record in records]
        there = {run.run_id: run for run in self._stored_runs(wanted)}
        for record in records:
            run = there.get(record.run.run_id)
            if run is None or run.experiment_id != record.run.experiment_id:
                continue  # was refused, or is missing: the counts say so, and the problems which
            what = f"run {run.run_id}"
            compare(what, record.run, run, _RUN_FIELDS, self._report)
            self._compare_deleted(what, record.run, run)
            self._report.found.update(counting.of_run(run))
            self._verify_points(record, run)
            if record.files is not None:
                self._verify_files(what, record.files, run.run_id, record.folder)

    def _stored_runs(self, ids: Sequence[str]) -> Iterator[pb.Run]:
        try:
            yield from (run.proto for run in self._client.runs.batch_get(ids))
        except NotFoundError:
            for run_id in ids:
                try:
                    yield self._client.runs.get(run_id).proto
                except NotFoundError:
                    continue

    def _verify_points(self, record: RunRecord, run: pb.Run) -> None:
        count = sum(summary.count for summary in run.metrics.values())
        self._report.found["points"] += count
        expected = self._importer.tallies.of.get(run.run_id)
        number = expected.count if expected else 0
        if number != count:
            self._report.differ(f"run {run.run_id}", "points", number, count)
            return
        self._seen += 1
        if expected is None or self._seen % self._every or (count > _LONG_RUN and not self._full):
            return
        self._report.values_compared += count
        if stored_tally(self._client, run.run_id) != expected:
            self._report.differ(
                f"run {run.run_id}", *first_difference(self._client, run.run_id, self._source.points([record]))
            )

    def _verify_files(self, what: str, tree: FileTree, run_id: str, folder: str) -> None:
        stored = {one.path: one for one in self._client.artifacts.list(run_id, folder, recursive=True)}
        try:
            files = list(tree.files(what, self._source.problems))
        except (OSError, ValueError):
            return  # is among the problems
        for file in files:
            there = stored.get(f"{folder}/{file.path}" if folder else file.path)
            if there is None:
                continue  # was refused: the counts say so, and the problems which
            self._report.found.update(artifacts=1, artifact_bytes=there.size)
            self._report.values_compared += 1
            if there.size != file.size:
                self._report.differ(what, f"artifacts {file.path}", f"{file.size} bytes", f"{there.size} bytes")
            elif self._full:
                with tree.local(file) as local:
                    digest = sha256_of(local)
                if digest != there.sha256:
                    self._report.differ(what, f"artifacts {file.path}", digest, there.sha256)

    def _verify_models(self, experiment: pb.Experiment) -> None:
        for record in fit_models(self._source.logged_models(experiment), self._choice, self._source.problems):
            what = f"logged model {record.model.model_id}"
            try:
                there = self._client.logged_models.get(record.model.model_id).proto
            except MilepostError as error:
                if isinstance(error, NotFoundError):
                    continue
                raise
            compare(what, record.model, there, _MODEL_FIELDS, self._report)
            self._compare_deleted(what, record.model, there)
            self._report.found.update(counting.of_logged_model(there))
            if record.files is not None:
                self._verify_files(what, record.files, there.run_id, f"models/{there.model_id}")

    def _compare_deleted(
        self,
        what: str,
        given: pb.Experiment | pb.Run | pb.LoggedModel,
        there: pb.Experiment | pb.Run | pb.LoggedModel,
    ) -> None:
        self._report.values_compared += 1
        left, right = given.HasField("delete_time"), there.HasField("delete_time")
        if left != right:
            self._report.differ(what, "deleted", left, right)
