"""`/invocations`, as MLflow's scoring server answers it."""

from __future__ import annotations

from functools import partial

from milepost_server.errors import InvalidArgument, NotFound
from milepost_server.rest import refusals
from milepost_server.rest.bodies import has_media_type
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.off_loop import off_loop_if_large
from milepost_server.serving.codecs import invocations
from milepost_server.serving.http.asking import asked_over_http
from milepost_server.serving.http.bodies import read_unpacked
from milepost_server.serving.predicting import Predictions
from milepost_server.serving.servicers.inference_models import version_number


class Invocations:
    """Predicts for HTTP clients.

    Args:
        predictions: Answers.
        max_body_bytes: Most bytes of a body.
        timeout_s: Most seconds until the answer.
    """

    def __init__(self, predictions: Predictions, max_body_bytes: int, timeout_s: float) -> None:
        self._predictions = predictions
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s

    async def of_only_model(self, exchange: Exchange, values: list[str]) -> None:
        """Asks the only model that is served."""
        try:
            await self._predict(exchange, "", 0)
        except NotFound as error:
            remedy = "/models/NAME/invocations asks the model of that name."
            raise InvalidArgument(f"{error} {remedy}", reason=error.reason) from None

    async def of_model(self, exchange: Exchange, values: list[str]) -> None:
        """Asks a model."""
        await self._predict(exchange, values[0], 0)

    async def of_version(self, exchange: Exchange, values: list[str]) -> None:
        """Asks a version of a model."""
        await self._predict(exchange, values[0], version_number(values[1]))

    async def _predict(self, exchange: Exchange, model: str, version: int) -> None:
        asked = asked_over_http(exchange, model, version, "invocations", self._timeout_s)
        content_type = _content_type(exchange)
        body = await read_unpacked(exchange, self._max_body_bytes)
        read = partial(invocations.read, body, content_type)
        answered = await self._predictions.predict(asked, read, len(body))
        text = await off_loop_if_large(answered.payload.nbytes, partial(invocations.write, answered.payload))
        await exchange.respond(200, JSON, text)


def _content_type(exchange: Exchange) -> str:
    """The type of the body, without parameters."""
    for known in invocations.CONTENT_TYPES:
        if has_media_type(exchange, known):
            return known
    given = exchange.headers.get("content-type", "")
    wanted = f"{', '.join(invocations.CONTENT_TYPES)}, in UTF-8"
    raise refusals.wrong_media_type("content type", given, wanted)
