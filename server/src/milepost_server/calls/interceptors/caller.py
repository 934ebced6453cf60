"""Notes who calls."""

from __future__ import annotations

from milepost_server.callers import note_caller
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Interceptor


class CallerName(Interceptor):
    """Makes the caller's name known to those who record it."""

    async def begin(self, call: Call) -> None:
        """Never refuses."""
        note_caller(call.metadata)
