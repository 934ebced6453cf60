"""Rules that all imports share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from milepost import v1 as pb
from milepost_server.errors import invalid_field, quote
from milepost_server.storage.imports import Times

Timed: TypeAlias = pb.Experiment | pb.Run | pb.LoggedModel | pb.RegisteredModel | pb.ModelVersion
"""A resource with times of its own."""


def times_of(given: Timed, field: str, default_us: int) -> Times:
    """When an imported resource was created and last changed.

    Args:
        given: The resource.
        field: Where it is in the request.
        default_us: When it was created if it does not say.
    """
    updated_us = given.update_time.ToMicroseconds() if given.HasField("update_time") else None
    if not given.HasField("create_time"):
        created_us = default_us if updated_us is None else min(default_us, updated_us)
        return Times(created_us, created_us if updated_us is None else updated_us)
    created_us = given.create_time.ToMicroseconds()
    if updated_us is not None and updated_us < created_us:
        raise invalid_field(f"{field}.update_time", "is before the create_time; send times in their order")
    return Times(created_us, created_us if updated_us is None else updated_us)


def check_once(ids: Iterable[tuple[str, object]]) -> None:
    """Refuses an id, or a name, that comes twice. Given are fields of the request with what they hold."""
    seen: dict[object, str] = {}
    for field, value in ids:
        first = seen.setdefault(value, field)
        if first is not field:
            raise invalid_field(field, f"{quote(value)} comes twice, first in {first}; send each once")
