"""How the bare servers say where they listen, and end."""

from __future__ import annotations

import asyncio
import signal
import sys


async def serve_until_terminated(port: int) -> None:
    """Prints the port, which is the sign that the server answers, and waits for SIGTERM."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    await terminated.wait()
