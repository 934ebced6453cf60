"""Resume tokens of watches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field
from milepost_server.services.tokens import seal, unseal

_OWN = "resume_token"


def resume_token(request: Any, payload: bytes, free: Collection[str] = ()) -> str:
    """A token that goes on with the watch of `request`, whose fields `free` may be others then."""
    return seal(request, payload, (_OWN, *free))


def resumed(request: Any, free: Collection[str] = ()) -> bytes | None:
    """The payload of the request's token; None when it has none.

    Raises:
        InvalidArgument: The token was not made here, or for another watch.
    """
    token: str = request.resume_token
    if not token:
        return None
    payload = unseal(request, token, (_OWN, *free))
    if payload is None:
        raise bad_token()
    return payload


def bad_token() -> InvalidArgument:
    """A token that cannot be gone on with."""
    return invalid_field(
        _OWN,
        "this token is damaged or belongs to another watch; pass `resume_token` as it came, with what is watched as it "
        "was, or leave it out to begin again",
        reason=pb.ERROR_REASON_BAD_RESUME_TOKEN,
    )
