"""Registered models with versions that do different things, for the tests of the model server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import numpy as np

import milepost
from milepost.models import ModelSignature, save_model
from milepost.models.registry.publishing import upload_model
from milepost.models.signatures.schema import Schema, Tensor
from support.values import unique

SIGNATURE = ModelSignature(Schema((Tensor("float64", (-1, 1)),)), Schema((Tensor("float64", (-1,)),)))
EXAMPLE = np.array([[1.0], [2.0]])
WAIT_S = 60.0

# Answers each row with the number `answer`: a 7 once there is the file `gate`, if one is named, and none while there is
# the file `broken`.
_SCRIPT = """
import os, time
from pathlib import Path
import numpy as np
from milepost.models import set_model


class Model:
    def predict(self, data, params=None):
        if os.path.exists({broken!r}):
            raise ValueError("secret")
        gate = {gate!r}
        if gate and (data == 7).any():
            Path(gate + ".entered").touch()
            while not os.path.exists(gate):
                time.sleep(0.005)
        return np.full(len(data), {answer}) + (data.std() if {mixes} else 0)


set_model(Model())
"""


class RegisteredModel:
    """A registered model of a real tracking server.

    Args:
        client: Of the server.
        folder: Where its models are saved.
    """

    def __init__(self, client: milepost.Client, folder: Path) -> None:
        self.client = client
        self.name = unique("served")
        self.uri = f"models:/{self.name}@champion"
        self._folder = folder
        self._run = client.runs.create()
        self._numbers = itertools.count(1)

    def add(
        self,
        answer: float,
        *,
        fails: bool = False,
        mixes: bool = False,
        gate: str = "",
        example: bool = True,
        batching: bool = False,
        champion: bool = False,
        signature: ModelSignature = SIGNATURE,
    ) -> int:
        """Registers a version and returns its number.

        Args:
            answer: What it answers to each row.
            fails: Whether it fails from now on, also at its example.
            mixes: Whether its answers depend on all rows of the batch.
            gate: A row of 7 makes the file `gate.entered`, and is answered once there is the file `gate`.
            example: Whether it has an input example.
            batching: Whether it says that its rows may be predicted together.
            champion: Whether the alias `champion` points to it.
            signature: What it says it takes.
        """
        number = next(self._numbers)
        folder = self._folder / f"{self.name}-{number}"
        script, broken = folder.with_suffix(".py"), folder.with_suffix(".broken")
        script.write_text(dedent(_SCRIPT).format(answer=answer, broken=str(broken), mixes=mixes, gate=gate))
        save_model(
            script,
            folder,
            signature=signature,
            input_example=EXAMPLE if example else None,
            metadata={"milepost.batching": True} if batching else None,
        )
        if fails:  # a model that cannot answer its example cannot be saved, either
            broken.touch()
        logged = upload_model(self.client, self.client.logged_models.create(self._run.run_id, "model"), folder)
        version = self.client.model_versions.create(self.name, model_id=logged.model_id, create_model=True)
        if champion:
            version.set_alias("champion")
        return int(version.version)

    def move(self, version: int) -> None:
        """Points the alias `champion` to a version."""
        self.client.registered_models.set_alias(self.name, "champion", version)


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.01)
