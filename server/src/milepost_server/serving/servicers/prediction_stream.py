"""A stream of predictions: many inputs at work at a time, answers as they are ready."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from functools import partial
from typing import Any

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import to_domain_error
from milepost_server.calls.rules import rules_for
from milepost_server.errors import invalid_field, required_field, to_status
from milepost_server.serving.codecs import native
from milepost_server.serving.predicting import Asked, Predictions
from milepost_server.serving.servicers.asking import asked_by, output_of

# What `StreamPredict` promises in its proto.
_MOST_UNANSWERED = 1024
# Keeps answers that became ready together below the message size that clients accept by default.
_MOST_RESPONSE_BYTES = 1024 * 1024


class PredictionStream:
    """One stream.

    Args:
        predictions: Answers.
        call: The call that opened it.
    """

    def __init__(self, predictions: Predictions, call: Call) -> None:
        self._predictions = predictions
        self._call = call
        self._asked: Asked | None = None
        self._ready: list[pb.PredictOutput] = []
        self._at_work: set[asyncio.Task[None]] = set()
        self._unanswered = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def answers(
        self, requests: AsyncIterator[pb.StreamPredictRequest]
    ) -> AsyncGenerator[pb.StreamPredictResponse, None]:
        """The responses. Ends when all that was read is answered and the caller has closed its side.

        Raises:
            DomainError: A message breaks a rule, or names no model.
        """
        reader = asyncio.create_task(self._read(requests))
        reader.add_done_callback(lambda _: self._changed.set())
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                while self._ready:
                    yield self._response()
                if reader.done() and not self._at_work:
                    break
            await reader
        finally:
            reader.cancel()
            for task in self._at_work:
                task.cancel()

    async def _read(self, requests: AsyncIterator[pb.StreamPredictRequest]) -> None:
        rules = rules_for(pb.StreamPredictRequest.DESCRIPTOR)
        async for request in requests:
            rules.check(request, "")
            asked = self._target(request)
            if self._unanswered >= _MOST_UNANSWERED:
                self._room.clear()
                await self._room.wait()
            inputs = request.inputs[:]
            self._unanswered += len(inputs)
            if len(inputs) > 1:
                self._start(self._answer_all(asked, inputs))
            else:
                self._start_each(asked, inputs)

    def _start_each(self, asked: Asked, inputs: Sequence[pb.PredictInput]) -> None:
        for given in inputs:
            self._start(self._answer(asked, given))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._done)

    def _target(self, request: pb.StreamPredictRequest) -> Asked:
        """Whom the stream asks, which its first message says once for all."""
        if self._asked is None:
            if not request.model:
                raise required_field("model")
            self._asked = asked_by(self._call, request.model, request.version, "milepost")
        elif (request.model and request.model != self._asked.model) or (
            request.version and request.version != self._asked.version
        ):
            raise invalid_field("model", "must be that of the stream's first message; open another stream")
        # Each input has the time that the server allows a prediction, not the rest of the stream's.
        return dataclasses.replace(self._asked, deadline=None)

    async def _answer_all(self, asked: Asked, inputs: Sequence[pb.PredictInput]) -> None:
        """Answers inputs of one message by one prediction, or if that does not work, one by one."""
        try:
            reads = [partial(native.read, given) for given in inputs]
            answers = await self._predictions.predict_together(asked, reads)
            outputs = None if answers is None else [output_of(*each) for each in zip(inputs, answers, strict=True)]
        except Exception:
            outputs = None  # each meets its own error below
        if outputs is None:
            self._start_each(asked, inputs)
        else:
            self._ready += outputs

    async def _answer(self, asked: Asked, given: pb.PredictInput) -> None:
        try:
            # Flow control holds the caller, who would only ask again.
            answered = await self._predictions.predict_patiently(asked, partial(native.read, given))
            output = output_of(given, answered)
        except Exception as raised:
            error = to_domain_error(raised, self._call)
            assert error is not None  # it is for what is no `Exception` only
            output = pb.PredictOutput(id=given.id, error=to_status(error))
        self._ready.append(output)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        self._changed.set()

    def _response(self) -> pb.StreamPredictResponse:
        """The answers that are ready, as many as one message should have."""
        taken, size = 0, 0
        for output in self._ready:
            size += output.ByteSize()
            taken += 1
            if size > _MOST_RESPONSE_BYTES:
                break
        response = pb.StreamPredictResponse(outputs=self._ready[:taken])
        del self._ready[:taken]
        self._unanswered -= taken
        if self._unanswered < _MOST_UNANSWERED:
            self._room.set()
        return response
