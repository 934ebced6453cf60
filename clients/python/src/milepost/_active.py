"""Active runs: what `start_run` returns, which logs in the background, and the connection that they share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, SupportsFloat

from milepost import _media
from milepost import v1 as pb
from milepost._batches import Entries
from milepost._handles import Run
from milepost._metric_views import MetricHistories, MetricHistory
from milepost._values import INT64_MAX, INT64_MIN, MetricsInput, now_ms, to_int64, to_param_or_text
from milepost._views import RunState
from milepost._writer import Writer
from milepost.artifacts._transfer import Progress, artifact_path
from milepost.client import Client
from milepost.config import ClientConfig
from milepost.data import Dataset
from milepost.errors import LoggingError, MilepostError, MilepostWarning

FLUSH_TIMEOUT_S = 60.0

# Rough bytes of a queued param or tag beside its text.
_ENTRY_BYTES = 250


class Session:
    """The client and the background writer for one server, shared by all active runs on it.

    Args:
        config: The server and how to log to it.
        before_sending: Called in each process that begins to log to it.
    """

    def __init__(self, config: ClientConfig, before_sending: Callable[[], None] = lambda: None) -> None:
        self.config = config
        self.client = Client(config.address, timeout_s=config.timeout_s)
        self.writer = Writer(self.client._transport, config, before_sending)

    def flush(self, timeout_s: float | None) -> bool:
        """Waits for the writer and reports losses: a `MilepostWarning`, or `LoggingError` when strict."""
        problems = []
        if not self.writer.flush(timeout_s):
            problems.append(f"{self.writer.pending} values were not sent within {timeout_s:g} s; they go on waiting")
        return self.report(problems)

    def report(self, problems: list[str]) -> bool:
        """Says what was lost since the last report, after `problems`. Returns whether there is nothing to say."""
        losses, cause = self.writer.losses.take()
        problems = problems + losses
        if not problems:
            return True
        totals = f" ({self.writer.losses.refused} values refused and {self.writer.losses.dropped} lost so far)"
        text = f"Not everything that was logged is stored: {'; '.join(problems)}{totals}"
        if self.config.strict:
            raise LoggingError(text) from cause
        warnings.warn(text, MilepostWarning, stacklevel=4)
        return False


class ActiveRun(Run):
    """A run that this program is in. Params, metrics and tags are queued and sent in the background, in batches.

    Logging never waits for the server and never raises for what the server says of it, unless strict (see
    `milepost.config`); a value of the wrong type still raises at once. As a context manager it ends the run: FINISHED,
    FAILED after an exception, KILLED after Ctrl-C. Reading it again, artifacts and `end` wait for the server.
    """

    def __init__(self, session: Session, proto: pb.Run) -> None:
        super().__init__(session.client, proto)
        self._session = session
        self._writer = session.writer
        self._points = session.writer.points
        self._id = proto.run_id
        self.pid = os.getpid()
        self.ended = False

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
            return
        try:
            self.end(state_after(error))
        except Exception as problem:  # the caller's exception matters more
            warnings.warn(f"Run {self._id} was not ended: {problem}", MilepostWarning, stacklevel=2)

    # Logged in the background

    def log_metric(
        self, key: str, value: SupportsFloat, step: int | None = None, *, timestamp_ms: int | None = None
    ) -> None:
        """Logs a point, at step 0 and now unless told otherwise. `value` is what `float()` takes; NaN is fine."""
        if step is None:
            step = 0
        elif type(step) is not int or not INT64_MIN <= step <= INT64_MAX:
            step = to_int64("step", step)
        if type(value) is not float:
            value = float(value)
        time_ms = time_ns() // 1_000_000 if timestamp_ms is None else to_int64("timestamp_ms", timestamp_ms)
        points = self._points
        if len(points) < self._writer.limit:
            points += (self._id, key, value, step, time_ms)
        else:
            self._writer.add_points((self._id, key, value, step, time_ms))

    def log_metrics(self, metrics: MetricsInput, step: int | None = None, *, timestamp_ms: int | None = None) -> None:
        """Logs a point of each key, as `log_metric`. Columns of points are sent at once and waited for."""
        if not isinstance(metrics, Mapping):
            super().log_metrics(metrics)
            return
        step = 0 if step is None else to_int64("step", step)
        time_ms = now_ms() if timestamp_ms is None else to_int64("timestamp_ms", timestamp_ms)
        run_id = self._id
        added: list[Any] = []
        for key, value in metrics.items():
            added += (run_id, key, float(value), step, time_ms)
        if len(self._points) + len(added) <= self._writer.limit:
            self._points.extend(added)
        elif added:
            self._writer.add_points(added)

    def log_param(self, key: str, value: Any) -> None:
        """Logs a param; what is no str, bool, number or JSON value is logged as `str(value)`. Write-once."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs params, each as `log_param`."""
        data = tuple([(str(key), to_param_or_text(key, value)) for key, value in params.items()])
        size = sum([_ENTRY_BYTES + len(key) + value.ByteSize() for key, value in data])
        if data:
            self._writer.add_entries(Entries(self._id, "params", data, size))

    def set_tag(self, key: str, value: Any) -> None:
        """Adds or changes a tag, as `str(value)`."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Adds or changes tags, each as `str(value)`."""
        data = tuple([(str(key), str(value)) for key, value in tags.items()])
        size = sum([_ENTRY_BYTES + len(key) + 2 * len(value) for key, value in data])
        if data:
            self._writer.add_entries(Entries(self._id, "tags", data, size))

    def log_batch(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: MetricsInput | None = None,
        step: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Logs params, tags and metrics, perhaps in several transactions."""
        self.log_params(params or {})
        self.set_tags(tags or {})
        if metrics:
            self.log_metrics(metrics, step, timestamp_ms=timestamp_ms)

    def flush(self, timeout_s: float | None = FLUSH_TIMEOUT_S) -> bool:
        """See `milepost.flush`."""
        return self._session.flush(timeout_s)

    # Waiting for the server

    def end(self, state: RunState | str = RunState.FINISHED, *, timeout_s: float | None = FLUSH_TIMEOUT_S) -> None:
        """Sends what is queued, for `timeout_s` at most, and ends the run. Ending it again changes nothing.

        Losses and a server that does not answer are a `MilepostWarning`, or raise when strict.
        """
        if self.ended:
            return
        self.ended = True
        problems = []
        if not self._session.writer.flush(timeout_s):
            problems.append(f"{self._session.writer.pending} values were not sent within {timeout_s:g} s")
        self._session.writer.finish(self._id)
        try:
            super().end(state)
        except MilepostError as error:
            if self._session.config.strict:
                raise
            problems.append(f"the end of run {self._id} could not be recorded ({error})")
        self._session.report(problems)

    def refresh(self) -> Run:
        """Sends what is queued and reads the run again. Returns this handle."""
        self.flush()
        return super().refresh()

    def metric_history(self, key: str) -> MetricHistory:
        """Sends what is queued and reads all points of a metric. Raises `MetricNotFound`."""
        self.flush()
        return super().metric_history(key)

    def metric_histories(self, *keys: str) -> MetricHistories:
        """Sends what is queued and reads all points of some metrics, or of all, by key. Raises `MetricNotFound`."""
        self.flush()
        return super().metric_histories(*keys)

    def delete_tags(self, *keys: str) -> None:
        """Sends what is queued and removes tags. Raises `TagNotFound`."""
        self.flush()
        super().delete_tags(*keys)

    def log_artifact(
        self, local_path: str | PathLike[str], artifact_path: str = "", *, progress: Progress | None = None
    ) -> None:
        """Uploads a file or a directory into the artifact directory `artifact_path`, under its own name."""
        name = Path(local_path).resolve().name
        self.upload_artifact(local_path, _join(artifact_path, name), progress=progress)

    def log_artifacts(
        self, local_dir: str | PathLike[str], artifact_path: str = "", *, progress: Progress | None = None
    ) -> None:
        """Uploads the contents of a directory into the artifact directory `artifact_path`."""
        if not Path(local_dir).is_dir():
            raise NotADirectoryError(f"{str(local_dir)!r} is no directory. Use log_artifact for a file.")
        self.upload_artifact(local_dir, artifact_path, progress=progress)

    def log_bytes(self, data: bytes, artifact_file: str, *, content_type: str | None = None) -> None:
        """Uploads bytes as the artifact `artifact_file`."""
        self._client.artifacts.upload_bytes(self._id, data, artifact_file, content_type=content_type)

    def log_text(self, text: str, artifact_file: str) -> None:
        """Uploads text, as UTF-8."""
        self.log_bytes(text.encode(), artifact_file)

    def log_dict(self, dictionary: Any, artifact_file: str) -> None:
        """Uploads a dict or list as JSON, or as YAML for the suffixes `.yaml` and `.yml` (needs the package pyyaml)."""
        self.log_bytes(_media.document_bytes(dictionary, artifact_file), artifact_file)

    def log_figure(self, figure: Any, artifact_file: str) -> None:
        """Uploads a figure of matplotlib or plotly in the format of the suffix."""
        self.log_bytes(_media.figure_bytes(figure, artifact_file), artifact_file)

    def log_image(self, image: Any, artifact_file: str) -> None:
        """Uploads a PIL image or an array of pixels (0-255, floats 0-1) in the format of the suffix. Needs Pillow."""
        self.log_bytes(_media.image_bytes(image, artifact_file), artifact_file)

    def log_table(self, data: Any, artifact_file: str) -> None:
        """Uploads a data frame, a dict of columns or a list of dicts as `.json`, `.csv` or `.parquet`."""
        self.log_bytes(_media.table_bytes(data, artifact_file), artifact_file)

    def log_input(self, dataset: Dataset, context: str = "", tags: Mapping[str, str] | None = None) -> None:
        """Records that the run reads a dataset, in the part `context`, for example `training`."""
        self.log_inputs([pb.DatasetInput(dataset=dataset.to_proto(), context=context, tags=tags or {})])


def state_after(error: BaseException) -> RunState:
    """How a run ends that `error` ended."""
    if isinstance(error, KeyboardInterrupt):
        return RunState.KILLED
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return RunState.FINISHED
    return RunState.FAILED


def _join(directory: str, name: str) -> str:
    directory = artifact_path(directory)
    return f"{directory}/{name}" if directory else name
