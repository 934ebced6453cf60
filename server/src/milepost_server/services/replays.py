"""Requests that may be repeated safely: the first answer is kept and given again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, cast

from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.services.clock import Clock
from milepost_server.storage.base import Replay, Storage, Transaction

Answer = TypeVar("Answer", bound=Message)

KEPT_US = 24 * 3600 * 1_000_000


class Repeatable(Protocol):
    """A request message with a `request_id`."""

    request_id: str


async def write_once(
    storage: Storage,
    clock: Clock,
    request: Repeatable,
    answer_class: type[Answer],
    work: Callable[[Transaction], Awaitable[Answer]],
    *,
    light: bool = False,
) -> Answer:
    """Runs a writing unit of work, unless the same request was answered before: then returns that answer.

    Raises:
        InvalidArgument: The `request_id` was used for another request.
    """
    if not request.request_id:
        return await storage.write(work, light=light)
    message = cast("Message", request)
    method = message.DESCRIPTOR.full_name.removesuffix("Request")
    digest = hashlib.sha256(message.SerializeToString(deterministic=True)).digest()

    async def once(tx: Transaction) -> Answer:
        earlier = await tx.replays.find(method, request.request_id)
        if earlier is None:
            answer = await work(tx)
            await tx.replays.store(method, request.request_id, Replay(digest, answer.SerializeToString()), clock())
            return answer
        if earlier.request_hash != digest:
            raise invalid_field(
                "request_id",
                f"{request.request_id!r} was used for another request; choose a new one for each request",
                reason=pb.ERROR_REASON_REQUEST_ID_REUSED,
            )
        return answer_class.FromString(earlier.response)

    return await storage.write(once, light=light)


async def sweep_replays(storage: Storage, clock: Clock) -> int:
    """Drops answers that are kept no longer and returns their number."""

    async def work(tx: Transaction) -> int:
        return await tx.replays.sweep(clock() - KEPT_US)

    return await storage.write(work)
