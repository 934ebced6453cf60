"""A value that does not fit its field, while the path to the field is still being found."""

from __future__ import annotations

import json

from milepost import v1 as pb
from milepost_server.errors import MAX_QUOTED, InvalidArgument, invalid_field, quote


class Problem(Exception):
    """Raised where a value is read; each level it passes adds its own part of the path, so that success costs nothing.

    Args:
        description: What is wrong and what to do, without a final full stop.
        value: The offending value.
        reason: Of the `InvalidArgument` that this becomes.
    """

    def __init__(
        self,
        description: str,
        value: object,
        reason: pb.ErrorReason.ValueType = pb.ERROR_REASON_INVALID_FIELD,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.value = value
        self.reason = reason
        self._parts: list[str] = []

    def inside(self, part: str) -> None:
        """Adds the next outer part of the path: see `at_field`, `at_index` and `at_key`."""
        self._parts.append(part)

    def to_error(self, path: str) -> InvalidArgument:
        """The error for the caller; `path` is where the outermost message is, empty for the request itself."""
        field = (path + "".join(reversed(self._parts))).removeprefix(".")
        if not field:
            return InvalidArgument(
                f"The body does not fit: {self.description}.",
                reason=pb.ERROR_REASON_MALFORMED_BODY,
                metadata={"value": quote(self.value)},
            )
        return invalid_field(field, self.description, reason=self.reason, value=quote(self.value))


def at_field(name: str) -> str:
    """The part of a path for a field, in proto spelling."""
    return f".{name}"


def at_index(index: int) -> str:
    """The part of a path for an element of a list."""
    return f"[{index}]"


def at_key(key: object) -> str:
    """The part of a path for an entry of a map."""
    text = key if isinstance(key, str) else str(key)
    if len(text) > MAX_QUOTED:
        text = text[:MAX_QUOTED] + "..."
    return f"[{json.dumps(text)}]"


def shown(value: object) -> str:
    """`value` as JSON calls it, for messages."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return f"the string {quote(value)}"
    return f"the number {quote(value)}"
