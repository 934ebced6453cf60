"""The HTTP requests of webhooks: what they say, how they are signed, and where they may go.

Their forms are that of Standard Webhooks (https://www.standardwebhooks.com) and MLflow's. See `docs/webhooks.md`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from google.protobuf.json_format import MessageToDict

from milepost import v1 as pb
from milepost._version import __version__
from milepost_server.errors import InvalidArgument, invalid_field, quote

if TYPE_CHECKING:
    from httpcore import AsyncConnectionPool

_TIMEOUT_S = 30.0
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


@dataclass(frozen=True)
class Envelope:
    """How requests of a form are labelled and signed.

    Args:
        id_header: Name of the header with the id of the message.
        time_header: Name of the header with the time of the attempt.
        signature_header: Name of the header with the signature.
        key: The key that a secret stands for.
    """

    id_header: str
    time_header: str
    signature_header: str
    key: Callable[[str], bytes]


@dataclass(frozen=True)
class Message:
    """What a webhook is sent.

    Args:
        envelope: Its form.
        message_id: The same in every attempt.
        body: JSON.
    """

    envelope: Envelope
    message_id: str
    body: bytes

    def headers(self, secret: str, timestamp: int) -> dict[bytes | str, bytes | str]:
        """The headers of an attempt at a time, in seconds since the Unix epoch; signed when there is a secret."""
        form = self.envelope
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": f"milepost/{__version__}",
            form.id_header: self.message_id,
            form.time_header: str(timestamp),
        }
        if secret:
            headers[form.signature_header] = signature(form.key(secret), self.message_id, timestamp, self.body)
        return headers


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
        return not is_public(ip_address(host))
    except ValueError:
        return False


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether everybody can reach an address, and it is no way around to another."""
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


def delivery_of(event: pb.RegistryEvent, answer: Answer, *, attempt: int, began_us: int) -> pb.WebhookDelivery:
    """The record of an attempt to send an event."""
    delivery = pb.WebhookDelivery(
        sequence=event.sequence,
        attempt=attempt,
        http_status=answer.http_status,
        error=answer.error,
        duration_ms=answer.duration_ms,
    )
    delivery.time.FromMicroseconds(began_us)
    return delivery


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a request: `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(_SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()


STANDARD = Envelope("webhook-id", "webhook-timestamp", "webhook-signature", _key)
"""The form of Standard Webhooks."""
MLFLOW = Envelope("X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature", str.encode)
"""MLflow's form."""


class WebhookClient:
    """Sends requests. Redirects are not followed, proxies not used, and bodies of answers not read.

    Args:
        private_hosts: Hosts that may have private addresses.
    """

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._pool: AsyncConnectionPool | None = None

    async def send(self, url: str, secret: str, message: Message) -> Answer:
        """Sends a request and says what came of it. Never raises but when it is cancelled."""
        headers = message.headers(secret, int(time.time()))
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._opened().stream("POST", url, headers=headers, content=message.body) as response,
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
        if self._pool is not None:
            await self._pool.aclose()

    def _opened(self) -> AsyncConnectionPool:
        if self._pool is None:
            # Most servers have no webhooks, and start 0.2 s sooner without this.
            from milepost_server.services.webhook_network import open_pool

            self._pool = open_pool(self._private_hosts)
        return self._pool
