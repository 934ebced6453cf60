"""Runs and experiments that searches go wrong on, and the words of filters that hit them."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.storage.base import Transaction
from support.filter_strategies import Vocabulary
from support.values import INT64_MAX, INT64_MIN, PAYLOAD_NAN, Json, param, points

KEYS = ("a", "b c", "ключ", "100%_[x]")
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "aB%",
    "[a]*?",
    "a_b",
    "é",
    "É",
    "ǅ",
    "İ",
    "line\nbreak",
    "1",
    "0.1",
    "true",
    "nan",
    "😀",
    "\ue000",
)
PATTERNS = (
    *("", "%", "_", "a%", "%B%", "A_", "_____%%", "%\n%"),
    *("[a]%", "[%", "*", "?", "%*?", "[a]*?", "^a", "%]%", "\\%"),
    *("É", "é%", "ǆ", "i̇"),
)
INTEGERS = (INT64_MIN, -(2**53) - 1, -1, 0, 1, 2**31, 2**53, 2**53 + 1, INT64_MAX - 1, INT64_MAX)
FINITE = (-sys.float_info.max, -1.5, -0.0, 0.0, 5e-324, 0.1, 1.0, 2.0**53, 2.0**63, sys.float_info.max)
FLOATS = (*FINITE, math.nan, PAYLOAD_NAN, math.inf, -math.inf)
BASE_US = 1_769_817_600_000_000
# Before 1970, at its first moment, the same time twice as often, and the last moment that a message holds.
TIMES = (-1_000_001, 0, BASE_US, BASE_US, BASE_US + 1, 253_402_300_799_999_999)

WORDS = Vocabulary(
    keys=st.sampled_from([*KEYS, "missing"]),
    texts=st.sampled_from(TEXTS),
    patterns=st.sampled_from(PATTERNS),
    integers=st.sampled_from(INTEGERS),
    ids=st.sampled_from([0, 1, 2, INT64_MAX]),
    floats=st.sampled_from(FINITE),
    times=st.sampled_from(TIMES),
)


@dataclass(frozen=True)
class Recipe:
    """A run to store."""

    run: pb.Run
    metrics: Sequence[pb.MetricPoints]
    deleted: bool


def recipes(count: int, experiment_ids: Sequence[int]) -> list[Recipe]:
    """The same runs each time."""
    chance = random.Random(20261121)
    return [_recipe(chance, f"{chance.choice('aAz')}{number:03}", experiment_ids) for number in range(count)]


def store(recipe: Recipe) -> Callable[[Transaction], Awaitable[None]]:
    """The unit of work that stores one run with all that belongs to it."""

    async def work(tx: Transaction) -> None:
        key = await tx.runs.create(recipe.run, recipe.run.start_time.ToMicroseconds() + 7)
        assert key is not None
        await tx.metrics.append(key, recipe.metrics, BASE_US)
        await tx.runs.log_inputs(key, recipe.run.inputs)
        if recipe.deleted:
            await tx.runs.set_deleted(key, True, BASE_US)

    return work


def _recipe(chance: random.Random, run_id: str, experiment_ids: Sequence[int]) -> Recipe:
    keys = [key for key in KEYS if chance.random() < 0.6]
    run = pb.Run(
        run_id=run_id,
        experiment_id=str(chance.choice(experiment_ids)),
        name=chance.choice(TEXTS),
        state=chance.choice(pb.Run.State.values()[1:]),
        user=chance.choice(TEXTS),
        description=chance.choice(TEXTS),
        parent_run_id=chance.choice(["", "", "a000", "z"]),
        params={key: _param(chance) for key in keys},
        tags={key: chance.choice(TEXTS) for key in KEYS if chance.random() < 0.6},
    )
    run.start_time.FromMicroseconds(chance.choice(TIMES[:-1]))
    if chance.random() < 0.6:
        run.end_time.FromMicroseconds(chance.choice(TIMES))
    for name, context in {(chance.choice(TEXTS), chance.choice(TEXTS)) for _ in range(chance.randrange(3))}:
        run.inputs.add(dataset=pb.Dataset(name=name, digest=chance.choice(TEXTS)), context=context)
    metrics = [_points(chance, key) for key in KEYS if chance.random() < 0.7]
    return Recipe(run, metrics, deleted=chance.random() < 0.2)


def _points(chance: random.Random, key: str) -> pb.MetricPoints:
    values = chance.choices(FLOATS, k=chance.randrange(1, 4))
    return points(key, values, timestamps_ms=range(len(values)))


def _param(chance: random.Random) -> pb.ParamValue:
    kinds: list[Sequence[str | float]] = [
        TEXTS,
        INTEGERS,
        FLOATS,
        (False, True),
        (Json("{}"), Json("1"), Json('"a"')),
    ]
    return param(chance.choice(chance.choice(kinds)))
