"""`inference.GRPCInferenceService`: the Open Inference Protocol, version 2."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from milepost._version import __version__
from milepost_server.calls.call import Call
from milepost_server.errors import required_field
from milepost_server.serving import inference as v2
from milepost_server.serving.codecs import v2_messages
from milepost_server.serving.codecs.parameters import timeout_s
from milepost_server.serving.predicting import Answered, Asked, Predictions
from milepost_server.serving.servicers.asking import asked_by
from milepost_server.serving.servicers.inference_models import EXTENSIONS, InferenceModels, version_number
from milepost_server.serving.servicers.inference_stream import InferenceStream
from milepost_server.serving.together import Read

Predict = Callable[[Asked, Read, int], Awaitable[Answered]]


class InferenceServicer:
    """Asks served models in the form of KServe's and Triton's clients."""

    def __init__(self, predictions: Predictions, models: InferenceModels) -> None:
        self._predictions = predictions
        self._models = models

    async def server_live(self, request: v2.ServerLiveRequest, call: Call) -> v2.ServerLiveResponse:
        return v2.ServerLiveResponse(live=True)

    async def server_ready(self, request: v2.ServerReadyRequest, call: Call) -> v2.ServerReadyResponse:
        return v2.ServerReadyResponse(ready=self._models.all_ready())

    async def model_ready(self, request: v2.ModelReadyRequest, call: Call) -> v2.ModelReadyResponse:
        return v2.ModelReadyResponse(ready=self._models.ready(request.name, request.version))

    async def server_metadata(self, request: v2.ServerMetadataRequest, call: Call) -> v2.ServerMetadataResponse:
        return v2.ServerMetadataResponse(name="milepost", version=__version__, extensions=EXTENSIONS)

    async def model_metadata(self, request: v2.ModelMetadataRequest, call: Call) -> v2.ModelMetadataResponse:
        return self._models.metadata(request.name, request.version)

    async def model_infer(self, request: v2.ModelInferRequest, call: Call) -> v2.ModelInferResponse:
        return await self._infer(request, call, self._predictions.predict)

    async def model_stream_infer(
        self, requests: AsyncIterator[v2.ModelInferRequest], call: Call
    ) -> AsyncIterator[v2.ModelStreamInferResponse]:
        infer = partial(self._infer, predict=self._predictions.predict_patiently)
        async with aclosing(InferenceStream(infer, call).answers(requests)) as responses:
            async for response in responses:
                yield response

    async def repository_index(self, request: v2.RepositoryIndexRequest, call: Call) -> v2.RepositoryIndexResponse:
        return self._models.index(request.repository_name, request.ready)

    async def repository_model_load(
        self, request: v2.RepositoryModelLoadRequest, call: Call
    ) -> v2.RepositoryModelLoadResponse:
        await self._models.load(request.repository_name, request.model_name, _plain(request.parameters))
        return v2.RepositoryModelLoadResponse()

    async def repository_model_unload(
        self, request: v2.RepositoryModelUnloadRequest, call: Call
    ) -> v2.RepositoryModelUnloadResponse:
        await self._models.unload(request.repository_name, request.model_name, _plain(request.parameters))
        return v2.RepositoryModelUnloadResponse()

    async def _infer(self, request: v2.ModelInferRequest, call: Call, predict: Predict) -> v2.ModelInferResponse:
        if not request.model_name:
            raise required_field("model_name")
        version = version_number(request.model_version)
        asked = asked_by(call, request.model_name, version, "v2", _deadline(request))
        answered = await predict(asked, partial(v2_messages.read_request, request), _size(request))
        answering = answered.version
        return v2_messages.write_response(
            request, answered.payload, answering.contract, model=answering.model, version=answering.number
        )


def _deadline(request: v2.ModelInferRequest) -> float | None:
    """When the caller stops waiting by the parameter `timeout`."""
    if "timeout" not in request.parameters:
        return None
    seconds = timeout_s(v2_messages.read_parameters(request.parameters))
    return None if seconds is None else time.monotonic() + seconds


def _size(request: v2.ModelInferRequest) -> int:
    """Bytes of the elements."""
    raw = request.raw_input_contents
    return sum(map(len, raw)) if raw else request.ByteSize()


def _plain(parameters: Any) -> dict[str, Any]:
    # Those of repositories are another message with the same oneof.
    return v2_messages.read_parameters(parameters)
