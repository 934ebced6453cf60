"""What comes back from a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from milepost.models.worker.payload import Payload


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a worker: `is` tells which (`milepost.models.worker.session`)."""

    fields: dict[str, Any]
    payload: Payload | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that failed in the worker, which goes on.

    Args:
        kind: Name of the error's class.
        message: Its text, which may hold what callers sent.
        traceback: For the log only.
        is_schema: Whether data or params are not those of the signature.
        field: Which of them.
    """

    kind: str
    message: str
    traceback: str = ""
    is_schema: bool = False
    field: str = ""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Failed:
        """Reads an answer `failed`."""
        return cls(
            str(fields.get("kind", "")),
            str(fields.get("message", "")),
            str(fields.get("traceback", "")),
            bool(fields.get("schema")),
            str(fields.get("field", "")),
        )


@dataclass(frozen=True, slots=True)
class Unsendable:
    """A request that could not be handed over; the worker has not seen it. `problem` is a whole sentence."""

    problem: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The process ended before it answered.

    Args:
        how: As a part of a sentence: "was ended by SIGKILL".
        took_too_long: Whether we ended it for that.
        begun: Whether it may have begun with the request. It had another before, where not.
    """

    how: str
    took_too_long: bool = False
    begun: bool = True


Outcome = Reply | Failed | Unsendable | Lost
Done = Callable[[Outcome], None]
