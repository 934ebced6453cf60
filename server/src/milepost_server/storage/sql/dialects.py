"""What differs between databases, besides how their drivers are called."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

from sqlalchemy import ColumnElement, func, literal
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
    if dialect.name == "postgresql":
        return text.like(pattern, escape="") if case_sensitive else text.ilike(pattern, escape="")
    if not case_sensitive:
        # MariaDB would ignore the case of all letters. Only those that the pattern has can make a difference.
        pattern = "".join(letter.lower() if letter in ascii_uppercase else letter for letter in pattern)
        for letter in sorted(set(pattern).intersection(ascii_lowercase)):
            text = func.replace(text, letter.upper(), letter)
    # There always is an escape on MariaDB, so it escapes itself.
    return text.like(pattern.replace("|", "||"), escape="|")


def characters(dialect: Dialect, text: ColumnElement[str]) -> ColumnElement[int]:
    """The number of code points of a text."""
    # MariaDB's LENGTH counts bytes, and SQLite has no other name for it.
    return func.char_length(text) if dialect.name in ("mariadb", "mysql") else func.length(text)
