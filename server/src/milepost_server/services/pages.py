"""Pages of lists: sizes, and tokens that are bound to their query."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import orjson
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.errors import invalid_field

_DIGEST_BYTES = 12


def page_limit(page_size: int, default: int, most: int) -> int:
    """The number of items for a `page_size` that is not negative."""
    return min(page_size or default, most)


def encode_token(request: Message, position: tuple[Any, ...] | None) -> str:
    """The token of the page behind `position` of the list that `request` asks for; empty when there is none."""
    if position is None:
        return ""
    payload = orjson.dumps(position)
    return base64.urlsafe_b64encode(_digest(request, payload) + payload).rstrip(b"=").decode()


def decode_token(request: Message, token: str) -> tuple[Any, ...] | None:
    """The position that a token of this list stands for; None for no token.

    Raises:
        InvalidArgument: The token was not made here, or for another query.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if not payload or digest != _digest(request, payload):
        raise invalid_field(
            "page_token",
            "this token is damaged or belongs to another query; pass `next_page_token` as it came, with all other "
            "fields but `page_size` as they were, or leave it out to begin again",
            reason=pb.ERROR_REASON_BAD_PAGE_TOKEN,
        )
    return tuple(orjson.loads(payload))


def _digest(request: Message, payload: bytes) -> bytes:
    query = type(request)()
    query.CopyFrom(request)
    query.ClearField("page_token")
    query.ClearField("page_size")
    name = request.DESCRIPTOR.full_name.encode()
    return hashlib.sha256(name + query.SerializeToString(deterministic=True) + b"\0" + payload).digest()[:_DIGEST_BYTES]
