"""How the stages of the parser say that a text is wrong, before its place in the request is known."""

from __future__ import annotations

from lark import Token

from milepost_server.errors import quote

QUOTES = "'\"`"


class Refusal(Exception):
    """Stops the parser.

    Args:
        position: Offset of the fault in the text, from 0.
        problem: What is wrong, without a final full stop.
        expected: What would have been right there.
    """

    def __init__(self, position: int, problem: str, expected: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.expected = expected


def show(text: str) -> str:
    """A piece of the text, for a message."""
    if len(text) > 1 and text[0] in QUOTES and text[-1] == text[0]:
        return f"the quoted {quote(text[1:-1])}"
    return quote(str(text))


def unexpected(token: Token, expected: str, after: str = "") -> Refusal:
    """A token in a place where only `expected` fits; `after` is the text of what is before it."""
    behind = f" after {show(after)}" if after else ""
    return Refusal(position(token), f"expected {expected}{behind}, got {show(token)}", expected)


def position(token: Token) -> int:
    """Offset of a token that the lexer made."""
    return token.start_pos or 0


def either(choices: list[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))
