"""JSON text to plain values: orjson, made to refuse what it would let pass in silence."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any, NoReturn

import orjson

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, quote

# A body that is no JSON is read a second time to say where, but not when it is so large that this would hold up others.
_MAX_EXPLAINED_BYTES = 1 << 20
_MAX_DEPTH = 100
_UNPLAIN = [(both[:1], both) for both in (b'\\"', b"\n:", b"\t:", b"\r:", b" :")]
_CONTAINERS = frozenset((dict, list))


class BareConstant:
    """`NaN`, `Infinity` or `-Infinity` without quotes: no JSON, but worth an answer that names the field."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def parse(data: bytes) -> Any:
    """Reads one JSON value.

    Bare constants and strings with lone surrogates may be left in the result, as `BareConstant` and `str`: the codec
    refuses both, and knows in which field they are.

    Raises:
        InvalidArgument: `MALFORMED_BODY`: no JSON, a key twice in one object, or nested deeper than 100 levels.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _explain(data, error)
    return _without_twins(data, value)


def parse_strict(data: bytes) -> Any:
    """Reads one JSON value as `parse` does, but nothing that is no JSON: what it gives has numbers and texts only.

    Raises:
        InvalidArgument: As `parse`. Lists that begin with a plain value may hide more levels, up to 1024.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        _refuse(data, error)
    return _without_twins(data, value)


def _without_twins(data: bytes, value: Any) -> Any:
    # orjson keeps the last of several equal keys. Every key in the text brings `":`, so when there are as many of these
    # as keys in the result, none was lost; anything that could bring or hide one sends us the slow way.
    keys = _count_keys(value)
    return value if data.count(b'":') == keys and _has_plain_keys(data) else _parse_slowly(data)


def _has_plain_keys(data: bytes) -> bool:
    """Whether no `":` of the text can be part of a string, and no key stands apart from its colon."""
    # To look for one byte takes a fiftieth of the time of looking for two.
    return not any(first in data and both in data for first, both in _UNPLAIN)


def _count_keys(value: Any) -> int:
    """At most as many keys as `value` has: fewer where a list is skipped because it begins with a plain value."""
    count = depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > _MAX_DEPTH + 1:
            _refuse_depth()
        objects = [item for item in level if type(item) is dict]
        lists = [item for item in level if type(item) is list and item and type(item[0]) in _CONTAINERS]
        count += sum(map(len, objects))
        inner = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
        level = [item for item in inner if type(item) in _CONTAINERS]
    return count


def _parse_slowly(data: bytes) -> Any:
    try:
        # Decoded here: given bytes, `json` would take UTF-16 and UTF-32 too.
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=BareConstant, parse_int=_integer
        )
    except RecursionError:
        _refuse_depth()


def _integer(text: str) -> int | float:
    """As orjson has it: a float when it needs more than 64 bits."""
    return int(text) if len(text) < 20 else _long_integer(text)


def _long_integer(text: str) -> int | float:
    number = float(text)
    return int(text) if abs(number) < 2.0**64 else number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidArgument(
            f"The JSON body has the key {quote(twice)} twice in one object. Send it once.",
            reason=pb.ERROR_REASON_MALFORMED_BODY,
            metadata={"key": twice[:1000]},
        )
    return found


def _explain(data: bytes, error: orjson.JSONDecodeError) -> Any:
    """What the standard library, which is laxer, makes of a text that orjson refused."""
    if 0 < len(data) <= _MAX_EXPLAINED_BYTES:
        try:
            return _parse_slowly(data)
        except ValueError:
            pass  # neither reads it: the first error says it best
    return _refuse(data, error)


def _refuse(data: bytes, error: orjson.JSONDecodeError) -> NoReturn:
    raise InvalidArgument(
        f"The body is no JSON ({error.msg}, line {error.lineno} column {error.colno})."
        if data
        else "The body is empty. Send a JSON object, {} at least.",
        reason=pb.ERROR_REASON_MALFORMED_BODY,
        metadata={"line": str(error.lineno), "column": str(error.colno)},
    ) from None


def _refuse_depth() -> NoReturn:
    raise InvalidArgument(
        f"The JSON body is nested deeper than {_MAX_DEPTH} levels.",
        reason=pb.ERROR_REASON_MALFORMED_BODY,
        metadata={"maximum": str(_MAX_DEPTH)},
    ) from None
