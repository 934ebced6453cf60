"""MLflow loads what these flavors write, and they load what MLflow writes."""

from __future__ import annotations

import warnings
from pathlib import Path

import h2o
import numpy as np
import pandas as pd
import pytest
from h2o.estimators import H2OGeneralizedLinearEstimator
from pyspark.ml import Pipeline
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression

from flavors.jvm.servers import h2o_server, spark_session
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

with warnings.catch_warnings(action="ignore"):  # MLflow warns, when imported, of its type hints
    import mlflow.h2o
    import mlflow.pyfunc
    import mlflow.spark

DATA = pd.DataFrame({"size": np.arange(20.0), "weight": np.arange(20.0) % 3})
TARGET = DATA["size"] * 2


def test_spark_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DFS_TMP", str(tmp_path / "dfs"))
    with spark_session() as spark:
        vectors = VectorAssembler(inputCols=["size", "weight"], outputCol="features")
        model = Pipeline(stages=[vectors, LinearRegression(labelCol="label")]).fit(
            spark.createDataFrame(DATA.assign(label=TARGET))
        )
        save_model(model, tmp_path / "ours")
        mlflow.spark.save_model(model, str(tmp_path / "theirs"), pip_requirements=["pyspark"])
        for side in ("ours", "theirs"):
            np.testing.assert_allclose(pyfunc.load_model(tmp_path / side).predict(DATA), TARGET, atol=1e-6)
            np.testing.assert_allclose(mlflow.pyfunc.load_model(str(tmp_path / side)).predict(DATA), TARGET, atol=1e-6)


# H2O says that polars would be faster, and its launcher of servers leaves the files of their logs open.
@pytest.mark.filterwarnings("ignore:Converting H2O frame::h2o.frame")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning:h2o.backend.server")
def test_h2o_both_ways(tmp_path: Path) -> None:
    with h2o_server():
        model = H2OGeneralizedLinearEstimator(family="gaussian", lambda_=0)
        model.train(x=["size", "weight"], y="y", training_frame=h2o.H2OFrame(DATA.assign(y=TARGET)))
        save_model(model, tmp_path / "ours", format="binary")
        mlflow.h2o.save_model(model, str(tmp_path / "theirs"), pip_requirements=["h2o"])
        for side in ("ours", "theirs"):
            ours = pyfunc.load_model(tmp_path / side, trust=True).predict(DATA)
            np.testing.assert_allclose(ours["predict"], TARGET, atol=1e-6)
            theirs = mlflow.h2o.load_model(str(tmp_path / side)).predict(h2o.H2OFrame(DATA)).as_data_frame()
            np.testing.assert_allclose(theirs["predict"], TARGET, atol=1e-6)
            with pytest.raises(errors.UntrustedModel):
                load_model(tmp_path / side)
