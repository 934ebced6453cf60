"""Services that come and go while the listener runs, and reflection that shows them beside those that stay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection

from milepost_server.calls.handlers import Method

if TYPE_CHECKING:  # these have no type arguments when the program runs
    _Handler = grpc.RpcMethodHandler[Any, Any]
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _GenericHandler = grpc.GenericRpcHandler


class DynamicServices(Protocol):
    """The services that there are at the moment."""

    def find(self, name: str) -> Method | None:
        """The method of a name such as `milepost.v1.TrackingService/GetRun`; the same object as long as it stays."""

    def pools(self) -> Mapping[str, DescriptorPool]:
        """The full names of the services, each with the pool that describes it. No two describe the same names."""


class DynamicHandler(_GenericHandler):
    """Finds the handlers of calls.

    Args:
        services: What there is.
        make: Makes the handler of a method.
    """

    def __init__(self, services: DynamicServices, make: Callable[[Method], _Handler]) -> None:
        self._services = services
        self._make = make
        self._made: dict[str, tuple[Method, _Handler]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> _Handler | None:
        """The handler of a call; None when no service has such a method."""
        method = self._services.find(handler_call_details.method.removeprefix("/"))
        if method is None:
            return None
        made = self._made.get(method.name)
        if made is None or made[0] is not method:
            made = self._made[method.name] = method, self._make(method)
        return made[1]


class DynamicReflection:
    """The servicer of `grpc.reflection`. Each stream sees the services that there were when it was opened.

    Args:
        names: Full names of the services that stay, which the default pool describes.
        services: The others.
    """

    def __init__(self, names: Sequence[str], services: DynamicServices) -> None:
        self._names = names
        self._services = services

    async def ServerReflectionInfo(  # noqa: N802
        self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        """Answers the requests of a stream."""
        pools = self._services.pools()
        servicer = reflection.aio.ReflectionServicer(  # type: ignore[attr-defined]
            [*self._names, *pools], _Pools([descriptor_pool.Default(), *pools.values()])
        )
        async for response in servicer.ServerReflectionInfo(requests, context):
            yield response


class _Pools:
    """Several pools with what reflection asks of one. The first that has something answers."""

    def __init__(self, pools: Sequence[DescriptorPool]) -> None:
        self._pools = pools

    def FindFileByName(self, name: str) -> Any:  # noqa: N802
        return self._first(lambda pool: pool.FindFileByName(name))

    def FindFileContainingSymbol(self, symbol: str) -> Any:  # noqa: N802
        return self._first(lambda pool: pool.FindFileContainingSymbol(symbol))

    def FindMessageTypeByName(self, name: str) -> Any:  # noqa: N802
        return self._first(lambda pool: pool.FindMessageTypeByName(name))

    def FindExtensionByNumber(self, message: Any, number: int) -> Any:  # noqa: N802
        return message.file.pool.FindExtensionByNumber(message, number)

    def FindAllExtensions(self, message: Any) -> Any:  # noqa: N802
        return message.file.pool.FindAllExtensions(message)

    def _first(self, find: Callable[[DescriptorPool], Any]) -> Any:
        for pool in self._pools:
            try:
                return find(pool)
            except KeyError:
                continue
        raise KeyError
