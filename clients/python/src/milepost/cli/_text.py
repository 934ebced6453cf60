"""Values as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def printable(text: str) -> str:
    """`text` on one line, with everything that could steer the terminal escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def when(moment: datetime | None) -> str:
    """A moment in the local zone, to the second."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def when_ms(milliseconds: int) -> str:
    """Milliseconds since the Unix epoch in the local zone; the number itself where no calendar reaches."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc).astimezone()
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{milliseconds % 1000:03d}"


def lasting(start: datetime, end: datetime | None) -> str:
    """The time between two moments in its two largest units; empty without an end."""
    if end is None:
        return ""
    seconds = (end - start).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 48 else f"{hours // 24}d {hours % 24:02d}h"


def number(value: float | None) -> str:
    """A float to six digits."""
    return "" if value is None else f"{value:.6g}"


def size(count: int) -> str:
    """Bytes in a binary unit."""
    power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{count / 1024**power:.1f} {_UNITS[power]}" if power else f"{count} B"


def plain(value: Any) -> str:
    """A param's value: text as it is, JSON as JSON, numbers in full."""
    import json

    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, (bool, dict, list)):
        return printable(json.dumps(value, ensure_ascii=False))
    return repr(value)


def pairs(tags: Mapping[str, str]) -> str:
    """Tags on one line."""
    return printable(", ".join(f"{key}={value}" for key, value in sorted(tags.items())))


def count(amount: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def first_line(text: str, most: int = 60) -> str:
    """The beginning of a text, for a list."""
    line = text.strip().partition("\n")[0]
    return printable(line if len(line) <= most else line[: most - 1] + "…")


def listing(lines: Iterable[str]) -> str:
    """Indented lines."""
    return "\n".join(f"  {line}" for line in lines)
