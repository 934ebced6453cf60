"""Opaque tokens that clients give back, bound to the request that they continue."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection

from google.protobuf.message import Message

_DIGEST_BYTES = 12
# Another one whenever what tokens hold changes its form: those of older servers are refused then.
_FORM = b"2"


def seal(request: Message, payload: bytes, free: Collection[str]) -> str:
    """A token with `payload` for a request like this one, whose fields `free` may differ. It is safe in URLs."""
    return base64.urlsafe_b64encode(_digest(request, payload, free) + payload).rstrip(b"=").decode()


def unseal(request: Message, token: str, free: Collection[str]) -> bytes | None:
    """The payload of a token; None when it was not made here, or for another request."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    return payload if payload and digest == _digest(request, payload, free) else None


def _digest(request: Message, payload: bytes, free: Collection[str]) -> bytes:
    bound = type(request)()
    bound.CopyFrom(request)
    for name in free:
        bound.ClearField(name)
    kind = _FORM + request.DESCRIPTOR.full_name.encode()
    return hashlib.sha256(kind + bound.SerializeToString(deterministic=True) + b"\0" + payload).digest()[:_DIGEST_BYTES]
