"""Data on their way into models and out of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from milepost.models.worker.inputs import model_input
from milepost.models.worker.memory import KEPT_BYTES, MemoryFile
from milepost.models.worker.outputs import answer_payload
from milepost.models.worker.payload import Payload
from milepost.models.worker.plain import NotSendable, mark

TIMES = np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([1, 2], np.array([1, 2])),
        ([0.5, float("inf")], np.array([0.5, np.inf])),
        ([True, False], np.array([True, False])),
        (np.float32(0.5), np.array(0.5, np.float32)),
        (sparse.csr_matrix([[0, 1]]), np.array([[0, 1]])),
        (pd.Series([1, None]), np.array([1, np.nan])),
        (pd.Series(["a", None]), np.array(["a", None], object)),
        (pd.Series([1, None], dtype="Int64"), np.array([1, None], object)),
        (pd.Series(TIMES).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"), TIMES),
        (pl.Series([1, 2]), np.array([1, 2])),
        (pl.Series(["a", None]), np.array(["a", None], object)),
        (pl.Series(TIMES).dt.cast_time_unit("us"), TIMES),
        (pa.array([1.5, 2.5]), np.array([1.5, 2.5])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_one_array_becomes_one(answer: Any, expected: Any) -> None:
    payload = answer_payload(answer)
    assert payload.form == "array"
    np.testing.assert_array_equal(payload.arrays[0], expected)
    assert payload.arrays[0].dtype == expected.dtype


@pytest.mark.parametrize(
    "answer",
    [
        "text", None, 1.5, [], ["a", None], [1, 1.5], [2**70], [{"a": 1}], {"a": [1], "b": 2}, {},
    ],
    ids=repr,
)  # fmt: skip
def test_what_json_has_stays_a_value(answer: Any) -> None:
    payload = answer_payload(answer)
    assert (payload.form, payload.value) == ("value", answer)


def test_mappings_of_arrays_become_arrays_and_others_values() -> None:
    payload = answer_payload({"x": np.zeros(2), 1: pd.Series(["a"])})
    assert (payload.form, payload.names, len(payload.arrays)) == ("arrays", ("x", "1"), 2)
    assert answer_payload({"x": np.arange(2), "n": 2}).value == {"x": [0, 1], "n": 2}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_data_frames_of_any_library_become_frames(make: Callable[[Any], Any]) -> None:
    payload = answer_payload(make({"n": [1, 2], "text": ["a", None]}))
    assert (payload.form, payload.names) == ("frame", ("n", "text"))
    assert [array.tolist() for array in payload.arrays] == [[1, 2], ["a", None]]


@pytest.mark.parametrize(
    "answer",
    [object(), iter([]), np.ma.masked_equal([1, 2], 1), pl.LazyFrame({"a": [1]})],
    ids=lambda v: type(v).__name__,
)
def test_what_cannot_be_sent_is_named(answer: Any) -> None:
    with pytest.raises(NotSendable, match=r"masked|type\(answer\)|" + type(answer).__qualname__):
        answer_payload(answer)


@pytest.mark.parametrize("value", [Decimal(1), {1: "a", (2,): b"b"}, [{3}]], ids=repr)
def test_values_that_json_and_marks_lack_are_refused(value: Any) -> None:
    with pytest.raises(NotSendable):
        mark(value)


def test_numbers_and_missing_values_of_numpy_and_pandas_become_plain() -> None:
    assert mark([np.int8(1), np.bool_(True), np.array([[1.5]]), pd.NA, pd.NaT, np.datetime64("NaT")]) == [
        1, True, [[1.5]], None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("arrays", [[np.ones(2), np.zeros(2)], [np.ones(2), np.array(["a", None], object)]])
@pytest.mark.parametrize("names", [("a", "b"), ("same", "same"), None])
def test_frames_get_their_columns(arrays: list[Any], names: tuple[str, ...] | None) -> None:
    frame = model_input(Payload("frame", arrays, names))
    assert list(frame.columns) == [0, 1] if names is None else list(names)
    assert [None if pd.isna(value) else value for value in frame.iloc[:, 1]] == arrays[1].tolist()


def test_a_file_of_memory_is_emptied_when_it_was_much(tmp_path: Path) -> None:
    file = MemoryFile.make()
    try:
        file.write([(KEPT_BYTES, memoryview(b"ab"))])
        assert bytes(file.read(KEPT_BYTES + 2)[-2:]) == b"ab"
        file.shrink()
        with pytest.raises(ValueError, match="shorter"):
            file.read(1)
    finally:
        file.close()


def test_a_worker_imports_no_data_frames_and_no_transport() -> None:
    script = "import sys, milepost.models.worker.__main__; print({'pandas', 'narwhals', 'grpc'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
