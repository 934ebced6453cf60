"""A stream of inference requests: several at work at a time, so that they are predicted together, answered in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import to_domain_error
from milepost_server.errors import DomainError
from milepost_server.serving import inference as v2

Infer = Callable[[v2.ModelInferRequest, Call], Awaitable[v2.ModelInferResponse]]

# As many as are predicted together by default. Reading stops at so many, and flow control holds the client.
_MOST_UNANSWERED = 64
_WANTS_FINAL = "triton_enable_empty_final_response"
_IS_FINAL = "triton_final_response"


class InferenceStream:
    """One stream.

    Args:
        infer: Answers one request.
        call: The call that opened the stream.
    """

    def __init__(self, infer: Infer, call: Call) -> None:
        self._infer = infer
        self._call = call
        self._room = asyncio.Semaphore(_MOST_UNANSWERED)
        self._at_work: asyncio.Queue[asyncio.Task[list[v2.ModelStreamInferResponse]] | None] = asyncio.Queue()

    async def answers(
        self, requests: AsyncIterator[v2.ModelInferRequest]
    ) -> AsyncGenerator[v2.ModelStreamInferResponse, None]:
        """The answers, in the order of the requests.

        Raises:
            DomainError: A message could not be read; those before it are answered.
        """
        reader = asyncio.create_task(self._read(requests))
        task = None
        try:
            while (task := await self._at_work.get()) is not None:
                for response in await task:
                    yield response
                self._room.release()
            await reader
        finally:
            reader.cancel()
            while task is not None:
                task.cancel()
                task = None if self._at_work.empty() else self._at_work.get_nowait()

    async def _read(self, requests: AsyncIterator[v2.ModelInferRequest]) -> None:
        try:
            async for request in requests:
                await self._room.acquire()
                self._at_work.put_nowait(asyncio.create_task(self._answer(request)))
        finally:
            self._at_work.put_nowait(None)

    async def _answer(self, request: v2.ModelInferRequest) -> list[v2.ModelStreamInferResponse]:
        wants_final = _WANTS_FINAL in request.parameters and request.parameters[_WANTS_FINAL].bool_param
        try:
            answer = v2.ModelStreamInferResponse(infer_response=await self._infer(request, self._call))
        except Exception as raised:
            error = raised if isinstance(raised, DomainError) else to_domain_error(raised, self._call)
            answer = v2.ModelStreamInferResponse(
                error_message=str(error), infer_response=v2.ModelInferResponse(id=request.id)
            )
        if not wants_final:
            return [answer]
        answer.infer_response.parameters[_IS_FINAL].bool_param = False
        final = v2.ModelInferResponse(
            model_name=request.model_name, model_version=answer.infer_response.model_version, id=request.id
        )
        final.parameters[_IS_FINAL].bool_param = True
        return [answer, v2.ModelStreamInferResponse(infer_response=final)]
