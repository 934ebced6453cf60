"""What flavors convert keeps its value, or is refused."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models.flavors._lightgbm_estimators import decoded, encoded
from milepost.models.flavors._onnx_sessions import DTYPES, converted

KEYS = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
ARRAYS = arrays_of.arrays(
    st.one_of(
        arrays_of.boolean_dtypes(),
        arrays_of.integer_dtypes(),
        arrays_of.floating_dtypes(),
        arrays_of.unicode_string_dtypes(max_len=4),
    ),
    st.integers(0, 4),
)
VALUES = st.recursive(
    st.one_of(st.none(), KEYS, st.floats(), ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=10,
)
NUMBERS = st.one_of(
    arrays_of.arrays(
        st.one_of(
            arrays_of.boolean_dtypes(),
            arrays_of.integer_dtypes(),
            arrays_of.unsigned_integer_dtypes(),
            arrays_of.floating_dtypes(),
        ),
        st.integers(0, 4),
    ),
    # Around the integers that floats cannot tell apart, and the ends of the types.
    st.builds(lambda power, step: np.array([2**power + step]), st.integers(9, 62), st.integers(-1, 1)),
    st.builds(lambda power: np.array([2.0**power]), st.integers(9, 65)),
    st.just(np.array([2**64 - 1], dtype=np.uint64)),
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and repr(one.tolist()) == repr(other.tolist())
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and same(list(one.items()), list(other.items()))
    return type(one) is type(other) and repr(one) == repr(other)


@given(VALUES)
def test_attributes_of_estimators_come_back_as_they_were(value: Any) -> None:
    assert same(decoded(json.loads(json.dumps(encoded(value, "x", "LGBMModel")))), value)


@given(st.sampled_from([object(), len, np.zeros((2, 2)), np.zeros(1, dtype="V4"), 1j, b"bytes", {1, 2}]))
def test_other_attributes_are_refused_with_their_name(value: Any) -> None:
    with pytest.raises(ModelFormatError, match="'the_attribute'"):
        encoded([value], "the_attribute", "LGBMModel")


@given(NUMBERS, st.sampled_from(sorted(set(DTYPES.values()) - {"object"})))
def test_inputs_of_onnx_keep_their_values_but_for_rounding(array: Any, dtype: str) -> None:
    with warnings.catch_warnings(action="ignore"):  # numpy warns of the casts that this test makes to compare
        cast = array.astype(dtype)
        if array.dtype.kind == cast.dtype.kind == "f":
            kept = np.array_equal(np.isinf(cast), np.isinf(array))
        else:
            kept = cast.tolist() == array.tolist()  # Python compares exactly, numpy does not
        if kept:
            answer = converted(array, dtype, "x")
            assert answer.dtype == dtype
            np.testing.assert_array_equal(answer, cast)
        else:
            with pytest.raises(SchemaMismatch, match="'x'"):
                converted(array, dtype, "x")
