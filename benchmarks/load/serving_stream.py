"""Predictions by one `StreamPredict` call: each caller waits for its answer and then asks again by the same stream.

Callers whose answers came in one message ask again in one message. Inputs are serialized ahead, and answers parsed to
see whose they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import uvloop

from benchmarks.load.counting import Report, arguments, read_payloads, watch, write
from milepost import v1 as pb

_PATH = "/milepost.v1.PredictionService/StreamPredict"


class Stream:
    """A stream with several callers.

    Args:
        port: gRPC port of the server.
        model: Name of the served model.
        callers: Requests in flight.
        inputs: Serialized `PredictInput` messages, of which each caller has one.
    """

    def __init__(self, port: int, model: str, callers: int, inputs: list[bytes]) -> None:
        self.seconds: list[float] = []
        self.error = ""
        # Two messages that are concatenated are one message, with the repeated fields of both.
        self._requests = [_request(str(i), inputs[i % len(inputs)]) for i in range(callers)]
        self._began = [0.0] * callers
        self._model = pb.StreamPredictRequest(model=model).SerializeToString()
        self._ready: asyncio.Queue[list[int]] = asyncio.Queue()
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self._call = self._channel.stream_stream(_PATH, None, pb.StreamPredictResponse.FromString)(self._messages())
        self._reader = asyncio.create_task(self._read())

    async def _messages(self) -> AsyncIterator[bytes]:
        yield self._model + self._ask(list(range(len(self._requests))))
        while True:
            yield self._ask(await self._ready.get())

    def _ask(self, callers: list[int]) -> bytes:
        now = time.monotonic()
        for caller in callers:
            self._began[caller] = now
        return b"".join(self._requests[caller] for caller in callers)

    async def _read(self) -> None:
        try:
            async for response in self._call:
                now = time.monotonic()
                callers = [int(output.id) for output in response.outputs]
                self.seconds += [now - self._began[caller] for caller in callers]
                failed = [output.error.message for output in response.outputs if output.HasField("error")]
                if failed:
                    self.error = f"an input was refused: {failed[0]}"
                    return
                self._ready.put_nowait(callers)
        except grpc.aio.AioRpcError as error:
            self.error = f"the stream ended: {error.details()}"

    def close(self) -> None:
        """Ends the stream."""
        self._reader.cancel()
        self._call.cancel()


def _request(id: str, serialized: bytes) -> bytes:
    given = pb.PredictInput.FromString(serialized)
    given.id = id
    return pb.StreamPredictRequest(inputs=[given]).SerializeToString()


async def _run() -> Report:
    parser = arguments()
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    stream = Stream(options.port, options.model, options.callers, read_payloads(options.payloads))
    return await watch([stream], options.server_pid, options.seconds)


if __name__ == "__main__":
    write(uvloop.run(_run()))
