"""Who calls: for records of who did what. What the caller says, until callers are authenticated."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from urllib.parse import unquote

USER_METADATA = "milepost-user"
"""Metadata, or HTTP header, with the caller's name: at most 250 characters, percent-encoded where it is not ASCII."""

_LONGEST = 250

_user: ContextVar[str] = ContextVar("milepost_user", default="")


def current_user() -> str:
    """Name of the caller whose call is being answered; empty when the caller does not say.

    To be asked outside of units of work, which may run on another thread.
    """
    return _user.get()


def note_caller(metadata: Mapping[str, str]) -> None:
    """Remembers who makes the call that this task answers."""
    given = metadata.get(USER_METADATA)
    # Most callers of most methods say nothing, and most tasks answer one call.
    if given is None and not _user.get():
        return
    name = unquote(given or "")[:_LONGEST]
    _user.set(name if name.isprintable() else "")
