"""Tells the other servers on one PostgreSQL what was committed here, and hears what they tell.

By a connection of its own: `NOTIFY` within a transaction that writes would make all such commits wait for each other.
What is lost with a connection, or with a server that crashes right after a commit, is found by those who look again
every `RECHECK_S` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Collection, Iterator
from typing import Any

import asyncpg

from milepost_server.storage.base import ANY_RUN, Changed, ChangeListener

RECHECK_S = 5.0

_log = logging.getLogger(__name__)

_CHANNEL = "milepost_changes"
# Changes of so long are told together, those of one run once.
_GATHER_S = 0.05
# A payload has at most 8,000 bytes, and a change at most 90.
_CHANGES_AT_ONCE = 80
# Beyond this many, everybody looks at everything.
_MAX_WAITING = 1000
# A connection that is quiet for so long is tried, since nobody says that the other end is gone.
_QUIET_S = 30.0
_TIMEOUT_S = 10.0
_LONGEST_DELAY_S = 10.0


class Notifications:
    """Follows the changes of the other servers from when it is made, in the event loop, until it is closed.

    Args:
        url: The database.
        listener: Is told what other servers changed; `ANY_RUN` after each time that some of it may have been missed.
    """

    def __init__(self, url: str, listener: ChangeListener) -> None:
        self._url = url
        self._listener = listener
        self._origin = secrets.token_hex(8)
        self._waiting: set[Changed] = set()
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._follow_forever())

    def tell(self, changed: Collection[Changed]) -> None:
        """Tells the other servers soon."""
        self._waiting.update(changed)
        if len(self._waiting) > _MAX_WAITING:
            self._waiting = {ANY_RUN}
        self._wake.set()

    async def close(self) -> None:
        """Tells what is still waiting, when that is possible, and disconnects."""
        self._closing = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow_forever(self) -> None:
        failures = 0
        while True:
            try:
                driver = await asyncpg.connect(
                    self._url, timeout=_TIMEOUT_S, server_settings={"application_name": "milepost-changes"}
                )
                try:
                    failures = 0
                    await self._follow(driver)
                finally:
                    driver.terminate()
            # Of any kind: asyncpg has several for a connection that is being lost, and without us others are told late.
            except Exception as error:
                if self._closing:
                    raise
                failures += 1
                _log.warning("changes of other servers come late: their connection is lost", exc_info=error)
            await asyncio.sleep(min(0.1 * 2**failures, _LONGEST_DELAY_S))

    async def _follow(self, driver: Any) -> None:
        """Hears and tells until the connection is lost."""
        lost = asyncio.Event()

        def lose(_: Any) -> None:
            lost.set()
            self._wake.set()

        driver.add_termination_listener(lose)
        await driver.add_listener(_CHANNEL, self._hear)
        self._listener((ANY_RUN,))
        while not lost.is_set():
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_QUIET_S):
                        await self._wake.wait()
                await asyncio.sleep(_GATHER_S)
            except asyncio.CancelledError:
                if self._waiting:
                    await self._tell_waiting(driver)
                raise
            self._wake.clear()
            await self._tell_waiting(driver)

    async def _tell_waiting(self, driver: Any) -> None:
        told, self._waiting = self._waiting, set()
        try:
            if not told:
                await driver.fetchval("SELECT 1", timeout=_TIMEOUT_S)
            for payload in _payloads(self._origin, told):
                await driver.execute("SELECT pg_notify($1, $2)", _CHANNEL, payload, timeout=_TIMEOUT_S)
        except BaseException:
            self.tell(told)
            raise

    def _hear(self, _driver: Any, _pid: int, _channel: str, payload: str) -> None:
        try:
            origin, changes = json.loads(payload)
            changed = {(int(number), str(run_id)) for number, run_id in changes}
        except (ValueError, TypeError):  # from something else that uses the channel
            origin, changed = "", {ANY_RUN}
        if origin != self._origin:
            self._listener(changed)


def _payloads(origin: str, changed: Collection[Changed]) -> Iterator[str]:
    listed = list(changed)
    for begin in range(0, len(listed), _CHANGES_AT_ONCE):
        yield json.dumps([origin, listed[begin : begin + _CHANGES_AT_ONCE]])
