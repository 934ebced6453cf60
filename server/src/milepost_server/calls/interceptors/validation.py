"""Checks each request message against the rules that its proto carries: required fields and `(milepost.v1.limits)`."""

from __future__ import annotations

from google.protobuf.message import Message

from milepost_server.calls.call import Call
from milepost_server.calls.rules import rules_for
from milepost_server.errors import DomainError


class Validation:
    """Refuses messages that break a rule of their proto."""

    async def begin(self, call: Call) -> None:
        """Nothing: there is no message yet."""

    def check(self, call: Call, request: Message) -> None:
        """Raises `InvalidArgument` for the first field that breaks a rule."""
        rules_for(request.DESCRIPTOR).check(request, "")

    def end(self, call: Call, error: DomainError | None) -> None:
        """Nothing to clean up."""
