"""Paths that code of their own answers, beside those that the transcoder answers by the HTTP rules of methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from milepost_server.rest import refusals
from milepost_server.rest.error_form import ErrorForm
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.routes import decode_segment, parse_template

# Answers one request. The texts stand for the variables of the path, percent-decoded. Raises as `transcoder.Endpoint`.
Answer = Callable[[Exchange, list[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A path and what answers there.

    Args:
        template: Such as `/models/{name}/invocations`. A last segment `**` takes all paths below that
            no other place has.
        answers: By HTTP method; `HEAD` is answered by that of `GET`. One without a method answers all.
        errors: How errors are written.
        unpacks: Whether bodies may have a content encoding, which is then for the answer to undo.
    """

    template: str
    answers: Mapping[str, Answer] | Answer
    errors: ErrorForm
    unpacks: bool = False


class Places:
    """Finds the place of a path.

    Raises:
        TypeError: A template cannot be read, or two places have one template.
    """

    def __init__(self, places: Iterable[Place]) -> None:
        self._exact: dict[str, Place] = {}
        self._by_length: dict[int, list[tuple[list[str], Place]]] = {}
        self._below: list[tuple[str, Place]] = []
        self._names: dict[Place, list[str]] = {}
        taken: set[tuple[str, ...]] = set()
        for place in places:
            segments, suffix, variables = parse_template(place.template)
            if suffix or tuple(segments) in taken:
                raise TypeError(f"{place.template!r} is there twice, or has a suffix")
            taken.add(tuple(segments))
            self._names[place] = [variable.field for variable in variables]
            if segments[-1] == "**":
                self._below.append((place.template.removesuffix("**"), place))
            elif variables:
                self._by_length.setdefault(len(segments) + 1, []).append((segments, place))
            else:
                self._exact[place.template] = place

    def find(self, path: str) -> tuple[Place | None, list[str]]:
        """The place for a path as it was sent, with the segments for its variables, still percent-encoded."""
        place = self._exact.get(path)
        if place is not None:
            return place, []
        parts = path.split("/")
        for template, place in self._by_length.get(len(parts), ()):
            values = _values(template, parts)
            if values is not None:
                return place, values
        return next((place for start, place in self._below if path.startswith(start)), None), []

    async def answer(self, place: Place, exchange: Exchange, values: list[str]) -> None:
        """Answers a request for a place that `find` found.

        Raises:
            InvalidArgument: A value of the path is no UTF-8 when decoded.
            Refusal: The place does not answer the HTTP method.
        """
        answer = _chosen(place, exchange)
        await answer(exchange, [decode_segment(*each) for each in zip(self._names[place], values, strict=True)])


def _chosen(place: Place, exchange: Exchange) -> Answer:
    answers, verb = place.answers, exchange.verb
    if callable(answers):
        return answers
    wanted = "GET" if verb == "HEAD" else verb
    if wanted not in answers:
        allowed = sorted({*answers, "HEAD"} if "GET" in answers else answers)
        raise refusals.wrong_verb(verb, exchange.path, allowed)
    return answers[wanted]


def _values(template: list[str], parts: list[str]) -> list[str] | None:
    """The parts that stand for variables. None when the template is another."""
    values = []
    for index, wanted in enumerate(template, 1):
        part = parts[index]
        if wanted == "*" and part:
            values.append(part)
        elif wanted != part:
            return None
    return values
