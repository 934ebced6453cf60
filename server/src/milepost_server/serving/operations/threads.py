"""Waiting for threads that write or send in the background."""

from __future__ import annotations

import asyncio
import threading
import time


async def ended(thread: threading.Thread, timeout_s: float) -> bool:
    """Waits for a thread without holding up the event loop; says whether it ended in time."""
    end = time.monotonic() + timeout_s
    # An event that the thread sets would need a loop that is still open by then.
    while thread.is_alive() and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return not thread.is_alive()
