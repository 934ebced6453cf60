"""All of a run but its points, gathered from its events."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from tensorboardX.proto.api_pb2 import Status
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from milepost import v1 as pb
from milepost._values import to_param_or_text
from milepost.migration.report import Problems
from milepost.migration.tensorboard.folders import EventFolder
from milepost.migration.tensorboard.summaries import (
    Hyperparameters,
    Other,
    Scalar,
    Summaries,
    Text,
    events,
    milliseconds,
    restarts,
)

RUN_TAG = "tensorboard.run"
"""Of a run: its name in TensorBoard, which is its folder."""
GROUP_TAG = "tensorboard.group"
"""Of a run: the group of sessions that its hyperparameters say it belongs to."""

_STATES = {Status.STATUS_FAILURE: pb.Run.STATE_FAILED, Status.STATUS_RUNNING: pb.Run.STATE_RUNNING}
_TEXT_SUFFIX = "/text_summary"
"""Added to the tags of texts by PyTorch and tensorboardX."""
_RESTARTS = (
    "restarts of runs, before which TensorBoard hides the points of repeated steps; they are imported with all others"
)


class Facts:
    """Gathers the fields of a run.

    Args:
        folder: The run's folder.
        problems: Where things go that cannot be imported.
    """

    def __init__(self, folder: EventFolder, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems
        self._origin: float | None = None
        self._run = pb.Run(state=pb.Run.STATE_FINISHED)
        self._start_ms: int | None = None
        self._end_ms: int | None = None
        self._session_start_ms: int | None = None
        self._session_end_ms: int | None = None
        self._texts: dict[str, tuple[int, str]] = {}
        self._left_out: Counter[str] = Counter()
        self._timeless = 0

    def gather(self, experiment: str, root_name: str) -> pb.Run | None:
        """Reads all events of the run.

        Args:
            experiment: Name of the experiment that the run is imported into.
            root_name: Name of the run in the log directory itself, which has no folder of its own.

        Returns:
            The run with an id that is the same each time. None when there is no event.
        """
        summaries = Summaries()
        for event in events(self._folder, self._problems):
            if self._origin is None:
                self._origin = event.wall_time
            self._take_time(event)
            if restarts(event):
                self._problems.note(_RESTARTS)
            for item in summaries.items(event):
                if not isinstance(item, Scalar):
                    self._take(item, event.step)
        if self._origin is None:
            return None
        self._finish(experiment, root_name)
        return self._run

    def _take(self, item: Text | Hyperparameters | Other, step: int) -> None:
        if isinstance(item, Text):
            self._take_text(item, step)
        elif isinstance(item, Hyperparameters):
            self._take_hyperparameters(item.content)
        else:
            self._left_out[item.kind] += 1

    def _take_time(self, event: Event) -> None:
        time = milliseconds(event.wall_time)
        of_values = event.WhichOneof("what") == "summary"
        if time is None:
            self._timeless += of_values
            return
        self._start_ms = time if self._start_ms is None else min(self._start_ms, time)
        if of_values:
            self._end_ms = time if self._end_ms is None else max(self._end_ms, time)

    def _take_text(self, item: Text, step: int) -> None:
        """Keeps the text of the greatest step, of several the last."""
        key = item.tag.removesuffix(_TEXT_SUFFIX)
        known = self._texts.get(key)
        if known is not None:
            self._left_out["texts of steps before the last, which is a tag"] += 1
        if known is None or step >= known[0]:
            self._texts[key] = step, item.text

    def _take_hyperparameters(self, content: bytes) -> None:
        try:
            data = HParamsPluginData.FromString(content)
        except DecodeError:
            self._left_out["hyperparameters that cannot be read"] += 1
            return
        kind = data.WhichOneof("data")
        if kind == "session_start_info":
            self._take_session(data.session_start_info)
        elif kind == "session_end_info":
            self._take_end(data.session_end_info)
        elif kind == "experiment":
            self._run.description = data.experiment.description
            self._run.user = data.experiment.user

    def _take_session(self, start: SessionStartInfo) -> None:
        for key, value in start.hparams.items():
            self._run.params[key].CopyFrom(to_param_or_text(key, _python(value)))
        for tag, text in (
            (GROUP_TAG, start.group_name),
            ("tensorboard.model_uri", start.model_uri),
            ("tensorboard.monitor_url", start.monitor_url),
        ):
            if text:
                self._run.tags[tag] = text
        if start.start_time_secs:
            self._session_start_ms = milliseconds(start.start_time_secs)

    def _take_end(self, end: SessionEndInfo) -> None:
        self._run.state = _STATES.get(end.status, pb.Run.STATE_FINISHED)
        if end.end_time_secs:
            self._session_end_ms = milliseconds(end.end_time_secs)

    def _finish(self, experiment: str, root_name: str) -> None:
        run, name = self._run, self._folder.name
        run.run_id = _run_id(experiment, self._folder.raw_name, self._origin)
        run.name = root_name if name == "." else name
        for key, (_, text) in self._texts.items():
            run.tags[key] = text
        run.tags[RUN_TAG] = name
        start = self._start_ms if self._session_start_ms is None else self._session_start_ms
        end = self._end_ms if self._session_end_ms is None else self._session_end_ms
        if start is not None:
            run.start_time.CopyFrom(_timestamp(start))
        if end is not None and run.state != pb.Run.STATE_RUNNING:
            run.end_time.CopyFrom(_timestamp(end))
        for kind, count in sorted(self._left_out.items()):
            self._problems.add(f"run {run.run_id} ({name})", kind, f"{count:,} left out.")
        if self._timeless:
            self._problems.add(
                f"run {run.run_id} ({name})", "times", f"{self._timeless:,} events have no date; 1970 is stored."
            )


def _run_id(experiment: str, folder: bytes, origin: float | None) -> str:
    """An id that is the same each time, from any machine, and not that of another run in a folder of the name."""
    parts = (b"tensorboard", experiment.encode(errors="surrogateescape"), folder, repr(origin).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _python(value: Value) -> Any:
    return MessageToDict(value) if value.WhichOneof("kind") in ("struct_value", "list_value") else _plain(value)


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    return None if kind in (None, "null_value") else getattr(value, kind)


def _timestamp(milliseconds: int) -> Timestamp:
    made = Timestamp()
    made.FromMilliseconds(milliseconds)
    return made
