"""What is in the events of a run: scalars, texts, hyperparameters, and what Milepost has no place for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import DecodeError
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from milepost.migration.report import Problems
from milepost.migration.tensorboard.folders import EventFolder
from milepost.migration.tensorboard.records import records
from milepost.migration.tensorboard.tensors import number, text

_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999."""
_OTHER_KINDS = {
    "image": "images",
    "histo": "histograms",
    "audio": "audio",
    "obsolete_old_style_histogram": "histograms",
    "graph_def": "graphs",
    "meta_graph_def": "graphs",
    "tagged_run_metadata": "traces of operations",
    "log_message": "log messages",
}
_PLUGIN_KINDS = {
    "images": "images",
    "histograms": "histograms",
    "distributions": "histograms",
    "audio": "audio",
    "pr_curves": "precision-recall curves",
    "mesh": "meshes",
    "graph_keras_model": "graphs",
    "graph_run_metadata": "traces of operations",
    "graph_run_metadata_graph": "traces of operations",
    "custom_scalars": "layouts of charts",
}


class Scalar(NamedTuple):
    """A point of a metric."""

    tag: str
    value: float


class Text(NamedTuple):
    """A text."""

    tag: str
    text: str


class Hyperparameters(NamedTuple):
    """What the plugin for hyperparameters keeps, as it keeps it."""

    content: bytes


class Other(NamedTuple):
    """Something that cannot be imported."""

    kind: str


Item = Scalar | Text | Hyperparameters | Other


def events(folder: EventFolder, problems: Problems) -> Iterator[Event]:
    """All events of a run, file after file. What cannot be read is left out and reported."""
    for file in folder.files:
        name = f"file {folder.name}/{file.name}"
        for offset, data in records(file, name, problems):
            try:
                event = Event.FromString(data)
            except DecodeError:
                problems.add(name, f"byte {offset}", f"a record of {len(data):,} bytes is no event; left out.")
            else:
                yield event


class Summaries:
    """Says what is in the events of one run.

    They must come in their order: only the first summary of a tag needs to name its plugin.
    """

    def __init__(self) -> None:
        self._plugins: dict[str, str] = {}

    def items(self, event: Event) -> Iterator[Item]:
        """What an event holds."""
        kind = event.WhichOneof("what")
        if kind == "summary":
            for value in event.summary.value:
                simple = value.HasField("simple_value") and not value.HasField("metadata")
                yield Scalar(value.tag, value.simple_value) if simple else self._item(value)
        elif kind in _OTHER_KINDS:
            yield Other(_OTHER_KINDS[kind])

    def _item(self, value: Summary.Value) -> Item:
        kind = value.WhichOneof("value")
        if value.HasField("metadata") and value.metadata.plugin_data.plugin_name:
            self._plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
        plugin = self._plugins.get(value.tag, "")
        if plugin == "hparams":
            return Hyperparameters(value.metadata.plugin_data.content)
        if kind == "simple_value":
            return Scalar(value.tag, value.simple_value)
        if kind != "tensor":
            return Other(_OTHER_KINDS.get(kind or "", "summaries without a value"))
        return _of_tensor(value, plugin)


def _of_tensor(value: Summary.Value, plugin: str) -> Item:
    if plugin == "scalars":
        found = number(value.tensor)
        return Other("scalars whose tensor is no number") if found is None else Scalar(value.tag, found)
    if plugin == "text":
        content = text(value.tensor)
        return Other("texts whose tensor is no text") if content is None else Text(value.tag, content)
    return Other(_PLUGIN_KINDS.get(plugin) or (f"summaries of the plugin {plugin[:100]!r}" if plugin else "tensors"))


def restarts(event: Event) -> bool:
    """Whether TensorBoard hides points of earlier events from here on: the program went back to the event's step."""
    return bool(event.WhichOneof("what") == "session_log" and event.session_log.status == SessionLog.START)


def milliseconds(seconds: float) -> int | None:
    """Milliseconds since the Unix epoch. None for what lies in none of the years 1 to 9999."""
    if not math.isfinite(seconds) or not _FIRST_S <= seconds <= _LAST_S:
        return None
    return round(seconds * 1000)
