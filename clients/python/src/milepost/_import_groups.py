"""The verbs of the synchronous client on imports."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import _import_requests as req
from milepost import v1 as pb
from milepost._groups import _Group


class Imports(_Group):
    """Verbs that bring in histories of other tracking systems, with ids and times; rules are in `import_service.proto`.

    Each request is stored whole or not at all, and entries that are there already stay as they are.
    """

    def experiments(
        self, experiments: Iterable[pb.Experiment], *, request_id: str = "", timeout: float | None = None
    ) -> list[pb.ExperimentOutcome]:
        """Creates experiments, at most 1,000. Returns what became of each, in order."""
        return self._transport.call(req.experiments(experiments, request_id), timeout)

    def runs(
        self, runs: Iterable[pb.ImportedRun], *, request_id: str = "", timeout: float | None = None
    ) -> list[pb.RunOutcome]:
        """Creates runs, at most 4,000 with 100,000 points. Returns what became of each, in order.

        Raises `ExperimentNotFound`.
        """
        return self._transport.call(req.runs(runs, request_id), timeout)

    def metric_points(
        self, series: Iterable[pb.ImportedPoints], *, request_id: str = "", timeout: float | None = None
    ) -> list[int]:
        """Continues metrics of imported runs, by at most 100,000 points. Returns how many each has now, in order.

        Raises `RunNotFound`, and `InvalidArgumentError` when a metric has fewer points than are to come before.
        """
        return self._transport.call(req.metric_points(series, request_id), timeout)

    def logged_models(
        self, logged_models: Iterable[pb.LoggedModel], *, request_id: str = "", timeout: float | None = None
    ) -> list[pb.LoggedModelOutcome]:
        """Creates logged models, at most 1,000, whose files were uploaded. Returns what became of each, in order."""
        return self._transport.call(req.logged_models(logged_models, request_id), timeout)

    def registered_models(
        self,
        registered_models: Iterable[pb.ImportedRegisteredModel],
        *,
        request_id: str = "",
        timeout: float | None = None,
    ) -> list[pb.RegisteredModelOutcome]:
        """Creates registered models, at most 1,000, with their versions. Returns what became of each, in order."""
        return self._transport.call(req.registered_models(registered_models, request_id), timeout)

    def deletions(
        self,
        *,
        experiments: Iterable[pb.ImportedDeletion] = (),
        runs: Iterable[pb.ImportedDeletion] = (),
        logged_models: Iterable[pb.ImportedDeletion] = (),
        request_id: str = "",
        timeout: float | None = None,
    ) -> list[str]:
        """Marks resources as deleted, at most 1,000 of each kind: the last step.

        Returns ids of logged models that stay, since versions of registered models consist of them.
        """
        return self._transport.call(req.deletions(experiments, runs, logged_models, request_id), timeout)
