"""Requests that came together, as one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milepost.models.worker.payload import Payload, join
from milepost_server.errors import DomainError
from milepost_server.serving.checks.contract import Contract

# Makes the batch and the params of a request, checked by the contract of the version that will answer.
Read = Callable[[Contract], tuple[Payload, Mapping[str, Any] | None]]

_MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Together:
    """Requests that fit each other.

    Args:
        given: Their batches.
        rows: Number of rows of each.
        params: Which all of them have.
        joined: All rows.
    """

    given: Sequence[Payload]
    rows: Sequence[int]
    params: Mapping[str, Any] | None
    joined: Payload


def read_together(reads: Sequence[Read], contract: Contract, most_rows: int) -> Together | None:
    """Reads requests as one batch; None when one of them cannot be read, or they cannot be predicted together.

    Args:
        reads: Read one each.
        contract: Of the version that will answer.
        most_rows: Most rows that it predicts together.
    """
    given: list[Payload] = []
    rows: list[int] = []
    left, room = most_rows, _MOST_BYTES
    common: Mapping[str, Any] | None = None
    for read in reads:
        try:
            payload, params = read(contract)
        except DomainError:
            return None
        if not given:
            common = params
        count = payload.rows
        if not count or params != common or (given and not payload.fits(given[0])):
            return None
        left, room = left - count, room - payload.nbytes
        if left < 0 or room < 0:
            return None
        given.append(payload)
        rows.append(count)
    return Together(given, rows, common, join(given))
