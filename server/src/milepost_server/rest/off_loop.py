"""Work on large messages, away from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# From here on a body is read, and a message written, in a thread: other calls would wait for more than a few
# milliseconds.
LARGE_BYTES = 256 * 1024


async def off_loop_if_large(size: int, work: Callable[[], T]) -> T:
    """What `work` returns, which runs in a thread when the `size` bytes that it reads or writes are many."""
    return await asyncio.to_thread(work) if size > LARGE_BYTES else work()
