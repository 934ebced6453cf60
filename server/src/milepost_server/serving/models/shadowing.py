"""A version that is asked what the live one was asked, for comparison only."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from typing import Any

from milepost import v1 as pb
from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.models.comparison import compare
from milepost_server.serving.models.version import Version

_log = logging.getLogger(__name__)

# Copies that wait hold the request and the answer of the live version.
_MOST_WAITING_BYTES = 256 * 1024 * 1024
# Beyond it a comparison would hold up other requests.
_LARGE_BYTES = 256 * 1024


class Shadow:
    """Asks a version in the background, and counts how its answers differ.

    Args:
        version: Which.
        chance: Chooses the requests.

    `percent` is the share of requests that are copied, 0 to 100.
    """

    def __init__(self, version: Version, chance: random.Random) -> None:
        self.version = version
        self.percent = 0.0
        self._chance = chance
        self._compared = self._different = self._failed = self._skipped = 0
        self._greatest = 0.0
        self._waiting: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0

    def ask(self, contract: Contract, given: Payload, params: Mapping[str, Any] | None, answer: Payload) -> None:
        """Lets the version answer too, perhaps. Returns at once.

        Args:
            contract: What the live version takes.
            given: What it was given.
            params: With these params.
            answer: What it answered.
        """
        if self._chance.random() * 100 >= self.percent:
            return
        assert self.version.loaded is not None
        if contract.signature != self.version.loaded.contract.signature:
            self._failed += 1  # it was never said that it takes such data
            return
        size = given.nbytes + answer.nbytes
        full = self._waiting and self._waiting_bytes + size > _MOST_WAITING_BYTES
        if full or len(self._waiting) >= self.version.options.max_queue:
            self._skipped += 1
            return
        self._waiting_bytes += size
        task = asyncio.create_task(self._compare(given, params, answer))
        self._waiting.add(task)
        task.add_done_callback(lambda done: self._ended(done, size))

    def to_proto(self) -> pb.Shadow:
        """What it has found."""
        return pb.Shadow(
            version=self.version.number,
            percent=self.percent,
            compared=self._compared,
            different=self._different,
            failed=self._failed,
            skipped=self._skipped,
            max_difference=self._greatest,
        )

    async def _compare(self, given: Payload, params: Mapping[str, Any] | None, answer: Payload) -> None:
        deadline = time.monotonic() + self.version.options.predict_timeout_s
        with self.version as loaded:
            try:
                its = (await loaded.engine.predict(given, params, deadline)).payload
            except DomainError as error:
                if error.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS:
                    self._skipped += 1
                else:
                    self._failed += 1
                return
        if answer.nbytes > _LARGE_BYTES:
            difference = await asyncio.to_thread(compare, answer, its)
        else:
            difference = compare(answer, its)
        self._compared += 1
        self._different += not difference.equal
        self._greatest = max(self._greatest, difference.greatest)

    def _ended(self, task: asyncio.Task[None], size: int) -> None:
        self._waiting.discard(task)
        self._waiting_bytes -= size
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed += 1
            _log.error("an answer of the shadow could not be compared", exc_info=error)
