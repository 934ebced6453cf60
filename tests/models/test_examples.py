"""Input examples come back from their files as what they were, and others are refused."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from milepost.errors import ModelFormatError
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.format.examples import read_example, split_example, write_example
from milepost.models.signatures.enforcement import compile_inputs
from milepost.models.signatures.inference import infer_signature

FRAME = pd.DataFrame({
    "long": [1, 2], "single": np.array([0.1, np.nan], "float32"), "double": [0.1, np.inf], "text": ["a", None],
    "flag": [True, False], "bytes": [b"\x00\xff", b""], "time": pd.to_datetime(["2026-01-01", "2026-01-02"]),
    "big": [2**63 - 1, -1], "list": [[1], [2, 3]], "small": np.array([1, 2], "int32"),
})  # fmt: skip


def descriptor(info: Any, data: Any = None) -> ModelDescriptor:
    signature = infer_signature(data) if data is not None else None
    return ModelDescriptor(flavors={"a": {}}, signature=signature, input_example=info)


def round_trip(folder: Path, example: Any) -> tuple[Any, Any]:
    data, _ = split_example(example)
    read = read_example(folder, descriptor(write_example(folder, example), data))
    assert compile_inputs(infer_signature(data))(read[0]) is not None
    return read


def test_a_data_frame_comes_back_with_its_types(tmp_path: Path) -> None:
    frame, params = round_trip(tmp_path, FRAME)
    assert params is None
    pd.testing.assert_frame_equal(frame.drop(columns="time"), FRAME.drop(columns="time"))
    assert frame["time"].tolist() == FRAME["time"].tolist()


def test_frames_of_other_libraries_and_without_names_come_back_as_pandas(tmp_path: Path) -> None:
    frame, _ = round_trip(tmp_path, pl.DataFrame({"a": [1], "b": ["x"]}))
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"a": [1], "b": ["x"]}))
    frame, _ = round_trip(tmp_path, pd.DataFrame(np.eye(2)))
    pd.testing.assert_frame_equal(frame, pd.DataFrame(np.eye(2)))
    assert "columns" not in json.loads((tmp_path / "input_example.json").read_text())


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0.1, np.nan]], "float32"),
        np.array([2**63 + 1], "uint64"),
        np.array([True]),
        np.array(["a", "bb"]),
        np.array([b"\xff", b"ab"]),
    ],
)
def test_arrays_come_back_with_their_dtype(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    read, _ = round_trip(tmp_path, array)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    named, _ = round_trip(tmp_path, {"x": array})
    np.testing.assert_array_equal(named["x"], array)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix])
def test_sparse_matrices_come_back(make: Any, tmp_path: Path) -> None:
    matrix = make(np.array([[0.0, 0.5], [1.5, 0.0]]))
    read, _ = round_trip(tmp_path, matrix)
    assert (read.format, read.dtype) == (matrix.format, matrix.dtype)
    np.testing.assert_array_equal(read.toarray(), matrix.toarray())


@pytest.mark.parametrize(
    "data",
    ["text", 1.5, ["a", "b"], [{"a": 1, "b": b"\xff"}], {"a": datetime(2026, 1, 1), "b": [1, 2]}, [[1.0], [2.0]]],
)
def test_plain_values_come_back(data: Any, tmp_path: Path) -> None:
    assert round_trip(tmp_path, data) == (data, None)


def test_params_stand_beside_the_data_and_in_the_request_to_a_server(tmp_path: Path) -> None:
    info = write_example(tmp_path, (pd.DataFrame({"a": [1]}), {"top": 3}))
    assert info == {
        "artifact_path": "input_example.json", "serving_input_path": "serving_input_example.json",
        "type": "dataframe", "pandas_orient": "split", "params": "true",
    }  # fmt: skip
    assert read_example(tmp_path, descriptor(info))[1] == {"top": 3}
    request = json.loads((tmp_path / "serving_input_example.json").read_text())
    assert request == {"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"top": 3}}


@pytest.mark.parametrize("example", [object(), {1: 2}, np.zeros(1, "complex64"), [np.zeros(1), object()]])
def test_what_json_cannot_hold_is_refused(example: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="input example"):
        write_example(tmp_path, example)
    assert not list(tmp_path.iterdir())


def test_an_example_that_holds_itself_is_refused(tmp_path: Path) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ModelFormatError, match="holds itself"):
        write_example(tmp_path, cycle)


@pytest.mark.parametrize(
    ("content", "info", "place"),
    [
        ("[1.5]", {"type": "ndarray"}, "1.5 is no integer"),
        ("{", {"type": "ndarray"}, "not JSON"),
        ("[" * 100_000, {"type": "ndarray"}, "not JSON"),
        ("1", {"type": "dataframe"}, "kind 'dataframe'"),
        ('{"columns": ["a"], "data": [[1, 2]]}', {"type": "dataframe"}, "kind 'dataframe'"),
        ("{}", {"type": "sparse_matrix_csr"}, "kind 'sparse_matrix_csr'"),
        ("[1]", {"type": "pickle"}, "kind 'pickle'"),
        ("[1]", {}, "kind None"),
        ("[1]", {"type": "json_object", "params": "true"}, "inputs and params"),
    ],
)
def test_files_that_are_no_example_are_refused(content: str, info: dict[str, Any], place: str, tmp_path: Path) -> None:
    (tmp_path / "input_example.json").write_text(content)
    with pytest.raises(ModelFormatError) as caught:
        read_example(tmp_path, descriptor({"artifact_path": "input_example.json", **info}, np.array([1])))
    assert place in str(caught.value)


@pytest.mark.parametrize("path", [None, 7, "../input_example.json", "/etc/passwd", "missing.json"])
def test_paths_that_leave_the_folder_are_refused(path: object, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="artifact_path"):
        read_example(tmp_path, descriptor({"artifact_path": path, "type": "json_object"}))
    with pytest.raises(ModelFormatError, match="no input example"):
        read_example(tmp_path, descriptor(None))
