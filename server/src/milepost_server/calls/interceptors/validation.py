"""Checks each request message against the rules that its proto carries: required fields and `(milepost.v1.limits)`."""

from __future__ import annotations

from google.protobuf.message import Message

from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Interceptor
from milepost_server.calls.rules import rules_for


class Validation(Interceptor):
    """Refuses messages that break a rule of their proto."""

    def check(self, call: Call, request: Message) -> None:
        """Raises `InvalidArgument` for the first field that breaks a rule."""
        if not call.method.checks_messages:
            rules_for(request.DESCRIPTOR).check(request, "")
