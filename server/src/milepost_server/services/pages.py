"""Pages of lists: sizes, and tokens that are bound to their query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.services.tokens import seal, unseal

Item = TypeVar("Item")

_FREE = ("page_token", "page_size")


def page_limit(page_size: int, default: int, most: int) -> int:
    """The number of items for a `page_size` that is not negative."""
    return min(page_size or default, most)


def cut(found: Sequence[Item], limit: int, place: Callable[[Item], int]) -> tuple[Sequence[Item], tuple[int] | None]:
    """A page of what was found, and the position of its last item when more follow.

    Args:
        found: Items in order, one more than a page has where there are so many.
        limit: Items of a page.
        place: Where an item is in the order.
    """
    return found[:limit], (place(found[limit - 1]),) if len(found) > limit else None


def encode_token(request: Message, position: tuple[Any, ...] | None) -> str:
    """The token of the page behind `position` of the list that `request` asks for; empty when there is none."""
    if position is None:
        return ""
    return seal(request, orjson.dumps(position), _FREE)


def decode_token(request: Message, token: str) -> tuple[Any, ...] | None:
    """The position that a token of this list stands for; None for no token.

    Raises:
        InvalidArgument: The token was not made here, or for another query.
    """
    if not token:
        return None
    payload = unseal(request, token, _FREE)
    if payload is None:
        raise invalid_field(
            "page_token",
            "this token is damaged or belongs to another query; pass `next_page_token` as it came, with all other "
            "fields but `page_size` as they were, or leave it out to begin again",
            reason=pb.ERROR_REASON_BAD_PAGE_TOKEN,
        )
    return tuple(orjson.loads(payload))
