"""Engines of the models of `serving_models`, and what one asks them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.worker.payload import Payload
from milepost_server.serving.engine import Engine
from milepost_server.serving.execution import start_engine
from milepost_server.serving.options import Options

OPTIONS = Options(trust=True, spares=0, predict_timeout_s=30)


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Engine]:
    """An engine, closed at the end whatever it has still to do."""
    engine = await start_engine(folder, ModelDescriptor.read(folder), replace(OPTIONS, **options))
    try:
        yield engine
    finally:
        await engine.close(0)


def texts(*rows: str) -> Payload:
    """A batch for an acting model."""
    return Payload("array", [np.array(rows, dtype=object)])


async def ask(engine: Engine, *rows: str, deadline: float | None = None) -> list[str]:
    """The rows that an acting model answers."""
    prediction = await engine.predict(texts(*rows), deadline=deadline)
    return [str(row) for row in prediction.payload.arrays[0]]


class Gate:
    """Holds a worker at its work: `row` makes an acting model wait until `open` is called."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gate"
        self.row = f"wait {self._path}"

    async def reached(self) -> None:
        """Returns when the worker has come to the row."""
        await exists(self._path.with_name("gate.started"))

    def open(self) -> None:
        """Lets it go on."""
        self._path.touch()


async def exists(path: Path) -> None:
    """Returns when there is such a file."""
    await until(path.exists)


async def until(condition: Callable[[], object]) -> None:
    """Returns when a condition holds."""
    while not condition():  # noqa: ASYNC110  # nobody tells of it
        await asyncio.sleep(0.005)
