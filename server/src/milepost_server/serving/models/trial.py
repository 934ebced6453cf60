"""Asks a version its input example before anybody else asks it anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from milepost.errors import ModelError
from milepost.models._paths import inside
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.worker.payload import Payload, cut, join
from milepost_server.errors import DomainError, InvalidArgument
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import invocations
from milepost_server.serving.engine import Engine
from milepost_server.serving.models.comparison import compare
from milepost_server.serving.models.refusals import not_loadable
from milepost_server.serving.options import Options

NOT_TRIED = "It has no input example, so it was not tried before it became live."

_MOST_BYTES = 64 * 1024 * 1024
# Asked again by each process, so that what models do at their first answers does not slow the first callers.
_WARM_UP = 3
# Of the greatest number in an answer of float32 or shorter.
_SHORT_TOLERANCE = 1e-4
_REQUEST = "serving_input_path"


def read_request(folder: Path, descriptor: ModelDescriptor) -> bytes | None:
    """The input example as a request to `/invocations`; None when the model has none.

    Raises:
        ModelError: The descriptor names a file that is none of the model's.
    """
    name = (descriptor.input_example or {}).get(_REQUEST)
    if name is None:
        return None
    path = inside(folder, name, f"saved_input_example_info.{_REQUEST}")
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path.name}, the input example, cannot be read: {error.strerror}.") from error
    return content if len(content) <= _MOST_BYTES else None


class Trial:
    """Asks one version its example.

    Args:
        request: The example as a request to `/invocations`.
        contract: What the version takes.
        options: How it is run.
    """

    def __init__(self, request: bytes, contract: Contract, options: Options) -> None:
        self._options = options
        try:
            self._given, self._params = invocations.read(request, invocations.JSON, contract)
        except InvalidArgument as error:
            raise not_loadable(f"The model's input example does not fit its signature. {error}") from error

    async def answer(self, engine: Engine) -> Payload:
        """What the version answers.

        Raises:
            FailedPrecondition: `MODEL_NOT_LOADABLE`: it fails.
            DomainError: It did not get as far.
        """
        try:
            return await self._ask(engine, self._given)
        except DomainError as error:
            raise not_loadable(f"The model does not answer its input example. {error}") from error

    async def warm_up(self, engine: Engine) -> None:
        """Asks each process again a few times."""
        times = _WARM_UP * self._options.workers
        await asyncio.gather(*(self._ask(engine, self._given) for _ in range(times)), return_exceptions=True)

    async def joins(self, engine: Engine, answer: Payload) -> bool:
        """Whether rows are answered alike whatever other rows there are: the example twice at once, and its first row.

        Args:
            engine: Asked up to three times more.
            answer: What it answered to the example.
        """
        rows = self._given.rows
        if not rows:
            return True  # it is never joined with others
        try:
            twice = await asyncio.to_thread(join, [self._given, self._given])
            others = cut(await self._ask(engine, twice), [rows, rows])
            pairs = [(answer, other) for other in others]
            if rows > 1:
                first = await self._ask(engine, cut(self._given, [1, rows - 1])[0])
                pairs.append((cut(answer, [1, rows - 1])[0], first))
        except (DomainError, ModelError):
            return False
        if await asyncio.to_thread(_same, pairs):
            return True
        # Answers that are drawn by chance differ anyway, and say nothing of batches.
        return not await asyncio.to_thread(_same, [(answer, await self.answer(engine))])

    async def _ask(self, engine: Engine, payload: Payload) -> Payload:
        deadline = time.monotonic() + self._options.load_timeout_s
        return (await engine.predict(payload, self._params, deadline)).payload


def _same(pairs: Sequence[tuple[Payload, Payload]]) -> bool:
    return all(compare(one, other, _slack(one)).equal for one, other in pairs)


def _slack(answer: Payload) -> float:
    """Libraries add numbers in another order when there are more rows, which shows where numbers are short."""
    short = [array for array in answer.arrays if array.dtype.kind == "f" and array.dtype.itemsize < 8 and array.size]
    greatest = [float(np.abs(array, where=np.isfinite(array), out=np.zeros_like(array)).max()) for array in short]
    return _SHORT_TOLERANCE * max(greatest, default=0.0)
