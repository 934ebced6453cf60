"""The server that a migration writes to: requests of `ImportService`, and what became of each entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.client import Client
from milepost.errors import FailedPreconditionError, InvalidArgumentError
from milepost.migration.report import Problems

Entry = TypeVar("Entry", bound=Message)

TIMEOUT_S = 600.0
"""How long a request may take, repeats included: long enough for a server to be started again."""

_EXPERIMENTS_AT_ONCE = 500

CREATED, EXISTS = pb.IMPORT_OUTCOME_CREATED, pb.IMPORT_OUTCOME_EXISTS
NAME_TAKEN, ID_TAKEN = pb.IMPORT_OUTCOME_NAME_TAKEN, pb.IMPORT_OUTCOME_ID_TAKEN


class Target:
    """Sends entries.

    Args:
        client: Of the server.
        problems: Where entries go that the server refuses.
    """

    def __init__(self, client: Client, problems: Problems) -> None:
        self.client = client
        self._problems = problems

    def experiments(self, entries: Sequence[pb.Experiment]) -> list[tuple[pb.Experiment, pb.ExperimentOutcome]]:
        """Imports experiments; those that are refused are left out of the answer."""

        def send(some: Sequence[pb.Experiment]) -> Sequence[Any]:
            return self.client.imports.experiments(some, timeout=TIMEOUT_S)

        sent: list[tuple[pb.Experiment, pb.ExperimentOutcome]] = []
        for start in range(0, len(entries), _EXPERIMENTS_AT_ONCE):
            some = entries[start : start + _EXPERIMENTS_AT_ONCE]
            sent += self._sent(some, send, lambda one: f"experiment {one.experiment_id or one.name}")
        return sent

    def runs(self, entries: Sequence[pb.ImportedRun]) -> list[tuple[pb.ImportedRun, pb.RunOutcome]]:
        """Imports runs; those that are refused are left out of the answer."""

        def send(some: Sequence[pb.ImportedRun]) -> Sequence[Any]:
            return self.client.imports.runs(some, timeout=TIMEOUT_S)

        return self._sent(entries, send, lambda one: f"run {one.run.run_id}")

    def points(self, series: Sequence[pb.ImportedPoints]) -> None:
        """Imports points of runs that are there."""
        if series:
            self.client.imports.metric_points(series, timeout=TIMEOUT_S)

    def logged_models(self, entries: Sequence[pb.LoggedModel]) -> list[tuple[pb.LoggedModel, pb.LoggedModelOutcome]]:
        """Imports logged models; those that are refused are left out of the answer."""

        def send(some: Sequence[pb.LoggedModel]) -> Sequence[Any]:
            return self.client.imports.logged_models(some, timeout=TIMEOUT_S)

        return self._sent(entries, send, lambda one: f"logged model {one.model_id}")

    def registered_model(self, entry: pb.ImportedRegisteredModel) -> pb.RegisteredModelOutcome | None:
        """Imports a registered model with its versions. None when it is refused."""

        def send(some: Sequence[pb.ImportedRegisteredModel]) -> Sequence[Any]:
            return self.client.imports.registered_models(some, timeout=TIMEOUT_S)

        sent = self._sent([entry], send, lambda one: f"registered model {one.registered_model.name}")
        return sent[0][1] if sent else None

    def deletions(
        self,
        *,
        experiments: Sequence[pb.ImportedDeletion] = (),
        runs: Sequence[pb.ImportedDeletion] = (),
        logged_models: Sequence[pb.ImportedDeletion] = (),
    ) -> list[str]:
        """Marks resources as deleted. Returns the ids of logged models that stay, since versions consist of them."""
        return self.client.imports.deletions(
            experiments=experiments, runs=runs, logged_models=logged_models, timeout=TIMEOUT_S
        )

    def _sent(
        self, entries: Sequence[Entry], send: Callable[[Sequence[Entry]], Sequence[Any]], name: Callable[[Entry], str]
    ) -> list[tuple[Entry, Any]]:
        """Entries with their outcomes. When a request is refused, its halves are sent until the culprit is alone."""
        if not entries:
            return []
        try:
            return [*zip(entries, send(entries), strict=True)]
        except (InvalidArgumentError, FailedPreconditionError) as error:
            if len(entries) > 1:
                middle = len(entries) // 2
                return self._sent(entries[:middle], send, name) + self._sent(entries[middle:], send, name)
            self._problems.add(name(entries[0]), "", f"refused, nothing of it is imported: {error}")
            return []
