"""How messages show what a caller gave: values and names of their own making, which a server must not repeat."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar, Token
from types import TracebackType

_HIDDEN: ContextVar[bool] = ContextVar("hidden", default=False)
_MAX_NAME = 100


class HiddenValues:
    """A context in which messages name places and types, and no value: a server's inputs are private.

    Of names that only the caller has, such as that of an unknown column, the first is shown: it is the field. One
    object is one context at a time.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token: Token[bool] = _HIDDEN.set(True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _HIDDEN.reset(self._token)


def shown(value: object) -> str:
    """A value for a message: its type and at most some 80 characters of it."""
    if _HIDDEN.get():
        return "None" if value is None else f"a value of type {type(value).__name__}"
    text = repr(value)
    return f"{text if len(text) <= 80 else f'{text[:80]}…'} ({type(value).__name__})"


def shown_number(value: object) -> str:
    """A number of an array, whose type the message says elsewhere."""
    return "a value" if _HIDDEN.get() else repr(value)


def shown_names(names: Iterable[object]) -> str:
    """Names that the caller made up."""
    if not _HIDDEN.get():
        return f"{list(names)!r:.300}"
    first, *others = names
    text = repr(first)
    text = text if len(text) <= _MAX_NAME else f"{text[:_MAX_NAME]}…"
    return f"{text} and {len(others):,} more" if others else text


def shown_key(key: object) -> str:
    """The key of a mapping in which any key may stand, as part of a place such as `Column 'tags'['a']`."""
    return "[…]" if _HIDDEN.get() else f"[{key!r:.50}]"
