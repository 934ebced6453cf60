"""One call, whatever transport it came by."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from milepost_server.calls.handlers import Method

# Ids of calls are this process's random name and a number.
_PROCESS = secrets.token_hex(6)
_numbers = itertools.count(1)


@dataclass(slots=True)
class Call:
    """What a handler or an interceptor may know of a call besides its request.

    Args:
        method: The method called.
        transport: Which listener took the call.
        find_peer: Says the address of the other end.
        metadata: gRPC metadata or HTTP headers, names in lower case; binary metadata is left out.
        deadline: When the caller stops waiting, on the clock of `time.monotonic`. None when it waits for ever.
        call_id: Names the call in logs and answers: the caller's `x-request-id`, or a new one.
        response_metadata: Sent back as initial metadata or HTTP headers when set before the first response message.
        started: When the call began, on the clock of `time.monotonic`.
    """

    method: Method
    transport: Literal["grpc", "http"]
    find_peer: Callable[[], str]
    metadata: Mapping[str, str]
    deadline: float | None = None
    call_id: str = ""
    response_metadata: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def peer(self) -> str:
        """Address of the other end, for logs."""
        return self.find_peer()

    def __post_init__(self) -> None:
        self.call_id = call_id_of(self.metadata)


def call_id_of(metadata: Mapping[str, str]) -> str:
    """The caller's `x-request-id`, or a new id where there is none that can be logged."""
    given = metadata.get("x-request-id", "")
    return given if 0 < len(given) <= 128 and given.isprintable() else f"{_PROCESS}{next(_numbers):08x}"
