"""Canaries and shadows: who gets which share of the traffic, and what is told of the difference."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import milepost
from milepost import v1 as pb
from milepost.models import ModelSignature
from milepost.models.signatures.schema import Schema, Tensor
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument, NotFound
from milepost_server.serving.models.comparison import compare
from milepost_server.serving.models.registry_source import RegistrySource
from milepost_server.serving.models.repository import Repository
from milepost_server.serving.options import Options
from milepost_server.serving.predicting import Asked, Predictions
from support.servers import RunningServer
from support.serving_registry import RegisteredModel, until


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def model(client: milepost.Client, tmp_path: Path) -> RegisteredModel:
    made = RegisteredModel(client, tmp_path)
    made.add(1)
    made.add(2)
    return made


@pytest.fixture
async def repository(server: RunningServer, model: RegisteredModel) -> AsyncIterator[Repository]:
    """Serves version 1."""
    options = Options(trust=True, spares=0, max_queue=4)
    made = Repository(RegistrySource(server.grpc_address), options, chance=random.Random(6))
    await made.load(f"models:/{model.name}/1")
    yield made
    await made.close(10)


async def ask(repository: Repository, version: int = 0, row: float = 1.0) -> float:
    given = Payload("array", [np.array([[row]])])
    answered = await Predictions(repository, []).predict(Asked("", version), lambda contract: (given, None))
    return float(answered.payload.arrays[0][0])


async def test_a_canary_gets_its_share_until_it_is_live(repository: Repository, model: RegisteredModel) -> None:
    served = await repository.set_canary(model.name, 2, 20.0)
    assert (served.canary.version, served.canary.percent, served.live_version) == (2, 20.0, 1)
    answers = Counter([await ask(repository) for _ in range(400)])
    assert 50 <= answers[2] <= 110
    assert await ask(repository, 1) == 1
    assert await ask(repository, 2) == 2
    (canary,) = [version.engine for version in repository.versions() if version.number == 2]
    served = await repository.set_live(model.name, 2)
    assert not served.HasField("canary")
    await until(lambda: [version.engine for version in repository.versions()] == [canary])
    with pytest.raises(NotFound):
        await ask(repository, 1)
    with pytest.raises(InvalidArgument, match="version"):
        await repository.set_canary(model.name, 2, 1.0)


async def test_a_canary_that_is_ended_gets_nothing(repository: Repository, model: RegisteredModel) -> None:
    await repository.set_canary(model.name, 2, 100.0)
    assert await ask(repository) == 2
    await repository.set_canary(model.name, 0, 0.0)
    assert await ask(repository) == 1
    await until(lambda: len(list(repository.versions())) == 1)


async def test_a_shadow_answers_too_and_its_differences_are_counted(
    repository: Repository, model: RegisteredModel
) -> None:
    def shadow() -> pb.Shadow:
        return repository.get(model.name).shadow

    model.add(1 + 1e-9)
    await repository.set_shadow(model.name, 2, 100.0)
    assert await ask(repository) == 1
    await until(lambda: shadow().compared == 1)
    assert (shadow().different, shadow().max_difference) == (1, 1.0)
    await repository.set_shadow(model.name, 3, 100.0)
    assert await ask(repository) == 1
    await until(lambda: shadow().compared == 1)
    assert shadow().different == 0
    assert shadow().max_difference == pytest.approx(1e-9)
    await repository.set_shadow(model.name, 3, 0.0)
    await ask(repository)
    assert shadow().compared == 1


async def test_copies_that_fail_or_find_no_room_are_counted_and_nobody_waits_for_them(
    repository: Repository, model: RegisteredModel, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    model.add(1, gate=str(gate))
    await repository.set_shadow(model.name, 3, 100.0)
    for _ in range(6):
        assert await ask(repository, row=7) == 1
    assert repository.get(model.name).shadow.skipped == 2
    gate.touch()
    await until(lambda: repository.get(model.name).shadow.compared == 4)
    other = ModelSignature(Schema((Tensor("float64", (-1, -1)),)), None)
    await repository.set_shadow(model.name, model.add(1, signature=other), 100.0)
    await ask(repository)
    assert repository.get(model.name).shadow.failed == 1


def array(*values: Any) -> Payload:
    return Payload("array", [np.array(values)])


def value(content: Any) -> Payload:
    return Payload("value", value=content)


@pytest.mark.parametrize(
    ("one", "other", "equal", "greatest"),
    [
        (array(1.0, math.nan), array(1.0 + 1e-9, math.nan), True, 1e-9),
        (array(1.0, 5.0), array(1.0, 5.5), False, 0.5),
        (array(math.inf), array(math.inf), True, 0.0),
        (array(1.0), array(math.nan), False, 0.0),
        (array(1e-20), array(2e-20), False, 1e-20),
        (array(10_000_001), array(10_000_002), False, 1.0),
        (array("a"), array("a"), True, 0.0),
        (array("a"), array("b"), False, 0.0),
        (array(1.0), array(1.0, 1.0), False, 0.0),
        (array(1.0), value([1.0]), False, 0.0),
        (value([{"label": "a", "score": 0.5}]), value([{"label": "a", "score": 0.5 + 1e-9}]), True, 1e-9),
        (value([{"label": "a"}]), value([{"label": "b"}]), False, 0.0),
        (value(10**400), value(10**400 + 1), False, 1.0),
        (value([1, True, None]), value([1, True, None]), True, 0.0),
        (Payload("frame", [np.ones((2, 1))], ("a",), block=True), Payload("frame", [np.ones(2)], ("a",)), True, 0.0),
        (Payload("frame", [np.ones(2)], ("a",)), Payload("frame", [np.ones(2)], ("b",)), False, 0.0),
    ],
)
def test_answers_are_compared_by_what_they_say(one: Payload, other: Payload, equal: bool, greatest: float) -> None:
    difference = compare(one, other)
    assert difference.equal is equal
    assert difference.greatest == pytest.approx(greatest, rel=1e-6)
