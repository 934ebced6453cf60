from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.ml.linalg import Vectors
from pyspark.sql import SparkSession

from flavors.contract import FlavorContract
from flavors.jvm.servers import spark_session
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

DATA = pd.DataFrame({"size": np.arange(20.0), "weight": np.arange(20.0) % 3})


@pytest.fixture(scope="module", autouse=True)
def spark() -> Iterator[Any]:
    with spark_session() as session:
        yield session


class TestSpark(FlavorContract):
    flavor = "spark"
    packages = ("pyspark",)
    safe_formats = ("sparkml",)

    def make_model(self) -> Any:
        frame = DATA.assign(label=(DATA["size"] > 9).astype(int))
        stages = [VectorAssembler(inputCols=["size", "weight"], outputCol="features"), LogisticRegression(maxIter=3)]
        return Pipeline(stages=stages).fit(SparkSession.active().createDataFrame(frame))

    def make_data(self) -> Any:
        return DATA

    def predict_natively(self, model: Any, data: Any) -> Any:
        frame = SparkSession.active().createDataFrame(data)
        return [row.prediction for row in model.transform(frame).collect()]

    def test_what_is_no_data_frame_is_refused(self, saved: Path) -> None:
        with pytest.raises(errors.SchemaMismatch, match="data frame"):
            pyfunc.load_model(saved).predict(DATA.to_numpy())


def test_a_single_transformer_becomes_a_pipeline_and_takes_lists_as_vectors(spark: Any, tmp_path: Path) -> None:
    rows = [(Vectors.dense([1.0, 2.0]),), (Vectors.dense([3.0, 6.0]),)]
    scaler = StandardScaler(inputCol="features", outputCol="scaled").fit(spark.createDataFrame(rows, ["features"]))
    save_model(scaler, tmp_path / "model")
    assert isinstance(load_model(tmp_path / "model"), PipelineModel)
    answer = pyfunc.load_model(tmp_path / "model").predict(spark.createDataFrame(rows, ["features"]))
    assert list(answer.columns) == ["scaled"]


def test_features_given_as_lists_become_vectors(spark: Any, tmp_path: Path) -> None:
    rows = [(Vectors.dense([float(n), 1.0]), n % 2) for n in range(8)]
    model = LogisticRegression(maxIter=2).fit(spark.createDataFrame(rows, ["features", "label"]))
    save_model(model, tmp_path / "model")
    data = pd.DataFrame({"features": [[0.0, 1.0], [7.0, 1.0]]})
    assert pyfunc.load_model(tmp_path / "model").predict(data).shape == (2,)


def test_stages_of_other_packages_need_trust(spark: Any, tmp_path: Path) -> None:
    save_model(TestSpark().make_model(), tmp_path / "model")
    (stage,) = (tmp_path / "model" / "sparkml").glob("stages/0_*/metadata/part-00000*")
    stage.write_text(stage.read_text().replace("org.apache.spark.ml.feature", "evil"))
    with pytest.raises(errors.UntrustedModel, match="evil"):
        load_model(tmp_path / "model", verify=False)


def test_broken_metadata_is_a_format_error(spark: Any, tmp_path: Path) -> None:
    save_model(TestSpark().make_model(), tmp_path / "model")
    for part in (tmp_path / "model" / "sparkml" / "metadata").iterdir():
        part.unlink()
    with pytest.raises(errors.ModelFormatError, match="sparkml"):
        load_model(tmp_path / "model", verify=False)
