"""Connections to a server: made on first use, fork-safe, with timeouts, safe retries and one place that maps errors."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from milepost._methods import Method
from milepost._requests import Op
from milepost._version import __version__
from milepost.config import ClientConfig
from milepost.errors import MilepostError, WorkerLost, from_rpc_error

if TYPE_CHECKING:
    import grpc

Result = TypeVar("Result")

MAX_ATTEMPTS = 6
_MAX_LOST_WORKERS = 2
TRANSFER_ATTEMPT_S = 600.0
"""How long one attempt at moving an artifact may take; the next one goes on where it stopped."""

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 5.0
_USER = "milepost-user"
_LOOPBACK = ("127.", "localhost:", "[::1]:")

# Channels of a parent process. A forked child must not touch them, not even to destroy them.
_abandoned: list[Any] = []


def backoff_s(failures: int, error: MilepostError, longest_s: float) -> float:
    """How long to wait after so many failures in a row: doubling, with jitter, and never less than advised."""
    delay: float = min(_FIRST_DELAY_S * 2 ** min(failures - 1, 20), longest_s) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(delay, error.retry_after_s or 0.0)


def max_attempts(error: MilepostError) -> int:
    """Attempts that a call gets when the last one failed with `error`.

    What may itself have ended the process of a model is tried on one more, and not on all that the server starts anew.
    """
    return _MAX_LOST_WORKERS if isinstance(error, WorkerLost) else MAX_ATTEMPTS


def _caller(method: Method[Any, Any]) -> tuple[tuple[str, str], ...]:
    """Metadata that say who calls, for the events of the registry."""
    if not method.told:
        return ()
    from urllib.parse import quote

    from milepost import _provenance

    return ((_USER, quote(_provenance.user(), safe=" ", errors="replace")),)


class Attempts:
    """The attempts at one call, which share its id and its deadline."""

    def __init__(self, method: Method[Any, Any], timeout_s: float, *, retry: bool = True) -> None:
        self.call_id = secrets.token_hex(8)
        self.metadata = (("x-request-id", self.call_id), *_caller(method))
        self._retry = retry and method.repeatable
        self._deadline = time.monotonic() + timeout_s
        self._failures = 0

    def remaining_s(self) -> float:
        """Seconds left for the next attempt."""
        return max(self._deadline - time.monotonic(), 0.001)

    def delay_s(self, raised: grpc.RpcError) -> float:
        """How long to wait before the next attempt. Raises the mapped error when there must be none."""
        error = from_rpc_error(raised, self.call_id)
        self._failures += 1
        if not (self._retry and error.retriable) or self._failures >= max_attempts(error):
            raise error from raised
        delay = backoff_s(self._failures, error, _LONGEST_DELAY_S)
        if delay >= self.remaining_s():
            raise error from raised
        return delay


class _Connection:
    """A channel of this process with its callables."""

    def __init__(self, config: ClientConfig, make_channel: Callable[[str, list[tuple[str, Any]]], Any]) -> None:
        self.config = config
        self._make_channel = make_channel
        # Channel and callables by process. Changed by single dictionary operations only: threads that open together
        # come to share one channel, and there is no lock that a fork could leave held.
        self._open: dict[int, tuple[Any, dict[tuple[str, bool], Any]]] = {}

    def callable(self, method: Method[Any, Any], *, serialized: bool = False) -> Any:
        """What calls `method`, with request messages or with requests that are serialized already."""
        pid = os.getpid()
        opened = self._open.get(pid)
        if opened is None:
            self._abandon_parents()
            channel = self._make_channel(self.config.address, _options(self.config.address))
            opened = self._open.setdefault(pid, (channel, {}))
            if opened[0] is not channel:  # another thread was faster; only synchronous channels are used by several
                channel.close()
        channel, callables = opened
        found = callables.get((method.name, serialized))
        if found is None:
            kinds = {True: "stream", False: "unary"}
            kind = f"{kinds[method.descriptor.client_streaming]}_{kinds[method.descriptor.server_streaming]}"
            found = callables[method.name, serialized] = getattr(channel, kind)(
                method.path,
                request_serializer=None if serialized else method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
        return found

    def take(self) -> Any:
        """The channel, to be closed, when this process opened one."""
        self._abandon_parents()
        channel, _ = self._open.pop(os.getpid(), (None, {}))
        return channel

    def _abandon_parents(self) -> None:
        for pid in self._open.keys() - {os.getpid()}:
            _abandoned.append(self._open.pop(pid))


def _options(address: str) -> list[tuple[str, Any]]:
    return [
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.primary_user_agent", f"milepost-python/{__version__}"),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # Retries are ours: only we know which calls are safe to repeat.
        ("grpc.enable_retries", 0),
        # A forked child would otherwise find its parent's connection in the pool of the process.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0 if address.startswith(_LOOPBACK) else 1),
    ]


class Transport:
    """Synchronous calls. Safe to use from several threads, and from a forked child, which gets its own connection."""

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._connection = _Connection(config, _sync_channel)

    def call(self, op: Op[Result], timeout_s: float | None = None, *, retry: bool = True) -> Result:
        """Makes a unary call.

        Args:
            op: The call.
            timeout_s: Seconds that it may take, retries included. None for the client's default.
            retry: Whether to repeat it when that is safe and may help.

        Raises:
            MilepostError: It failed for good.
        """
        import grpc

        attempts = Attempts(op.method, self.config.timeout_s if timeout_s is None else timeout_s, retry=retry)
        while True:
            try:
                response = self._connection.callable(op.method)(
                    op.request, timeout=attempts.remaining_s(), metadata=attempts.metadata
                )
            except grpc.RpcError as raised:
                delay = attempts.delay_s(raised)
            else:
                return op.parse(response)
            time.sleep(delay)

    def upload(self, method: Method[Any, Any], requests: Iterable[Any], timeout_s: float) -> Any:
        """Makes one attempt at a call that streams up. Raises `MilepostError`."""
        import grpc

        attempts = Attempts(method, timeout_s, retry=False)
        try:
            return self._connection.callable(method)(
                iter(requests), timeout=attempts.remaining_s(), metadata=attempts.metadata
            )
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, attempts.call_id) from raised

    def download(self, method: Method[Any, Any], request: Any, timeout_s: float) -> Iterator[Any]:
        """Makes one attempt at a call that streams down; leaving it early cancels it. Raises `MilepostError`."""
        import grpc

        attempts = Attempts(method, timeout_s, retry=False)
        call = self._connection.callable(method)(request, timeout=attempts.remaining_s(), metadata=attempts.metadata)
        try:
            yield from call
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, attempts.call_id) from raised
        finally:
            call.cancel()

    def exchange(self, method: Method[Any, Any], requests: Iterable[bytes]) -> Exchange:
        """Begins a call that streams serialized requests up and responses down, for as long as it takes."""
        call_id = secrets.token_hex(8)
        call = self._connection.callable(method, serialized=True)(iter(requests), metadata=(("x-request-id", call_id),))
        return Exchange(call, call_id)

    def follow(self, method: Method[Any, Any], request: Any) -> Exchange:
        """Begins a call that streams responses down, for as long as it takes."""
        call_id = secrets.token_hex(8)
        return Exchange(self._connection.callable(method)(request, metadata=(("x-request-id", call_id),)), call_id)

    def start(
        self, method: Method[Any, Any], request: bytes, timeout_s: float, done: Callable[[MilepostError | None], None]
    ) -> None:
        """Makes one attempt at a unary call, in the background.

        Args:
            method: The method.
            request: Its serialized request.
            timeout_s: Seconds that it may take.
            done: Called from another thread with the error, or None.
        """
        attempts = Attempts(method, timeout_s, retry=False)

        def finished(future: grpc.Future[Any]) -> None:
            raised = future.exception()
            done(None if raised is None else from_rpc_error(cast("grpc.RpcError", raised), attempts.call_id))

        self._connection.callable(method, serialized=True).future(
            request, timeout=timeout_s, metadata=attempts.metadata
        ).add_done_callback(finished)

    def close(self) -> None:
        """Closes the connection. A later call opens a new one."""
        channel = self._connection.take()
        if channel is not None:
            channel.close()


class Exchange:
    """A call that streams responses, one after the other, for as long as it takes.

    Args:
        call: The call of grpcio.
        call_id: Its id in the server's log.
    """

    def __init__(self, call: Any, call_id: str) -> None:
        self._call = call
        self._call_id = call_id

    def __iter__(self) -> Iterator[Any]:
        """The responses, as they come. Raises `MilepostError`."""
        import grpc

        try:
            yield from self._call
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, self._call_id) from raised
        finally:
            self._call.cancel()

    def cancel(self) -> None:
        """Ends it at once."""
        self._call.cancel()


class AsyncExchange:
    """`Exchange` for `async for`."""

    def __init__(self, call: Any, call_id: str) -> None:
        self._call = call
        self._call_id = call_id

    async def __aiter__(self) -> AsyncIterator[Any]:
        """The responses, as they come. Raises `MilepostError`."""
        import grpc

        try:
            async for response in self._call:
                yield response
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, self._call_id) from raised
        finally:
            self._call.cancel()

    def cancel(self) -> None:
        """Ends it at once."""
        self._call.cancel()


class AsyncTransport:
    """Calls on grpc.aio, from one event loop."""

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._connection = _Connection(config, _async_channel)

    async def call(self, op: Op[Result], timeout_s: float | None = None, *, retry: bool = True) -> Result:
        """See `Transport.call`."""
        import grpc

        attempts = Attempts(op.method, self.config.timeout_s if timeout_s is None else timeout_s, retry=retry)
        while True:
            try:
                response = await self._connection.callable(op.method)(
                    op.request, timeout=attempts.remaining_s(), metadata=attempts.metadata
                )
            except grpc.RpcError as raised:
                delay = attempts.delay_s(raised)
            else:
                return op.parse(response)
            await asyncio.sleep(delay)

    async def upload(self, method: Method[Any, Any], requests: AsyncIterator[Any], timeout_s: float) -> Any:
        """See `Transport.upload`."""
        import grpc

        attempts = Attempts(method, timeout_s, retry=False)
        try:
            return await self._connection.callable(method)(
                requests, timeout=attempts.remaining_s(), metadata=attempts.metadata
            )
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, attempts.call_id) from raised

    async def download(self, method: Method[Any, Any], request: Any, timeout_s: float) -> AsyncIterator[Any]:
        """See `Transport.download`."""
        import grpc

        attempts = Attempts(method, timeout_s, retry=False)
        call = self._connection.callable(method)(request, timeout=attempts.remaining_s(), metadata=attempts.metadata)
        try:
            async for message in call:
                yield message
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, attempts.call_id) from raised
        finally:
            call.cancel()

    async def exchange(self, method: Method[Any, Any], requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Makes a call that streams both ways, for as long as it takes; leaving it early cancels it."""
        import grpc

        call_id = secrets.token_hex(8)
        call = self._connection.callable(method)(requests, metadata=(("x-request-id", call_id),))
        try:
            async for message in call:
                yield message
        except grpc.RpcError as raised:
            raise from_rpc_error(raised, call_id) from raised
        finally:
            call.cancel()

    def follow(self, method: Method[Any, Any], request: Any) -> AsyncExchange:
        """See `Transport.follow`."""
        call_id = secrets.token_hex(8)
        return AsyncExchange(self._connection.callable(method)(request, metadata=(("x-request-id", call_id),)), call_id)

    async def close(self) -> None:
        """Closes the connection. A later call opens a new one."""
        channel = self._connection.take()
        if channel is not None:
            await channel.close()


def _sync_channel(address: str, options: list[tuple[str, Any]]) -> Any:
    import grpc

    return grpc.insecure_channel(address, options=options)


def _async_channel(address: str, options: list[tuple[str, Any]]) -> Any:
    import grpc.aio

    return grpc.aio.insecure_channel(address, options=options)
