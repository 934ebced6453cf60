"""Logged models and their files into a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from milepost import v1 as pb
from milepost.migration import counting, target
from milepost.migration.batches import fit_run
from milepost.migration.copying import Copier
from milepost.migration.deletions import Deletions
from milepost.migration.fitting import fit
from milepost.migration.report import Problems
from milepost.migration.source import Choice, LoggedModelRecord
from milepost.migration.target import Target

_AT_ONCE = 200


class ModelImporter:
    """Sends the logged models of one experiment.

    Args:
        receiver: The server. None in a dry run.
        problems: Where models go that the server does not take.
        copier: Copies their files.
        deletions: Takes in those that are deleted.
        experiment_id: The experiment's id on the server.
    """

    def __init__(
        self,
        receiver: Target | None,
        problems: Problems,
        copier: Copier,
        deletions: Deletions,
        experiment_id: str,
    ) -> None:
        self._receiver = receiver
        self._problems = problems
        self._copier = copier
        self._deletions = deletions
        self._experiment_id = experiment_id

    def send(self, records: Iterator[LoggedModelRecord], choice: Choice) -> Counter[str]:
        """Sends models. Returns their counts and those of their files, without what was refused."""
        counts: Counter[str] = Counter()
        some: list[LoggedModelRecord] = []
        for record in fit_models(records, choice, self._problems):
            some.append(record)
            if len(some) == _AT_ONCE:
                counts.update(self._send(some))
                some = []
        counts.update(self._send(some))
        return counts

    def _send(self, records: Sequence[LoggedModelRecord]) -> Counter[str]:
        counts: Counter[str] = Counter()
        self._send_holders([record.holder for record in records if record.holder is not None])
        for record in records:
            if record.files is not None:
                folder = f"models/{record.model.model_id}"
                counts.update(self._copier.copy(record.files, record.model.run_id, folder))
        for model in self._stored([record.model for record in records]):
            counts.update(counting.of_logged_model(model))
            self._deletions.logged_model(model)
        return counts

    def _send_holders(self, holders: Sequence[pb.Run]) -> None:
        for holder in holders:
            holder.experiment_id = self._experiment_id
        if self._receiver is not None:
            for imported, outcome in self._receiver.runs([pb.ImportedRun(run=holder) for holder in holders]):
                if outcome.outcome == target.ID_TAKEN:
                    what = f"logged model {imported.run.run_id}"
                    self._problems.add(what, "", "a run of another experiment has its id.")
        if holders:
            self._problems.note("runs made to hold logged models that no run of their experiment made", len(holders))

    def _stored(self, models: Sequence[pb.LoggedModel]) -> Iterator[pb.LoggedModel]:
        """The models that are on the server, after they were sent."""
        if self._receiver is None:
            yield from models
            return
        for model, outcome in self._receiver.logged_models(models):
            if outcome.outcome == target.ID_TAKEN:
                what = f"logged model {model.model_id}"
                self._problems.add(what, "", f"run {outcome.run_id} has a model of this id; not imported.")
            else:
                yield model


def fit_models(records: Iterator[LoggedModelRecord], choice: Choice, problems: Problems) -> Iterator[LoggedModelRecord]:
    """The models that are wanted, without what a server does not take."""
    for record in records:
        model = record.model
        if model.HasField("delete_time") and not choice.include_deleted:
            continue
        if record.holder is not None and not fit_run(record.holder, problems):
            continue
        if fit(model, f"logged model {model.model_id}", problems, required=("model_id", "run_id", "name")):
            yield record
