"""Keeps a share of the requests, with their answers, for later evaluation. Needs pyarrow, of the extra `arrow`."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric

from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.operations.sample_files import SampleFiles
from milepost_server.serving.operations.sample_tables import Sample
from milepost_server.serving.operations.threads import ended
from milepost_server.serving.predicting import Record

_log = logging.getLogger(__name__)

_MOST_WAITING = 1000
_MOST_WAITING_BYTES = 64 * 1024 * 1024
_SAY_AGAIN_AFTER_S = 60.0
# Texts and the like are measured on so many of an array.
_MEASURED = 32
_OTHER_BYTES = 100


class Sampling:
    """Hands sampled requests to a thread that writes them. An `Observer`.

    Requests that failed, and those answered piece by piece, are not sampled. What the thread cannot take is dropped,
    counted and logged; when files cannot be written, sampling ends and serving goes on.

    Args:
        folder: Where the files go; see `SampleFiles`.
        share: Of requests, 0 to 1.
        registry: Where the metrics are registered.
        max_file_bytes: Size from which a file is complete.
        max_file_age_s: Age from which a file is complete.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        share: float,
        registry: CollectorRegistry,
        *,
        max_file_bytes: int = 64 * 1024 * 1024,
        max_file_age_s: float = 300.0,
    ) -> None:
        self._share = share
        self._files = SampleFiles(folder, max_file_bytes, max_file_age_s)
        self._queue: queue.SimpleQueue[tuple[Sample, int] | None] = queue.SimpleQueue()
        # Each number is changed by one thread only, so that none needs a lock.
        self._given_bytes = self._taken_bytes = 0
        self._kept = self._full = self._late = self._unwritable = self._lost = 0
        self._stopped = False
        self._said: dict[str, float] = {}
        registry.register(self)
        self._thread = threading.Thread(target=self._write, name="samples", daemon=True)
        self._thread.start()

    def __call__(self, record: Record) -> None:
        """Keeps a request that ended, perhaps."""
        if random.random() >= self._share:  # noqa: S311 - no secret
            return
        version, given, answer = record.version, record.given, record.answer
        if version is None or given is None or answer is None:
            return
        if self._stopped:
            self._late += 1
            return
        size = _size(given) + _size(answer)
        waiting_bytes = self._given_bytes - self._taken_bytes
        if self._queue.qsize() >= _MOST_WAITING or waiting_bytes + size > _MOST_WAITING_BYTES:
            self._full += 1
            self._say("samples are dropped: they come faster than they can be written", dropped=self._full)
            return
        self._given_bytes += size
        asked, contract = record.asked, version.contract
        sample = Sample(time.time_ns(), version.model, version.number, asked.call_id, contract, given, answer)
        self._queue.put((sample, size))

    async def close(self, grace_s: float) -> None:
        """Writes what waits, for at most so many seconds, and completes the files."""
        self._stopped = True
        self._queue.put(None)
        if not await ended(self._thread, grace_s):
            _log.warning("samples could not be written in time; those of the files that are not complete are lost")

    def collect(self) -> Iterator[Metric]:
        """The metrics for Prometheus."""
        yield CounterMetricFamily("milepost_serving_samples", "Sampled requests handed to files.", value=self._kept)
        dropped = CounterMetricFamily(
            "milepost_serving_samples_dropped", "Sampled requests that were not kept.", labels=["reason"]
        )
        dropped.add_metric(["queue_full"], self._full)
        dropped.add_metric(["unwritable"], self._unwritable)
        dropped.add_metric(["stopped"], self._late + self._lost)
        yield dropped

    def _write(self) -> None:
        """The thread."""
        try:
            self._write_until_closed()
        except Exception as error:
            self._stopped = True
            # Texts of errors that are not the system's may quote values.
            why = error.strerror if isinstance(error, OSError) else None
            _log.error("sampling ended: a file cannot be written", extra={"error": why or type(error).__name__})
            self._files.abandon()
            while not self._queue.empty():
                self._lost += self._queue.get() is not None

    def _write_until_closed(self) -> None:
        while True:
            due_s = self._files.complete_old()
            try:
                item = self._queue.get(timeout=due_s)
            except queue.Empty:
                continue
            if item is None:
                self._files.close()
                return
            sample, size = item
            try:
                self._files.append(sample)
                self._kept += 1
            except (pa.ArrowException, TypeError, ValueError) as error:
                self._unwritable += 1
                self._say("a sample cannot be kept in a table", model=sample.model, kind=type(error).__name__)
            finally:
                self._taken_bytes += size

    def _say(self, event: str, **fields: str | int) -> None:
        """Logs what may happen very often once a minute."""
        now = time.monotonic()
        if now - self._said.get(event, -_SAY_AGAIN_AFTER_S) >= _SAY_AGAIN_AFTER_S:
            self._said[event] = now
            _log.warning(event, extra=fields)


def _size(payload: Payload) -> int:
    """About how much memory is held with the data: arrays may be views of a whole message, or of a batch."""
    if payload.form == "value":
        return _values_size(payload.value if isinstance(payload.value, list) else [payload.value])
    size, held = 0, {}
    for array in payload.arrays:
        if array.dtype.kind == "O":
            size += _values_size(array.ravel())
        base = array if array.base is None else array.base
        held[id(base)] = len(base) if isinstance(base, bytes) else getattr(base, "nbytes", array.nbytes)
    return size + sum(held.values())


def _values_size(values: Sequence[Any] | Array) -> int:
    measured = values[:: max(1, len(values) // _MEASURED)]
    size = sum(_OTHER_BYTES + (len(value) if isinstance(value, str | bytes) else 0) for value in measured)
    return size * len(values) // max(1, len(measured))
