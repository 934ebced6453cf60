"""The HTTP requests of webhooks: what they say, how they are signed, and where they may go.

Form and signature are those of Standard Webhooks (https://www.standardwebhooks.com). See `docs/webhooks.md`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore
import orjson
from google.protobuf.json_format import MessageToDict

from milepost import v1 as pb
from milepost._version import __version__
from milepost_server.errors import InvalidArgument, invalid_field, quote

_TIMEOUT_S = 30.0
_MOST_CONNECTIONS = 20
_SECRET_PREFIX = "whsec_"  # noqa: S105  # how Standard Webhooks marks keys in base64


@dataclass(frozen=True)
class Answer:
    """What came of a request.

    Args:
        http_status: Status of the answer; 0 when there was none.
        error: Why it was no success; empty for 200-299.
        duration_ms: How long it took.
    """

    http_status: int
    error: str
    duration_ms: int


def check_url(url: str, private_hosts: Collection[str]) -> None:
    """Refuses a URL that requests may not go to, as far as the URL itself tells.

    Args:
        url: What a client set.
        private_hosts: Hosts that may have private addresses and be reached over `http`.

    Raises:
        InvalidArgument: It is no such URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_url(url, "it is no URL") from None
    if not host or parts.scheme not in ("http", "https") or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad_url(url, "it needs the form https://HOST/PATH, in ASCII without spaces")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad_url(url, "user names, passwords and fragments do not belong here; use a secret to sign requests")
    if host in private_hosts:
        return
    if parts.scheme != "https":
        raise _bad_url(url, "use https, or have the server's setting webhook_hosts name the host")
    if _is_private(host):
        raise _bad_url(url, "its address is not public; have the server's setting webhook_hosts name the host")


def _is_private(host: str) -> bool:
    """Whether a host is, on the face of it, not to be reached by everybody."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not _is_public(ip_address(host))
    except ValueError:
        return False


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return inner.is_global and not inner.is_multicast


def _bad_url(url: str, problem: str) -> InvalidArgument:
    return invalid_field(
        "webhook.url", f"{quote(url)} cannot be used: {problem}", reason=pb.ERROR_REASON_BAD_WEBHOOK_URL
    )


def body_of(event: pb.RegistryEvent) -> bytes:
    """The body that tells of an event, as JSON."""
    kind = pb.RegistryEvent.Kind.Name(event.kind).removeprefix("KIND_").lower()
    data = MessageToDict(event)
    return orjson.dumps({"type": f"registry.{kind}", "timestamp": data.get("time"), "data": data})


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a request: `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(_SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()


class WebhookClient:
    """Sends requests. Redirects are not followed, proxies not used, and bodies of answers not read.

    Args:
        private_hosts: Hosts that may have private addresses.
    """

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=10,
            network_backend=_GuardedNetwork(frozenset(private_hosts)),
        )

    async def send(self, url: str, secret: str, message_id: str, body: bytes) -> Answer:
        """Sends a request and says what came of it. Never raises but when it is cancelled."""
        timestamp = int(time.time())
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": f"milepost/{__version__}",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if secret:
            headers["webhook-signature"] = signature(secret, message_id, timestamp, body)
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._pool.stream("POST", url, headers=headers, content=body) as response,
            ):
                status: int = response.status
        except TimeoutError:
            status, error = 0, f"no answer within {_TIMEOUT_S:g} s"
        # Of any kind: what a foreign server does must not stop deliveries to others.
        except Exception as failure:
            status, error = 0, (str(failure) or type(failure).__name__)[:1000]
        else:
            error = "" if 200 <= status < 300 else f"the answer has status {status}"
        return Answer(status, error, int((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()


class _GuardedNetwork(httpcore.AnyIOBackend):
    """Connects to public addresses only. It looks up and connects by itself, so that no second look-up differs."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        super().__init__()
        self._private_hosts = private_hosts

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore. Raises `ConnectError` for an address that is not public."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
        if host not in self._private_hosts and not all(_is_public(ip_address(address)) for address in addresses):
            raise httpcore.ConnectError(f"the host {host} has an address that is not public")
        failure: Exception | None = None
        for address in addresses:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError(f"the host {host} has no address")
