"""Tags by which MLflow keeps what Milepost has fields for, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from milepost_server.errors import invalid_field, quote
from milepost_server.filters.mlflow import MODEL_SOURCE

RUN_NAME = "mlflow.runName"
NOTE = "mlflow.note.content"
PARENT = "mlflow.parentRunId"
USER = "mlflow.user"
LOGGED_MODELS = "mlflow.log-model.history"

ARTIFACT_LOCATION = "milepost.artifact_location"
"""Of an experiment: where its clients write artifacts by themselves."""
ARTIFACT_URI = "milepost.artifact_uri"
"""Of a run, or a logged model: likewise."""

RUN_LINK = "milepost.run_link"
"""Of a version of a registered model: link to the run of another server that made it."""

_HIDDEN = frozenset({ARTIFACT_LOCATION, ARTIFACT_URI, RUN_LINK, MODEL_SOURCE})


class KeyValue(Protocol):
    """A tag or param of a request."""

    key: str
    value: str


class Split(NamedTuple):
    """Tags of a request, apart from those that are fields of the native resource.

    Args:
        tags: The others.
        name: Of the run, if it is among them.
        note: The description, if it is among them.
    """

    tags: dict[str, str]
    name: str | None
    note: str | None


def split(tags: Mapping[str, str]) -> Split:
    """Takes fields out of tags."""
    rest = dict(tags)
    return Split(tags=rest, name=rest.pop(RUN_NAME, None), note=rest.pop(NOTE, None))


def last_values(entries: Iterable[KeyValue]) -> dict[str, str]:
    """Values by key; of a key that comes twice, the last."""
    return {entry.key: entry.value for entry in entries}


def unique_values(entries: Iterable[KeyValue], field: str) -> dict[str, str]:
    """Values by key; a key that comes twice is refused, at its place in `field`."""
    found: dict[str, str] = {}
    for index, entry in enumerate(entries):
        if entry.key in found:
            raise invalid_field(f"{field}[{index}].key", f"{quote(entry.key)} is there twice; send it once")
        found[entry.key] = entry.value
    return found


def shown(stored: Mapping[str, str], **fields: str) -> list[tuple[str, str]]:
    """Tags as MLflow sees them, by key.

    Args:
        stored: Tags of the native resource.
        fields: Its fields that are tags there, under the names of this module in lower case; empty ones are none.
    """
    found = {key: stored[key] for key in stored if key not in _HIDDEN}
    for name, value in fields.items():
        if value:
            found.setdefault(_FIELDS[name], value)
    return sorted(found.items())


_FIELDS = {"run_name": RUN_NAME, "note": NOTE, "parent": PARENT}
