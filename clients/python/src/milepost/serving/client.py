"""The synchronous client of model servers."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any

from milepost import v1 as pb
from milepost._channel import Transport
from milepost._pages import Pages
from milepost.config import DEFAULT_TIMEOUT_S, ClientConfig, get_serving_uri
from milepost.serving import _methods as rpc
from milepost.serving import _requests as req
from milepost.serving._requests import LOADING_TIMEOUT_S, Environment
from milepost.serving._stream import PredictionStream
from milepost.serving._values import Prediction, encode
from milepost.serving._window import MAX_IN_FLIGHT, Window


class ModelServer:
    """A connection to a model server. Connects on first use; `close` it or use it as a context manager.

    Args:
        address: gRPC address, `host:port` or `grpc://host:port`. None: `MILEPOST_SERVING_URI`, else `127.0.0.1:8081`.
        timeout_s: Seconds that a call may take, retries included. Verbs that may load a model wait longer.

    Raises:
        ValueError: The address is of another form.
    """

    def __init__(self, address: str | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.config = ClientConfig(get_serving_uri() if address is None else address, timeout_s)
        self._transport = Transport(self.config)

    def __repr__(self) -> str:
        return f"ModelServer({self.config.address!r})"

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        self._transport.close()

    # Predictions

    def predict(
        self,
        model: str,
        data: Any,
        params: Mapping[str, Any] | None = None,
        *,
        version: int = 0,
        id: str = "",
        timeout: float | None = None,
    ) -> Prediction:
        """Predicts one batch. Repeats it when the server or the model's process is away for a moment.

        Args:
            model: Name of the served model.
            data: The batch: an array, a mapping of arrays by name, a data frame of pandas, polars or pyarrow, or a list
                of rows, each a mapping or a list. The answer has the same form. Values arrive to the bit; integers in
                rows must be within 2^53.
            params: Params of the model, by name.
            version: A version that is loaded; 0 for the live one, or the canary.
            id: The caller's own name of the request, which comes back.
            timeout: Seconds. The server stops working on it, too.

        Raises:
            BadModelInput: The data or params are not those of the model's signature.
            ServedModelNotFound: No such model or version is served here.
            TooManyRequests: The queue of the model is full, and stayed so.
            ModelFailed: The model raised an error.
            WorkerLost: The model's process ended while it had the request, twice.
        """
        return self._transport.call(req.predict(model, encode(data), params, version, id), timeout)

    def generate(
        self,
        model: str,
        data: Any,
        params: Mapping[str, Any] | None = None,
        *,
        version: int = 0,
        id: str = "",
        timeout: float | None = None,
    ) -> Iterator[Prediction]:
        """The answer of a model that answers piece by piece, as its pieces come. Closing the iterator ends it.

        Nothing is repeated. Takes and raises what `predict` does, and `ModelCannotStream`.
        """
        encoded = encode(data)
        request = req.generate(model, encoded, params, version, id)
        timeout_s = self.config.timeout_s if timeout is None else timeout
        responses: Any = self._transport.download(rpc.GENERATE_PREDICTIONS, request, timeout_s)
        with closing(responses):
            for response in responses:
                yield encoded.read(response.output)

    def stream(self, model: str, *, version: int = 0, max_in_flight: int = MAX_IN_FLIGHT) -> PredictionStream:
        """Asks one model many times at once: the fastest way to have many small batches answered.

        Args:
            model: Name of the served model.
            version: As for `predict`.
            max_in_flight: Requests without an answer, 1 to 1,024, beyond which `submit` waits.
        """
        return PredictionStream(self._transport, Window(model, version, max_in_flight))

    # What is served

    def list(
        self, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> Pages[pb.ServedModel]:
        """Lists the served models by name.

        Args:
            page_size: Models asked for at once; 0 for the server's default.
            limit: Models in all.
            timeout: Seconds for each page.
        """
        op = req.list_served_models()

        def fetch(token: str, size: int) -> tuple[builtins.list[pb.ServedModel], str]:
            return self._transport.call(op.page(token, size), timeout)

        return Pages(fetch, page_size=page_size, limit=limit)

    def get(self, name: str, *, timeout: float | None = None) -> pb.ServedModel:
        """Reads one. Raises `ServedModelNotFound`."""
        return self._transport.call(req.get_served_model(name), timeout)

    def load(
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
        """Serves a model of the registry, or loads one anew that is served; returns when it is live.

        Args:
            source: `models:/NAME/VERSION`, `models:/NAME@ALIAS`, `models:/NAME/latest` or `models:/m-ID`.
            name: What callers call it. Empty for the registered model's name.
            workers: Number of processes. This and all below: as the server is set up unless given.
            max_batch_rows: Most rows of different requests that are predicted together; 1 to join none.
            max_batch_wait_s: Most seconds that a request waits for others, while there are others.
            max_queue: Most requests that wait for a process; further ones are refused.
            environment: `local` for the server's own, `uv` or `virtualenv` for one of the model's requirements.
            device: Index of the GPU that the model sees.
            timeout: Seconds.

        Raises:
            ModelNotLoadable: It could not be loaded, or did not answer its example. What was live before still is.
            NotFoundError: The registry has no such version or alias.
        """
        op = req.load_model(source, name, workers, max_batch_rows, max_batch_wait_s, max_queue, environment, device)
        return self._transport.call(op, timeout)

    def unload(self, name: str, *, timeout: float | None = None) -> None:
        """Ends serving of a model once the requests that it has are answered."""
        self._transport.call(req.unload_model(name), timeout)

    def set_live(self, name: str, version: int, *, timeout: float = LOADING_TIMEOUT_S) -> pb.ServedModel:
        """Gives a version of the registered model the traffic, and leaves the alias alone until `follow`."""
        return self._transport.call(req.set_live_version(name, version), timeout)

    def roll_back(self, name: str, *, timeout: float = LOADING_TIMEOUT_S) -> pb.ServedModel:
        """Gives the version the traffic that had it before, as `set_live` does. Raises `NoPreviousVersion`."""
        return self._transport.call(req.roll_back(name), timeout)

    def follow(self, name: str, *, timeout: float = LOADING_TIMEOUT_S) -> pb.ServedModel:
        """Follows the alias of the source again. Raises `NothingToFollow` when the source names none."""
        return self._transport.call(req.follow_alias(name), timeout)

    def set_canary(
        self, name: str, version: int, percent: float, *, timeout: float = LOADING_TIMEOUT_S
    ) -> pb.ServedModel:
        """Sends a share of the traffic to a version.

        Args:
            name: Name of the served model.
            version: A version of the same registered model; 0 to have no canary.
            percent: Its share of requests that name no version, 0 to 100.
            timeout: Seconds.
        """
        return self._transport.call(req.set_canary(name, version, percent), timeout)

    def set_shadow(
        self, name: str, version: int, percent: float = 100.0, *, timeout: float = LOADING_TIMEOUT_S
    ) -> pb.ServedModel:
        """Asks a version a copy of the traffic, and compares its answers with those that callers get.

        Args:
            name: Name of the served model.
            version: A version of the same registered model; 0 to have no shadow.
            percent: Share of requests to copy, 0 to 100.
            timeout: Seconds.
        """
        return self._transport.call(req.set_shadow(name, version, percent), timeout)
