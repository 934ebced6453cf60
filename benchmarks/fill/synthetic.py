"""Runs as training leaves them: some keys that all runs have and some that few have, values of every kind, curves."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb

_BEGIN_MS = 1_700_000_000_000
_OPTIMIZERS = ("x", "adam", "adamw", "sgd", "lamb", "lion", "adagrad", "rmsprop", "adafactor", "nadam")
_TEAMS = ("vision", "speech", "search", "ads", "robotics")


@dataclass(frozen=True)
class Shape:
    """What to make.

    Args:
        runs: Number of runs.
        params: Params of each run: `p1`, `p2` and so on.
        metrics: Metrics of each run: `m1`, `m2` and so on.
        tags: Tags of each run: `t1`, `t2` and so on.
        keys: Distinct keys over all runs and kinds. Every run has the first four fifths of a kind's keys; the rest are
            drawn for each run from the keys that are left.
        points: Points of each metric.
        seed: Another seed makes other values.
    """

    runs: int
    params: int = 10
    metrics: int = 10
    tags: int = 5
    keys: int = 1000
    points: int = 1
    seed: int = 1


def synthetic_run(shape: Shape, number: int) -> tuple[pb.Run, list[pb.MetricPoints]]:
    """Run `number` from 0 on, without id of an experiment, and its points."""
    chance = random.Random(f"{shape.seed}/{number}")
    share = shape.keys / max(shape.params + shape.metrics + shape.tags, 1)
    start_ms = _BEGIN_MS + number * 60_000
    run = pb.Run(
        run_id=_run_id(shape, number),
        name=f"run {number}",
        state=chance.choice((pb.Run.STATE_FINISHED, pb.Run.STATE_FINISHED, pb.Run.STATE_FAILED)),
        user=f"user{number % 20}",
        # Three of ten are trials of a sweep.
        parent_run_id=_run_id(shape, number - number % 10) if number % 10 > 6 else "",
        params={f"p{key}": _param(chance, key) for key in _keys(chance, shape.params, share)},
        tags={f"t{key}": _tag(chance, key) for key in _keys(chance, shape.tags, share)},
    )
    run.start_time.FromMilliseconds(start_ms)
    run.end_time.FromMilliseconds(start_ms + chance.randrange(60_000, 7_200_000))
    metrics = [_points(chance, shape, f"m{key}", start_ms) for key in _keys(chance, shape.metrics, share)]
    return run, metrics


def _run_id(shape: Shape, number: int) -> str:
    return f"{random.Random(f'{shape.seed}/{number}/id').getrandbits(128):032x}"


def _keys(chance: random.Random, count: int, share: float) -> Sequence[int]:
    """Numbers of the keys of one kind that a run has."""
    common = count - count // 5
    rest = range(common + 1, max(round(count * share), count) + 1)
    return [*range(1, common + 1), *chance.sample(rest, count - common)]


def _param(chance: random.Random, key: int) -> pb.ParamValue:
    match key % 4:
        case 1:
            return pb.ParamValue(string_value=chance.choice(_OPTIMIZERS))
        case 2:
            return pb.ParamValue(double_value=round(10 ** chance.uniform(-5, -1), 6))
        case 3:
            return pb.ParamValue(int_value=2 ** chance.randrange(12))
        case _:
            return pb.ParamValue(bool_value=chance.random() < 0.5)


def _tag(chance: random.Random, key: int) -> str:
    return chance.choice(_TEAMS) if key % 2 else f"commit {chance.getrandbits(32):08x}"


def _points(chance: random.Random, shape: Shape, name: str, start_ms: int) -> pb.MetricPoints:
    """A curve that falls to a last value between 0 and 1, with some noise on its way."""
    last = chance.random()
    if shape.points == 1:
        return pb.MetricPoints(key=name, steps=[0], timestamps_ms=[start_ms], values=[last])
    steps: NDArray[np.int64] = np.arange(shape.points)
    noise = np.random.default_rng(chance.getrandbits(63)).normal(scale=0.05, size=shape.points)
    values = last + np.exp(-5 * steps / shape.points) + noise
    values[-1] = last
    return pb.MetricPoints(key=name, steps=steps, timestamps_ms=start_ms + 100 * steps, values=values)
