"""The ASGI application: guards at the door, then the route's endpoint."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from milepost_server.calls.call import Call, call_id_of
from milepost_server.calls.dispatcher import Dispatcher, to_domain_error, unexpected
from milepost_server.calls.handlers import HandlerTable
from milepost_server.errors import DomainError
from milepost_server.rest import refusals
from milepost_server.rest.bodies import is_bytes
from milepost_server.rest.dialects import dialect_at
from milepost_server.rest.downloads import DownloadEndpoint
from milepost_server.rest.exchange import Exchange, Receive, Scope, Send
from milepost_server.rest.openapi import document
from milepost_server.rest.places import Place, Places
from milepost_server.rest.refusals import Refusal
from milepost_server.rest.routes import Route, RouteTable
from milepost_server.rest.streams import StreamEndpoint
from milepost_server.rest.transcoder import Endpoint, UnaryEndpoint, deadline
from milepost_server.rest.uploads import LinesEndpoint, UploadEndpoint

_log = logging.getLogger(__name__)
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+))(?::[0-9]+)?", re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

# Answers a plain GET: status, content type, body.
Page = Callable[[], Awaitable[tuple[int, str, bytes]]]


class RestApp:
    """Answers HTTP for every method of the table that has an HTTP rule, and for some plain pages.

    Args:
        table: The methods.
        dispatcher: Runs them.
        max_body_bytes: Most bytes of a request body that is no stream of bytes.
        allowed_hosts: Names, besides IP addresses and `localhost`, by which the server may be called; `*` for any.
        pages: Further paths for GET, such as `/healthz`. `/openapi.json` is there by itself.
        places: Further paths, which code of their own answers. They go before all others, and pass the same guards.

    Raises:
        TypeError: An HTTP rule or a place cannot be served or clashes with another. The server must not start.
    """

    def __init__(
        self,
        table: HandlerTable,
        dispatcher: Dispatcher,
        *,
        max_body_bytes: int,
        allowed_hosts: Sequence[str],
        pages: Mapping[str, Page],
        places: Iterable[Place] = (),
    ) -> None:
        self._routes = RouteTable(table)
        self._endpoints = {route: _endpoint(route, dispatcher, max_body_bytes) for route in self._routes.routes}
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        self._is_own_host = lru_cache(maxsize=256)(self._check_host)
        self._openapi: bytes | None = None
        self._pages: dict[str, Page] = {"/openapi.json": self._openapi_page, **pages}
        self._places = Places(places)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope. Life-span events need nothing here; WebSockets are refused."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close"})
            return
        exchange = Exchange(scope, receive, send)
        place, values = self._places.find(exchange.path)
        errors = dialect_at(exchange.path).errors if place is None else place.errors
        try:
            self._guard(exchange, unpacks=place is not None and place.unpacks)
            if place is not None:
                await self._visit(exchange, place, values)
                return
            found = await self._find(exchange)
            if found is not None:
                errors = found[0].dialect.errors
                await self._call(exchange, *found)
        except (DomainError, Refusal) as error:
            if exchange.started:
                # Leaving the answer incomplete makes the server cut the connection, so the client sees that it is.
                _log.warning("answer cut off", extra={"path": exchange.path, "error": str(error)})
            else:
                await exchange.refuse(error, errors)

    async def _find(self, exchange: Exchange) -> tuple[Route, list[str]] | None:
        """The route for a request, with the segments of its path. None when a page answered it."""
        path = exchange.path
        page = self._pages.get(path)
        if page is not None:
            if exchange.verb not in ("GET", "HEAD"):
                raise refusals.wrong_verb(exchange.verb, path, ["GET", "HEAD"])
            await exchange.respond(*await page())
            return None
        route, segments, allowed = self._routes.find(exchange.verb, path)
        if route is not None:
            return route, segments
        raise refusals.wrong_verb(exchange.verb, path, allowed) if allowed else dialect_at(path).no_such_path(path)

    async def _call(self, exchange: Exchange, route: Route, segments: list[str]) -> None:
        call = Call(route.method, "http", exchange.peer, exchange.headers, deadline(exchange))
        exchange.answer_headers["x-request-id"] = call.call_id
        try:
            await self._endpoints[route](exchange, call, segments)
        except (DomainError, Refusal):
            raise
        except Exception as raised:
            error = to_domain_error(raised, call)
            assert error is not None
            raise error from raised

    async def _visit(self, exchange: Exchange, place: Place, values: list[str]) -> None:
        call_id = exchange.answer_headers["x-request-id"] = call_id_of(exchange.headers)
        try:
            await self._places.answer(place, exchange, values)
        except (DomainError, Refusal):
            raise
        except Exception as raised:
            raise unexpected(raised, place.template, call_id) from raised

    def _guard(self, exchange: Exchange, *, unpacks: bool) -> None:
        """Refuses what a foreign web page could send, and requests that contradict themselves."""
        headers = exchange.headers
        given = headers.get("x-request-id")
        if given:
            exchange.answer_headers["x-request-id"] = given[:128]
        host = headers.get("host", "")
        if not self._is_own_host(host):
            raise refusals.foreign(
                "host", host, "Call it by an IP address or localhost, or add the name to allowed_hosts."
            )
        origin = headers.get("origin")
        if origin is not None and not _same_origin(origin, host):
            raise refusals.foreign("origin", origin, "Web pages of other sites may not call it.")
        if headers.get("sec-fetch-site") == "cross-site":
            raise refusals.foreign("sec-fetch-site", "cross-site", "Web pages of other sites may not call it.")
        if "content-length" in headers and "transfer-encoding" in headers:
            raise refusals.malformed_request("The request has both Content-Length and Transfer-Encoding. Send one.")
        encoding = headers.get("content-encoding", "identity")
        if encoding.lower() != "identity" and not unpacks:
            raise refusals.wrong_media_type("content encoding", encoding, "the body uncompressed")

    def _check_host(self, host: str) -> bool:
        name = _without_port(host).lower()
        if name == "localhost" or name in self._allowed_hosts or "*" in self._allowed_hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _openapi_page(self) -> tuple[int, str, bytes]:
        if self._openapi is None:
            self._openapi = document(self._routes.routes)
        return 200, "application/json", self._openapi


def _endpoint(route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> Endpoint:
    method = route.method
    kind: type[UnaryEndpoint | StreamEndpoint | DownloadEndpoint | UploadEndpoint | LinesEndpoint]
    if method.client_streaming:
        kind = UploadEndpoint if is_bytes(method.descriptor.input_type, route.body) else LinesEndpoint
    elif method.server_streaming:
        raw = is_bytes(method.descriptor.output_type, route.response_body)
        kind = DownloadEndpoint if raw else StreamEndpoint
    else:
        kind = UnaryEndpoint
    return kind(route, dispatcher, max_body_bytes)


def _without_port(host: str) -> str:
    """`[::1]:5000` as `::1`, `localhost:5000` as `localhost`; what is no host as it is."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]) if match else host


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None:
        return False
    return parts.netloc.lower().removesuffix(port) == host.lower().removesuffix(port)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
