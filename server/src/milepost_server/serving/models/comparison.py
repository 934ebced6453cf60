"""Compares two answers to the same question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost.models.worker.payload import Array, Payload

TOLERANCE = 1e-6
"""Numbers that are no integers are equal when they differ by no more than this share of the greater."""

_NUMBERS = "biuf"
# Integers of Python have no bound, floats have.
_GREATEST = 10**300


@dataclass(frozen=True, slots=True)
class Difference:
    """How two answers differ.

    Args:
        equal: Whether they are the same: in shape, in texts and integers, and in other numbers up to `TOLERANCE`.
        greatest: Greatest difference of two numbers that both are finite.
    """

    equal: bool
    greatest: float = 0.0


_EQUAL = Difference(True)
_OTHER = Difference(False)


def compare(one: Payload, other: Payload, slack: float = 0.0) -> Difference:
    """How an answer differs from another.

    Args:
        one: An answer.
        other: Another.
        slack: By how much numbers that are no integers may differ besides.
    """
    if one.form == other.form == "value":
        return _values(one.value, other.value, slack)
    if one.form != other.form or one.names != other.names:
        return _OTHER
    mine, its = _columns(one), _columns(other)
    if len(mine) != len(its):
        return _OTHER
    return _all(_arrays(left, right, slack) for left, right in zip(mine, its, strict=True))


def _columns(payload: Payload) -> Sequence[Array]:
    return list(payload.arrays[0].T) if payload.block else payload.arrays


def _all(differences: Any) -> Difference:
    equal, greatest = True, 0.0
    for one in differences:
        equal, greatest = equal and one.equal, max(greatest, one.greatest)
    return Difference(equal, greatest)


def _arrays(one: Array, other: Array, slack: float) -> Difference:
    if one.shape != other.shape:
        return _OTHER
    if one.dtype.kind in _NUMBERS and other.dtype.kind in _NUMBERS:
        return _numbers(one, other, slack)
    if one.dtype.kind == other.dtype.kind == "c":
        return _all((_numbers(one.real, other.real, slack), _numbers(one.imag, other.imag, slack)))
    if one.dtype.kind == other.dtype.kind == "M":
        return Difference(bool(np.array_equal(one, other, equal_nan=True)))
    pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
    return _all(_values(left, right, slack) for left, right in pairs)


def _numbers(one: Array, other: Array, slack: float) -> Difference:
    exact = one.dtype.kind != "f" and other.dtype.kind != "f"
    left, right = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        gaps = np.abs(left - right)
        finite = gaps[np.isfinite(gaps)]
        near = gaps <= slack + TOLERANCE * np.maximum(np.abs(left), np.abs(right))
    # The same infinity on both sides has no difference that is a number.
    same = np.equal(one, other) if exact else near | (left == right) | (np.isnan(left) & np.isnan(right))
    return Difference(bool(same.all()), float(finite.max()) if finite.size else 0.0)


def _values(one: Any, other: Any, slack: float) -> Difference:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _arrays(one, other, slack)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return _OTHER
        return _all(_values(one[key], other[key], slack) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return _OTHER
        return _all(_values(left, right, slack) for left, right in zip(one, other, strict=True))
    if _is_number(one) and _is_number(other):
        return _pair(one, other, slack)
    return _EQUAL if one == other else _OTHER


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.complexfloating)


def _pair(one: Any, other: Any, slack: float) -> Difference:
    if one == other or (one != one and other != other):
        return _EQUAL
    if not isinstance(one, float | np.floating) and not isinstance(other, float | np.floating):
        return Difference(False, float(min(abs(int(one) - int(other)), _GREATEST)))
    gap = abs(one - other)
    if not math.isfinite(gap):
        return _OTHER
    return Difference(bool(gap <= slack + TOLERANCE * max(abs(one), abs(other))), float(gap))
