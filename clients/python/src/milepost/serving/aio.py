"""The asynchronous client of model servers: the verbs of `ModelServer`, awaited, on grpc.aio."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any

from milepost import v1 as pb
from milepost._channel import AsyncTransport
from milepost._pages import AsyncPages
from milepost.config import DEFAULT_TIMEOUT_S, ClientConfig, get_serving_uri
from milepost.serving import _methods as rpc
from milepost.serving import _requests as req
from milepost.serving._aio_stream import AsyncPredictionStream
from milepost.serving._requests import LOADING_TIMEOUT_S, Environment
from milepost.serving._values import Prediction, encode
from milepost.serving._window import MAX_IN_FLIGHT, Window


class AsyncModelServer:
    """See `milepost.serving.ModelServer`. Belongs to the event loop that first uses it."""

    def __init__(self, address: str | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.config = ClientConfig(get_serving_uri() if address is None else address, timeout_s)
        self._transport = AsyncTransport(self.config)

    def __repr__(self) -> str:
        return f"AsyncModelServer({self.config.address!r})"

    async def __aenter__(self) -> AsyncModelServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """See `ModelServer.close`."""
        await self._transport.close()

    # Predictions

    async def predict(
        self,
        model: str,
        data: Any,
        params: Mapping[str, Any] | None = None,
        *,
        version: int = 0,
        id: str = "",
        timeout: float | None = None,
    ) -> Prediction:
        """See `ModelServer.predict`."""
        return await self._transport.call(req.predict(model, encode(data), params, version, id), timeout)

    async def generate(
        self,
        model: str,
        data: Any,
        params: Mapping[str, Any] | None = None,
        *,
        version: int = 0,
        id: str = "",
        timeout: float | None = None,
    ) -> AsyncIterator[Prediction]:
        """See `ModelServer.generate`."""
        encoded = encode(data)
        request = req.generate(model, encoded, params, version, id)
        timeout_s = self.config.timeout_s if timeout is None else timeout
        responses: Any = self._transport.download(rpc.GENERATE_PREDICTIONS, request, timeout_s)
        async with aclosing(responses):
            async for response in responses:
                yield encoded.read(response.output)

    def stream(self, model: str, *, version: int = 0, max_in_flight: int = MAX_IN_FLIGHT) -> AsyncPredictionStream:
        """See `ModelServer.stream`."""
        return AsyncPredictionStream(self._transport, Window(model, version, max_in_flight))

    # What is served

    def list(
        self, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> AsyncPages[pb.ServedModel]:
        """See `ModelServer.list`."""
        op = req.list_served_models()

        async def fetch(token: str, size: int) -> tuple[builtins.list[pb.ServedModel], str]:
            return await self._transport.call(op.page(token, size), timeout)

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def get(self, name: str, *, timeout: float | None = None) -> pb.ServedModel:
        """See `ModelServer.get`."""
        return await self._transport.call(req.get_served_model(name), timeout)

    async def load(
        self,
        source: str,
        *,
        name: str = "",
        workers: int | None = None,
        max_batch_rows: int | None = None,
        max_batch_wait_s: float | None = None,
        max_queue: int | None = None,
        environment: Environment = "",
        device: int | None = None,
        timeout: float = LOADING_TIMEOUT_S,
    ) -> pb.ServedModel:
        """See `ModelServer.load`."""
        op = req.load_model(source, name, workers, max_batch_rows, max_batch_wait_s, max_queue, environment, device)
        return await self._transport.call(op, timeout)

    async def unload(self, name: str, *, timeout: float | None = None) -> None:
        """See `ModelServer.unload`."""
        await self._transport.call(req.unload_model(name), timeout)

    async def set_live(self, name: str, version: int, *, timeout: float = LOADING_TIMEOUT_S) -> pb.ServedModel:
        """See `ModelServer.set_live`."""
        return await self._transport.call(req.set_live_version(name, version), timeout)

    async def roll_back(self, name: str, *, timeout: float = LOADING_TIMEOUT_S) -> pb.ServedModel:
        """See `ModelServer.roll_back`."""
        return await self._transport.call(req.roll_back(name), timeout)

    async def follow(self, name: str, *, timeout: float = LOADING_TIMEOUT_S) -> pb.ServedModel:
        """See `ModelServer.follow`."""
        return await self._transport.call(req.follow_alias(name), timeout)

    async def set_canary(
        self, name: str, version: int, percent: float, *, timeout: float = LOADING_TIMEOUT_S
    ) -> pb.ServedModel:
        """See `ModelServer.set_canary`."""
        return await self._transport.call(req.set_canary(name, version, percent), timeout)

    async def set_shadow(
        self, name: str, version: int, percent: float = 100.0, *, timeout: float = LOADING_TIMEOUT_S
    ) -> pb.ServedModel:
        """See `ModelServer.set_shadow`."""
        return await self._transport.call(req.set_shadow(name, version, percent), timeout)
