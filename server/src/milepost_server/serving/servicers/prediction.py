"""`milepost.v1.PredictionService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.serving.codecs import native
from milepost_server.serving.predicting import Predictions
from milepost_server.serving.servicers.asking import asked_by, output_of
from milepost_server.serving.servicers.prediction_stream import PredictionStream


class PredictionServicer:
    """Asks served models in the native form."""

    def __init__(self, predictions: Predictions) -> None:
        self._predictions = predictions

    async def predict(self, request: pb.PredictRequest, call: Call) -> pb.PredictResponse:
        asked = asked_by(call, request.model, request.version, "milepost")
        answered = await self._predictions.predict(asked, partial(native.read, request.input))
        return pb.PredictResponse(output=output_of(request.input, answered))

    async def generate_predictions(
        self, request: pb.GeneratePredictionsRequest, call: Call
    ) -> AsyncIterator[pb.GeneratePredictionsResponse]:
        asked = asked_by(call, request.model, request.version, "milepost")
        async with aclosing(self._predictions.generate(asked, partial(native.read, request.input))) as pieces:
            async for piece in pieces:
                yield pb.GeneratePredictionsResponse(output=output_of(request.input, piece))

    async def stream_predict(
        self, requests: AsyncIterator[pb.StreamPredictRequest], call: Call
    ) -> AsyncIterator[pb.StreamPredictResponse]:
        async with aclosing(PredictionStream(self._predictions, call).answers(requests)) as responses:
            async for response in responses:
                yield response
