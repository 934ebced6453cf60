"""The typed services of the models that are served now."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.errors import ModelFormatError
from milepost.models.contracts import package_of
from milepost.models.signatures.signature import ModelSignature
from milepost_server.calls.call import Call
from milepost_server.calls.handlers import Handler, Method
from milepost_server.rest.off_loop import off_loop_if_large
from milepost_server.serving.predicting import Answered, Asked, Predictions, Router
from milepost_server.serving.servicers.asking import asked_by
from milepost_server.serving.servicers.ordered import in_order
from milepost_server.serving.together import Read
from milepost_server.serving.typed.requests import Requests, same
from milepost_server.serving.typed.typed_model import TypedModel

_log = logging.getLogger(__name__)

# As many as are predicted together by default. Reading stops at so many, and flow control holds the client.
_MOST_UNANSWERED = 64

# `Predictions.predict`, or its like.
_Predict = Callable[[Asked, Read, int], Awaitable[Answered]]


class TypedServices:
    """A service for each served model that has a typed contract. Belongs to one event loop.

    Args:
        predictions: Answer the requests.
        router: Knows the contracts of versions.
        served: The signatures of the live versions, by the names of their models.
    """

    def __init__(
        self, predictions: Predictions, router: Router, served: Callable[[], Mapping[str, ModelSignature | None]]
    ) -> None:
        self._predictions = predictions
        self._router = router
        self._served = served
        # By the names of models. A signature that has no contract stands there too, so that this is found out once.
        self._made: dict[str, tuple[ModelSignature, _Service | None]] = {}

    def find(self, name: str) -> Method | None:
        """The method of a full name, such as `milepost.models.digits.Predictor/Predict`, as of now."""
        package = name.rpartition(".")[0]
        served = self._served()
        model = next((model for model in served if package_of(model) == package), None)
        if model is None:
            return None
        service = self._service(model, served[model])
        return service.methods.get(name) if service is not None else None

    def pools(self) -> Mapping[str, DescriptorPool]:
        """The full names of all services as of now, each with the pool that describes it."""
        found: dict[str, DescriptorPool] = {}
        for model, signature in self._served().items():
            service = self._service(model, signature)
            if service is not None:
                found.setdefault(service.name, service.pool)
        return found

    def _service(self, name: str, signature: ModelSignature | None) -> _Service | None:
        if signature is None:
            return None
        made = self._made.get(name)
        if made is not None and same(made[0], signature):
            return made[1]
        try:
            service = _Service(Requests(TypedModel(name, signature), self._router), self._predictions)
        except ModelFormatError as error:
            _log.info("model has no typed contract", extra={"model": name, "why": str(error)})
            service = None
        served = self._served()
        self._made = {model: each for model, each in self._made.items() if model in served}
        self._made[name] = signature, service
        return service


class _Service:
    """One service.

    Args:
        requests: Read by its contract.
        predictions: Answer the requests.
    """

    def __init__(self, requests: Requests, predictions: Predictions) -> None:
        self.name: str = requests.live.service.full_name
        self.pool = requests.live.pool
        self._requests = requests
        self._predictions = predictions
        handlers: Mapping[str, Handler] = {"Predict": self._predict, "StreamPredict": self._stream_predict}
        made = [_method(requests, name, handler) for name, handler in handlers.items()]
        self.methods = {method.name: method for method in made}

    async def _predict(self, request: Any, call: Call) -> Message:
        return await self._answer(self._predictions.predict, self._asked(request, call), request)

    async def _stream_predict(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Message]:
        async def answer(request: Any) -> Message:
            # Each request has the time that the server allows a prediction, not the rest of the stream's.
            asked = dataclasses.replace(self._asked(request, call), deadline=None)
            return await self._answer(self._predictions.predict_patiently, asked, request)

        async with aclosing(in_order(requests, answer, _MOST_UNANSWERED)) as responses:
            async for response in responses:
                yield response

    def _asked(self, request: Any, call: Call) -> Asked:
        return asked_by(call, self._requests.live.name, request.version, "typed")

    async def _answer(self, predict: _Predict, asked: Asked, request: Message) -> Message:
        model = self._requests.model_of(request)
        answered = await predict(asked, partial(model.read, request), request.ByteSize())
        return await off_loop_if_large(answered.payload.nbytes, partial(model.write, answered))


def _method(requests: Requests, name: str, handler: Handler) -> Method:
    service = requests.live.service
    return Method(
        name=f"{service.full_name}/{name}",
        descriptor=service.methods_by_name[name],
        request_class=cast(type[Message], requests),
        response_class=requests.live.response_class,
        handler=handler,
        permission=pb.PERMISSION_READ,
        cacheable=False,
        # Rules of protos are kept by the names of messages, which mean something else after a swap. The codec checks.
        checks_messages=True,
        watches=False,
    )
