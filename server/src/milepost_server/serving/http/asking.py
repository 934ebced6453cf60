"""What an HTTP request asks, as predictions know it."""

from __future__ import annotations

import time

from milepost_server.rest.exchange import Exchange
from milepost_server.rest.transcoder import deadline
from milepost_server.serving.predicting import Asked


def asked_over_http(exchange: Exchange, model: str, version: int, interface: str, timeout_s: float) -> Asked:
    """Who asks which model.

    Args:
        exchange: The request. Its header `grpc-timeout` may say how long the caller waits.
        model: Name of the served model; empty for the only one.
        version: A version that is loaded; 0 for the one that traffic goes to.
        interface: As in `Asked`.
        timeout_s: Most seconds until the answer.

    Raises:
        InvalidArgument: The header cannot be read.
    """
    latest = time.monotonic() + timeout_s
    given = deadline(exchange)
    return Asked(
        model,
        version,
        "http",
        interface,
        exchange.answer_headers["x-request-id"],
        latest if given is None else min(given, latest),
        exchange.headers.get("traceparent", ""),
    )
