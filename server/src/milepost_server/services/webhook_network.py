"""Connections of webhooks: to addresses that everybody can reach, unless the server's settings name the host."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import httpcore

from milepost_server.services.webhook_requests import is_public

_MOST_CONNECTIONS = 20


def open_pool(private_hosts: frozenset[str]) -> httpcore.AsyncConnectionPool:
    """Connections that are made when they are needed. Redirects are not followed and proxies not used.

    Args:
        private_hosts: Hosts that may have private addresses.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        max_connections=_MOST_CONNECTIONS,
        keepalive_expiry=10,
        network_backend=_GuardedNetwork(private_hosts),
    )


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
        if host not in self._private_hosts and not all(is_public(ip_address(address)) for address in addresses):
            raise httpcore.ConnectError(f"the host {host} has an address that is not public")
        failure: Exception | None = None
        for address in addresses:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError(f"the host {host} has no address")
