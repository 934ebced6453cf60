"""Sends what other processes of this user left in spool files."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from milepost._backlog import Backlog
from milepost._channel import Transport
from milepost._courier import Courier
from milepost._losses import Losses
from milepost._spool import Spool, SpoolDamaged, SpoolInUse, left_spools
from milepost.config import ClientConfig

_POLL_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a spool file.

    Args:
        stored: Values that the server took, refused ones included in neither.
        refused: Values that the server refused for good.
        left: Values that are still in the file.
        damaged_bytes: Bytes at its end that could not be read, and are gone.
        problems: An example for each reason why something was refused.
    """

    stored: int
    refused: int
    left: int
    damaged_bytes: int
    problems: list[str]


def send_spool(spool: Spool, transport: Transport, stop: threading.Event, timeout_s: float | None = None) -> Sent:
    """Sends a file until it is empty, and removed then, or until `stop` is set or the time is up.

    Args:
        spool: The file. It is closed in the end.
        transport: The server to send to.
        stop: Ends it early, at its next look.
        timeout_s: Seconds after which to give up. None: never.
    """
    deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    losses = Losses(strict=False)
    changed = threading.Condition()
    backlog = Backlog(lambda: spool, spool.size, spool)
    values = backlog.values
    courier = Courier(transport, backlog, changed, losses.refuse)
    try:
        while not backlog.is_empty and not stop.is_set() and time.monotonic() < deadline:
            wait_s = courier.work(hurried=True)
            with changed:
                if not courier.has_news and not backlog.is_empty:
                    left_s = max(deadline - time.monotonic(), 0.0)
                    changed.wait(min(_POLL_S if wait_s is None else wait_s, _POLL_S, left_s))
    finally:
        courier.close()
        left = backlog.values
        backlog.leave()
    problems, _ = losses.take()
    stored = values - left - losses.refused - backlog.damaged_values
    return Sent(stored, losses.refused, left, backlog.damaged_bytes, problems)


class Forwarder:
    """A thread that sends what is left for a server in the spool folder, beside a writer, while the program runs."""

    def __init__(self, transport: Transport, config: ClientConfig) -> None:
        self._transport = transport
        self._config = config
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._spool: Spool | None = None

    def start(self) -> None:
        """Starts the thread, if there is any file."""
        files = list(left_spools(self._config.spool_dir))
        if files:
            self._thread = threading.Thread(target=self._run, args=(files,), name="milepost-sync", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread; files that were not sent stay."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * _POLL_S)

    def forget(self) -> None:
        """Lets go of the file at work."""
        if self._spool is not None:
            self._spool.close()

    def _run(self, files: list[Path]) -> None:
        for path in files:
            if self._stop.is_set():
                return
            try:
                spool = Spool.adopt(path)
            except (SpoolInUse, SpoolDamaged, OSError):
                continue
            if spool.address != self._config.address:
                spool.close()
                continue
            self._spool = spool
            sent = send_spool(spool, self._transport, self._stop)
            self._spool = None
            if sent.refused or sent.damaged_bytes:
                _log.warning(
                    "Of values that an earlier program left in %s, %d were refused (%s) and %d bytes were damaged.",
                    path,
                    sent.refused,
                    "; ".join(sent.problems),
                    sent.damaged_bytes,
                )
