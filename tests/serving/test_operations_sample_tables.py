"""The tables that samples of requests are kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from milepost.models import ModelSignature
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    DataType,
    ObjectType,
    Property,
    Schema,
    Tensor,
    VectorType,
)
from milepost.models.worker.payload import Payload
from milepost_server.serving.loaded_version import LoadedVersion
from support.serving_requests import ask, loaded
from support.serving_samples import METADATA, Samples, frame, texts


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path / "samples")


async def kept(samples: Samples, version: LoadedVersion, payload: Payload) -> pd.DataFrame:
    await ask([samples.sampling], version, payload)
    return (await samples.frame()).drop(columns=METADATA)


async def test_columns_that_callers_left_out_are_missing_values_of_the_same_file(samples: Samples) -> None:
    schema = Schema(
        (
            Column(DataType.STRING, "name"),
            Column(DataType.DOUBLE, "score", required=False),
            Column(ObjectType((Property("a", DataType.LONG),)), "nested", required=False),
            Column(AnyType(), "any", required=False),
        )
    )
    version = loaded(signature=ModelSignature(schema), answer=lambda _: Payload("array", [np.zeros(1)]))
    await ask([samples.sampling], version, frame(name=texts("a")))
    whole = frame(name=texts("b"), score=[0.5], nested=texts({"a": 1}), any=texts([1, "x"]))
    await ask([samples.sampling], version, whole)
    found = await samples.frame()
    assert len(samples.files()) == 1
    assert found["name"].tolist() == ["a", "b"]
    assert found["score"].isna().tolist() == [True, False]
    assert found["nested"].tolist() == [None, {"a": 1}]
    assert found["any"].iloc[1] == '[1,"x"]'


async def test_missing_values_leave_the_types_of_the_signature(samples: Samples) -> None:
    schema = Schema(
        (
            Column(DataType.LONG, "count"),
            Column(DataType.BOOLEAN, "active"),
            Column(DataType.DATETIME, "seen"),
            Column(ArrayType(DataType.DOUBLE), "series"),
            Column(VectorType(), "vector"),
        )
    )
    given = frame(
        count=texts(None, 2**60 + 1),
        active=texts(True, None),
        seen=np.array(["NaT", "2026-01-02T03:04:05.678"], "datetime64[ns]"),
        series=texts([1.0, 2.0], None),
        vector=texts([], [0.5]),
    )
    await ask([samples.sampling], loaded(signature=ModelSignature(schema)), given)
    await samples.sampling.close(30)
    table = pq.read_table(samples.files()[0], partitioning=None)
    types = ["int64", "bool", "timestamp[ns]", "list<element: double>", "list<element: double>"]
    assert [str(kind) for kind in table.schema.types[:5]] == types
    assert table["count"].to_pylist() == [None, 2**60 + 1]
    assert table["active"].to_pylist() == [True, None]
    assert table["seen"].null_count == 1
    assert table["series"].to_pylist() == [[1.0, 2.0], None]
    assert table["vector"].to_pylist() == [[], [0.5]]


async def test_tables_without_names_have_columns_by_position(samples: Samples) -> None:
    found = await kept(samples, loaded(), Payload("array", [np.array([[1, 2], [3, 4]])]))
    assert found.to_dict("list") == {"0": [1, 3], "1": [2, 4], "prediction_0": [1, 3], "prediction_1": [2, 4]}


async def test_named_tensors_are_lists_in_columns_of_their_names(samples: Samples) -> None:
    images = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    found = await kept(samples, loaded(), Payload("arrays", [images, np.array([7, 8])], ("image", "age")))
    assert np.array_equal(np.array([np.stack(row) for row in found["image"]]), images)
    assert found["prediction_age"].tolist() == [7, 8]


async def test_texts_of_a_model_without_columns_are_called_input(samples: Samples) -> None:
    signature = ModelSignature(Schema((Tensor("str", (-1,)),)))
    found = await kept(samples, loaded(signature=signature), Payload("array", [texts("one", "two")]))
    assert found["input"].tolist() == ["one", "two"]


async def test_an_answer_for_the_whole_batch_is_one_row(samples: Samples) -> None:
    version = loaded(answer=lambda _: Payload("value", value={"mean": 0.5}))
    found = await kept(samples, version, frame(x=[1.0, 2.0]))
    assert found["x"].iloc[0].tolist() == [1, 2]
    assert found["prediction"].tolist() == ['{"mean":0.5}']


async def test_columns_with_names_of_ours_keep_their_values(samples: Samples) -> None:
    found = await kept(samples, loaded(), frame(prediction=[1], prediction_x=[2], _milepost_row=[3], x=[4]))
    assert found.iloc[0].to_dict() == {
        "prediction": 1,
        "prediction_x": 2,
        "milepost_row_": 3,
        "x": 4,
        "prediction_prediction": 1,
        "prediction_prediction_x": 2,
        "prediction__milepost_row": 3,
        "prediction_x_": 4,
    }
