"""What is deleted in the source: marked on the server at the end, since nothing is added to what is deleted."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.migration.report import Problems
from milepost.migration.target import Target

_AT_ONCE = 1000


class Deletions:
    """Collects deleted resources.

    Args:
        target: The server.
        problems: Where models go that must stay.
    """

    def __init__(self, target: Target, problems: Problems) -> None:
        self._target = target
        self._problems = problems
        self._experiments: list[pb.ImportedDeletion] = []
        self._runs: list[pb.ImportedDeletion] = []
        self._models: list[pb.ImportedDeletion] = []
        self._of_experiment: dict[str, Timestamp] = {}

    def experiment(self, one: pb.Experiment, target_id: str) -> None:
        """Takes in an experiment if it is deleted; before its runs."""
        if one.HasField("delete_time"):
            self._of_experiment[target_id] = one.delete_time
            self._experiments.append(_deletion(target_id, one.delete_time))

    def run(self, one: pb.Run) -> None:
        """Takes in a run if it was deleted on its own, before its experiment was."""
        if not one.HasField("delete_time"):
            return
        together = self._of_experiment.get(one.experiment_id)
        known = bool(one.delete_time.ToMilliseconds())
        if together is None or (known and one.delete_time.ToMilliseconds() < together.ToMilliseconds()):
            self._runs.append(_deletion(one.run_id, one.delete_time))

    def logged_model(self, one: pb.LoggedModel) -> None:
        """Takes in a logged model if it is deleted."""
        if one.HasField("delete_time"):
            self._models.append(_deletion(one.model_id, one.delete_time))

    def send(self) -> None:
        """Marks all as deleted."""
        for some in _parts(self._models):
            for model_id in self._target.deletions(logged_models=some):
                self._problems.add(
                    f"logged model {model_id}", "delete_time", "versions consist of it, so it is not deleted here."
                )
        for some in _parts(self._runs):
            self._target.deletions(runs=some)
        for some in _parts(self._experiments):
            self._target.deletions(experiments=some)


def _deletion(name: str, time: Timestamp) -> pb.ImportedDeletion:
    # Old stores do not know when something was deleted: that is the epoch in a source, and the present on the server.
    return pb.ImportedDeletion(id=name, delete_time=time if time.ToMilliseconds() else None)


def _parts(entries: Sequence[pb.ImportedDeletion]) -> list[Sequence[pb.ImportedDeletion]]:
    return [entries[start : start + _AT_ONCE] for start in range(0, len(entries), _AT_ONCE)]
