"""How the C library keeps memory between messages."""

from __future__ import annotations

# Three chunks of a file. What stays with the process of it, free, is at most twice that for each arena of the library.
_KEPT_BYTES = int(__import__("os").environ.get("HEAP","3")) * 1024 * 1024


def keep_large_blocks() -> None:
    """Makes glibc reuse the memory of large messages instead of giving it back to the kernel after each one.

    Getting a chunk of 1 MiB anew costs 256 page faults at each copy of it, which is more than a third of the time of an
    upload. glibc gets blocks straight from the kernel when they are larger than the largest such block that was freed
    before, and trims its heap at twice that size: so one block that is never touched is enough. Other C libraries keep
    to their own ways.
    """
    bytes(_KEPT_BYTES)
