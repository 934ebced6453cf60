"""What differs between databases, besides how their drivers are called."""

from __future__ import annotations

from sqlalchemy import ColumnElement, literal
from sqlalchemy.engine import Dialect


def like(dialect: Dialect, text: ColumnElement[str], pattern: str, *, case_sensitive: bool) -> ColumnElement[bool]:
    """`text LIKE pattern` with `%`, `_` and no escape; without `case_sensitive`, ASCII letters match both cases."""
    if dialect.name == "sqlite":
        if not case_sensitive:
            return text.op("LIKE", is_comparison=True)(literal(pattern))
        # SQLite's LIKE ignores case; GLOB does not, and has other wildcards.
        wildcards = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
        glob = "".join(wildcards.get(letter, letter) for letter in pattern)
        return text.op("GLOB", is_comparison=True)(literal(glob))
    return text.like(pattern, escape="") if case_sensitive else text.ilike(pattern, escape="")
