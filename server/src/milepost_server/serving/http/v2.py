"""The Open Inference Protocol, version 2, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from milepost._version import __version__
from milepost_server.errors import Unimplemented, invalid_field
from milepost_server.rest import refusals
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.off_loop import off_loop_if_large
from milepost_server.serving.codecs import v2_json
from milepost_server.serving.codecs.parameters import timeout_s
from milepost_server.serving.http.asking import asked_over_http
from milepost_server.serving.http.bodies import read_unpacked
from milepost_server.serving.predicting import Answered, Predictions
from milepost_server.serving.servicers.inference_models import EXTENSIONS, InferenceModels, version_number

_BINARY = "application/octet-stream"
_MOST_DIGITS = 18
_HEADER_LENGTH = "inference-header-content-length"
# What is sent to load a model is small, or nothing that can be used here.
_MOST_REPOSITORY_BYTES = 64 * 1024


class V2Endpoints:
    """Answers. Each method takes the version of a model as its second value, if the path has one.

    Args:
        predictions: Predicts.
        models: The served models.
        max_body_bytes: Most bytes of a body.
        timeout_s: Most seconds until an answer.
    """

    def __init__(
        self, predictions: Predictions, models: InferenceModels, max_body_bytes: int, timeout_s: float
    ) -> None:
        self._predictions = predictions
        self._models = models
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s

    async def live(self, exchange: Exchange, values: list[str]) -> None:
        """That the server runs."""
        await _say(exchange, {"live": True})

    async def ready(self, exchange: Exchange, values: list[str]) -> None:
        """Whether all models can answer, by the status too."""
        await _say_ready(exchange, {}, self._models.all_ready())

    async def server(self, exchange: Exchange, values: list[str]) -> None:
        """Name and version of the server."""
        await _say(exchange, {"name": "milepost", "version": __version__, "extensions": EXTENSIONS})

    async def model(self, exchange: Exchange, values: list[str]) -> None:
        """What a model takes and gives."""
        found = self._models.metadata(values[0], _version(values))
        answer = {
            "name": found.name,
            "versions": list(found.versions),
            "platform": found.platform,
            "inputs": [_tensor(each) for each in found.inputs],
            "outputs": [_tensor(each) for each in found.outputs],
            "parameters": dict(found.parameters),
        }
        await _say(exchange, answer)

    async def model_ready(self, exchange: Exchange, values: list[str]) -> None:
        """Whether a model can answer, by the status too."""
        await _say_ready(exchange, {"name": values[0]}, self._models.ready(values[0], _version(values)))

    async def infer(self, exchange: Exchange, values: list[str]) -> None:
        """Predicts one batch."""
        version = version_number(_version(values))
        body = await read_unpacked(exchange, self._max_body_bytes)
        parsing = partial(v2_json.parse, body, _header_length(exchange))
        request = await off_loop_if_large(len(body), parsing)
        asked = asked_over_http(exchange, values[0], version, "v2", self._timeout(request.parameters))
        answered = await self._predictions.predict(asked, partial(v2_json.read, request), len(body))
        writing = partial(_write, request, answered)
        text, header_length = await off_loop_if_large(answered.payload.nbytes, writing)
        if header_length is None:
            await exchange.respond(200, JSON, text)
        else:
            await exchange.respond(200, _BINARY, text, {_HEADER_LENGTH: str(header_length)})

    async def index(self, exchange: Exchange, values: list[str]) -> None:
        """Lists the models."""
        asked = await self._repository_request(exchange)
        ready = asked.get("ready", False)
        if not isinstance(ready, bool):
            raise invalid_field("ready", "must be true or false")
        models = self._models.index("", ready).models
        await _say(
            exchange, [{"name": m.name, "version": m.version, "state": m.state, "reason": m.reason} for m in models]
        )

    async def load(self, exchange: Exchange, values: list[str]) -> None:
        """Serves a registered model."""
        parameters = _parameters(await self._repository_request(exchange))
        await self._models.load("", values[0], parameters)
        await exchange.respond(200, JSON, b"{}")

    async def unload(self, exchange: Exchange, values: list[str]) -> None:
        """Ends serving of a model."""
        parameters = _parameters(await self._repository_request(exchange))
        await self._models.unload("", values[0], parameters)
        await exchange.respond(200, JSON, b"{}")

    def _timeout(self, parameters: Mapping[str, Any]) -> float:
        given = timeout_s(parameters) if parameters else None
        return self._timeout_s if given is None else min(given, self._timeout_s)

    async def _repository_request(self, exchange: Exchange) -> dict[str, Any]:
        """The body, which stock clients may leave empty and send without a content type."""
        body = await read_unpacked(exchange, _MOST_REPOSITORY_BYTES)
        if not body:
            return {}
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise refusals.malformed_request("The body is no JSON. Send an object, or nothing.") from None
        if not isinstance(request, dict):
            raise refusals.malformed_request("The body is no JSON object. Send one, or nothing.")
        return request


async def missing(exchange: Exchange, values: list[str]) -> None:
    """Says that an extension of Triton's is not there."""
    raise Unimplemented(
        "Milepost does not have this part of the protocol: configurations and statistics of models, shared memory, "
        "tracing, log settings. /v2 lists the extensions that it has, and /metrics has figures of models."
    )


async def unknown(exchange: Exchange, values: list[str]) -> None:
    """Says that the protocol has no such path."""
    raise refusals.no_such_path(exchange.path)


def _version(values: list[str]) -> str:
    return values[1] if len(values) > 1 else ""


def _write(request: v2_json.InferRequest, answered: Answered) -> tuple[bytes, int | None]:
    version = answered.version
    return v2_json.write(request, answered.payload, version.contract, model=version.model, version=version.number)


def _tensor(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _header_length(exchange: Exchange) -> int | None:
    """How much of the body is JSON. None when all of it is. Stock clients may not say what the body is."""
    given = exchange.headers.get(_HEADER_LENGTH)
    if given is None:
        kind = exchange.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind not in (JSON, _BINARY):
            raise refusals.wrong_media_type("content type", kind, JSON)
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        raise refusals.malformed_request("The header Inference-Header-Content-Length is no number of bytes.")
    return int(given)


def _parameters(request: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = request.get("parameters", {})
    if not isinstance(parameters, dict):
        raise invalid_field("parameters", "must be an object")
    return parameters


async def _say(exchange: Exchange, answer: object) -> None:
    await exchange.respond(200, JSON, orjson.dumps(answer))


async def _say_ready(exchange: Exchange, answer: dict[str, Any], ready: bool) -> None:
    await exchange.respond(200 if ready else 503, JSON, orjson.dumps({**answer, "ready": ready}))
