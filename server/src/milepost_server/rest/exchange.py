"""One HTTP request and its answer, over ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from milepost_server.errors import DomainError
from milepost_server.rest import refusals
from milepost_server.rest.error_form import ErrorForm
from milepost_server.rest.refusals import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = "application/json"
BODY_IDLE_S = 20.0
LINGER_S = 5.0
LINGER_IDLE_S = 1.0

_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]*")
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class Exchange:
    """A request with the means to answer it.

    Args:
        scope: Of ASGI.
        receive: Of ASGI.
        send: Of ASGI.

    Attributes:
        headers: Of the request by lower-case name; several of one name are joined by commas.
        answer_headers: Added to the answer, names in lower case.
        started: Whether the status of the answer has been sent.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self.verb: str = scope["method"]
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.headers: Mapping[str, str] = headers
        self.answer_headers: dict[str, str] = {}
        self.started = False
        self._body_left = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

    @property
    def has_body(self) -> bool:
        """Whether some of the request's body may still have to be read."""
        return self._body_left

    @property
    def path(self) -> str:
        """The path as sent, still percent-encoded, without the query."""
        raw = self.scope.get("raw_path") or self.scope["path"].encode()
        return str(bytes(raw).partition(b"?")[0].decode("latin-1"))

    @property
    def query(self) -> str:
        """The query as sent, still percent-encoded. Empty for none."""
        return str(self.scope["query_string"].decode("latin-1"))

    def peer(self) -> str:
        """Address of the client, for logs."""
        client = self.scope.get("client")
        return f"{client[0]}:{client[1]}" if client else ""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            InvalidArgument: `TRUNCATED_UPLOAD`: the client went away, or sent nothing for 20 seconds.
        """
        while self._body_left:
            try:
                async with asyncio.timeout(BODY_IDLE_S):
                    event = await self.receive()
            except TimeoutError:
                raise refusals.too_slow(BODY_IDLE_S) from None
            if event["type"] == "http.disconnect":
                raise refusals.cut_off()
            self._body_left = event.get("more_body", False)
            if event.get("body"):
                yield event["body"]

    async def read_body(self, maximum: int) -> bytes:
        """All of the body.

        Raises:
            ResourceExhausted: It is larger than `maximum` bytes; no more than that is read.
            InvalidArgument: As `chunks`.
        """
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > maximum:
            raise refusals.too_large(maximum)
        parts, size = [], 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > maximum:
                raise refusals.too_large(maximum)
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends status and headers, with those that protect browsers; `headers` may have a CSP of its own."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        raw.append(_NO_SNIFFING)
        if "content-security-policy" not in headers:
            raw.append(_NO_CONTENT)
        for name, value in self.answer_headers.items():
            # Values may come from a caller or a handler: one with a line break would be a header of its own.
            if _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value):
                raw.append((name.encode("latin-1"), value.encode("latin-1")))
        if self._body_left:
            # Otherwise the server would go on reading, for as long as it comes, a body that nobody wants.
            raw.append((b"connection", b"close"))
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Sends bytes of the body; waits while the client does not take them."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def respond(
        self, status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Sends a whole answer; to a HEAD request without its body."""
        await self.start(status, {"content-type": content_type, "content-length": str(len(body)), **(headers or {})})
        data = b"" if self.verb == "HEAD" else body
        if self._body_left:
            await self.write(data)
            await self._linger()
            data = b""
        await self.write(data, more=False)

    async def _linger(self) -> None:
        """Reads on for a while and forgets it: to close on a client that still sends would take the answer from it."""
        if "expect" in self.headers:
            return  # it waits for the answer before it sends
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self._body_left:
                    async with asyncio.timeout(LINGER_IDLE_S):
                        event = await self.receive()
                    self._body_left = event.get("more_body", False)

    async def refuse(self, error: DomainError | Refusal, form: ErrorForm) -> None:
        """Sends an error."""
        if isinstance(error, Refusal):
            status, headers, error = error.status, error.headers, error.error
        else:
            status, headers = form.status(error), {}
        await self.respond(status, JSON, form.write(error), {**refusals.retry_headers(error), **headers})
