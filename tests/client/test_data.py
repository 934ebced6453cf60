"""Descriptions of datasets."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from milepost import data
from milepost.data import Dataset


def test_a_frame_is_described_by_columns_and_size() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3], "y": [0.5, 1.5, 2.5]})
    dataset = data.from_pandas(frame, "train", "s3://b/x.csv", source_type="s3")
    assert dataset.schema == {"columns": [{"name": "x", "type": "int64"}, {"name": "y", "type": "float64"}]}
    assert dataset.profile == {"rows": 3, "columns": 2}
    assert len(dataset.digest) == data.DIGEST_LENGTH


def test_equal_frames_have_equal_digests() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3]})
    assert data.from_pandas(frame, "a").digest == data.from_pandas(frame.copy(), "b").digest


def test_a_changed_value_name_or_type_changes_the_digest() -> None:
    frames = [
        pd.DataFrame({"x": [1, 2, 3]}),
        pd.DataFrame({"x": [1, 2, 4]}),
        pd.DataFrame({"y": [1, 2, 3]}),
        pd.DataFrame({"x": [1.0, 2.0, 3.0]}),
    ]
    assert len({data.from_pandas(frame, "a").digest for frame in frames}) == 4


def test_cells_without_a_hash_have_a_digest_too() -> None:
    assert data.from_pandas(pd.DataFrame({"x": [[1], [2]]}), "a").digest


def test_an_array_is_described_with_its_targets() -> None:
    dataset = data.from_numpy(np.zeros((3, 2), "float32"), "a", targets=np.ones(3, "int64"))
    assert dataset.schema == {
        "features": {"type": "float32", "shape": [3, 2]},
        "targets": {"type": "int64", "shape": [3]},
    }
    assert dataset.profile == {"rows": 3, "bytes": 48}


def test_the_same_bytes_in_another_shape_are_other_data() -> None:
    flat, square = np.zeros(4), np.zeros((2, 2))
    assert data.from_numpy(flat, "a").digest != data.from_numpy(square, "a").digest


def test_the_resource_has_schema_and_profile_as_json() -> None:
    proto = Dataset("a", schema={"columns": []}, profile={"rows": 1}).to_proto()
    assert json.loads(proto.schema) == {"columns": []}
    assert json.loads(proto.profile) == {"rows": 1}


def test_a_dataset_without_them_has_empty_ones() -> None:
    proto = Dataset("a").to_proto()
    assert (proto.schema, proto.profile) == ("", "")
