"""What is new in a run since a reader was last told of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from milepost import v1 as pb

_DIGEST_BYTES = 16
# What is never removed from a run.
_KEPT = ("params", "inputs", "model_inputs", "model_outputs")


@dataclass(frozen=True, slots=True)
class RunNews:
    """What is new in a run.

    Args:
        digest: Differs when anything of the run does; the same on every server.
        response: What to tell the reader, without a token. None when nothing is new.
    """

    digest: bytes
    response: pb.WatchRunResponse | None


class ToldRun:
    """What a reader knows of a run. Keeps a hash of each param, tag, metric, input and output, not their values."""

    def __init__(self) -> None:
        self._digest = b""
        self._entries: dict[str, dict[str, int]] = {}

    def compare(self, run: pb.Run) -> RunNews:
        """What to tell the reader of the run as it is now, which it then knows. The first time, all."""
        digest = hashlib.sha256(run.SerializeToString(deterministic=True)).digest()[:_DIGEST_BYTES]
        if digest == self._digest:
            return RunNews(digest, None)
        before, self._entries = self._entries, _entries(run)
        self._digest = digest
        return RunNews(digest, _response(run, before, self._entries))


def _response(
    run: pb.Run, before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> pb.WatchRunResponse:
    # Where some of these are gone, the run was purged and begun again.
    if not before or any(before[kind].keys() - after[kind].keys() for kind in _KEPT):
        return pb.WatchRunResponse(run=run, whole=True)
    response = pb.WatchRunResponse(
        run=_own_fields(run),
        removed_tags=sorted(before["tags"].keys() - after["tags"].keys()),
        removed_metrics=sorted(before["metrics"].keys() - after["metrics"].keys()),
    )
    _add_entries(response.run, run, {kind: _changed(before[kind], after[kind]) for kind in after})
    return response


def _own_fields(run: pb.Run) -> pb.Run:
    """The run without params, tags, metrics, inputs and outputs."""
    own = pb.Run()
    for field, value in run.ListFields():
        if field.message_type is not None:
            if not field.is_repeated:
                getattr(own, field.name).CopyFrom(value)
        else:
            setattr(own, field.name, value)
    return own


def _entries(run: pb.Run) -> dict[str, dict[str, int]]:
    """By kind and key, a hash of each entry."""
    return {
        "params": {key: hash(value.SerializeToString(deterministic=True)) for key, value in run.params.items()},
        "tags": {key: hash(value) for key, value in run.tags.items()},
        "metrics": {key: hash(value.SerializeToString(deterministic=True)) for key, value in run.metrics.items()},
        "inputs": {_input_key(use): hash(use.SerializeToString(deterministic=True)) for use in run.inputs},
        "model_inputs": {model.model_id: 0 for model in run.model_inputs},
        "model_outputs": {model.model_id: model.step for model in run.model_outputs},
    }


def _changed(before: Mapping[str, int], after: Mapping[str, int]) -> set[str]:
    return {key for key, value in after.items() if before.get(key) != value}


def _add_entries(target: pb.Run, run: pb.Run, keys: Mapping[str, set[str]]) -> None:
    for key in keys["params"]:
        target.params[key].CopyFrom(run.params[key])
    for key in keys["tags"]:
        target.tags[key] = run.tags[key]
    for key in keys["metrics"]:
        target.metrics[key].CopyFrom(run.metrics[key])
    target.inputs.extend(use for use in run.inputs if _input_key(use) in keys["inputs"])
    target.model_inputs.extend(model for model in run.model_inputs if model.model_id in keys["model_inputs"])
    target.model_outputs.extend(model for model in run.model_outputs if model.model_id in keys["model_outputs"])


def _input_key(use: pb.DatasetInput) -> str:
    return "\0".join((use.dataset.name, use.dataset.digest, use.context))
