"""The `Range` header: which bytes are wanted (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=\s*([0-9]*)-([0-9]*)\s*", re.ASCII | re.IGNORECASE)
_MAX = 2**63 - 1


class Range(NamedTuple):
    """One range of bytes.

    Args:
        first: The first byte, or for a suffix the number of bytes at the end.
        length: Number of bytes at most; 0 for all that follow.
        suffix: Whether it counts from the end.
    """

    first: int
    length: int
    suffix: bool = False


def parse_range(header: str | None) -> Range | None:
    """The range that is wanted. None to send the whole: no range, several, another unit, or none that makes sense."""
    match = _RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return Range(min(int(last[:20]), _MAX), 0, suffix=True) if last else None
    if not last:
        return Range(min(int(first[:20]), _MAX), 0)
    start, end = int(first[:20]), int(last[:20])
    if end < start:
        return None
    return Range(min(start, _MAX), min(end - start + 1, _MAX))


def same_content(header: str, etag: str, *, weak: bool) -> bool:
    """Whether `If-None-Match` (`weak`) or `If-Range` names the content whose tag is `etag`, quotes included."""
    if not etag:
        return False
    if not weak:
        return header.strip() == etag
    if header.strip() == "*":
        return True
    return any(tag.strip().removeprefix("W/") == etag for tag in header.split(","))
