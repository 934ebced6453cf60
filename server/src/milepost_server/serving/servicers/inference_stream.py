"""A stream of inference requests: several at work at a time, so that they are predicted together, answered in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import to_domain_error
from milepost_server.errors import DomainError
from milepost_server.serving import inference as v2
from milepost_server.serving.servicers.ordered import in_order

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

    async def answers(
        self, requests: AsyncIterator[v2.ModelInferRequest]
    ) -> AsyncGenerator[v2.ModelStreamInferResponse, None]:
        """The answers, in the order of the requests.

        Raises:
            DomainError: A message could not be read; those before it are answered.
        """
        async with aclosing(in_order(requests, self._answer, _MOST_UNANSWERED)) as answers:
            async for responses in answers:
                for response in responses:
                    yield response

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
