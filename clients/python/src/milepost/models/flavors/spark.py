"""Spark MLlib: fitted pipelines in Spark's own folders of JSON and Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import is_frame
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "sparkml"
PREDICTION = "prediction"


class SparkFlavor:
    """Fitted pipelines and single transformers of Spark MLlib; a transformer becomes a pipeline of one stage.

    Saving and loading use the Spark session that is active, else start one on this machine alone. The model's folder
    must be on a file system that Spark's workers see.
    """

    name = "spark"
    formats: Sequence[str] = ("sparkml",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a fitted model of Spark MLlib. Estimators that are not fitted are none."""
        return class_of(model, "pyspark", ["Transformer"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the folder `sparkml`.

        Raises:
            ModelFormatError: A stage cannot be written; those with Python code of their own often cannot.
        """
        pyspark, ml = require("pyspark", "spark"), require("pyspark.ml", "spark")
        refuse_unknown(self, options.extra)
        chosen_format(self, options.format)
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        pipeline = model if isinstance(model, ml.PipelineModel) else ml.PipelineModel(stages=[model])
        _session()
        try:
            pipeline.write().save(_uri(folder / DATA))
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelFormatError(f"Spark cannot store this {kind}: {error}") from error
        return Saved(
            config={"pyspark_version": pyspark.__version__, "model_data": DATA, "model_class": kind},
            loader_module="mlflow.spark",
            data=DATA,
            requirements=["pyspark"],
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A `PipelineModel`."""
        pyspark, ml = require("pyspark", "spark"), require("pyspark.ml", "spark")
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("model_data"), "flavors.spark.model_data")
        inside(path, "metadata", "flavors.spark.model_data")
        if not options.trust:
            _check_classes(path)
        _session()
        try:
            return ml.PipelineModel.load(_uri(path))
        except Exception as failed:  # what Java throws comes in classes that differ between releases
            raise ModelFormatError(f"{path.name}: Spark {pyspark.__version__} cannot read it: {failed}") from failed

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes a pandas or Spark data frame and answers with the column `prediction` as an array.

        A model without such a column answers with a pandas data frame of the columns that it adds. A column of lists
        that the first stage takes as its features becomes a vector. There are no params.
        """
        require("pandas", "spark")

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            for name in params:
                raise SchemaMismatch(f"A model of Spark takes no param {name!r}; it takes none.", field=name)
            frame = _frame(data, model)
            answer = model.transform(frame)
            if PREDICTION in answer.columns:
                return answer.select(PREDICTION).toPandas()[PREDICTION].to_numpy()
            return answer.select(*[name for name in answer.columns if name not in frame.columns]).toPandas()

        return predict


def _check_classes(path: Path) -> None:
    """Refuses stages of other packages than Spark's own: Spark imports whatever class the metadata of a stage name."""
    for file in path.rglob("metadata/*"):
        if file.name.startswith(("_", ".")):
            continue  # Spark does not read these either
        try:
            kind = json.loads(file.read_bytes())["class"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelFormatError(f"{file.relative_to(path)} is no metadata of a stage: {error!r}") from error
        if not isinstance(kind, str) or not kind.startswith(("org.apache.spark.ml.", "pyspark.ml.")):
            raise UntrustedModel(f"The model has a stage of the class {kind!r}, whose code would run")


def _uri(path: Path) -> str:
    """Without a scheme, Spark would take the path for one of the cluster's file system."""
    return path.resolve().as_uri()


def _session() -> Any:
    sql = require("pyspark.sql", "spark")
    active = sql.SparkSession.getActiveSession()
    if active is not None:
        return active
    local = sql.SparkSession.builder.master("local[1]").appName("milepost").config("spark.ui.enabled", "false")
    return local.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()


def _frame(data: Any, model: Any) -> Any:
    if class_of(data, "pyspark", ["DataFrame"]):
        return data
    if not is_frame(data):
        raise SchemaMismatch(f"A model of Spark takes a data frame, not a {type(data).__name__}.")
    frame = _session().createDataFrame(data if hasattr(data, "iloc") else data.to_pandas())
    features = _features(model)
    if features in frame.columns and frame.schema[features].dataType.typeName() == "array":
        functions: Any = require("pyspark.ml.functions", "spark")
        frame = frame.withColumn(features, functions.array_to_vector(frame[features]))
    return frame


def _features(model: Any) -> str | None:
    first = model.stages[0] if model.stages else None
    if first is None or not first.hasParam("featuresCol"):
        return None
    return str(first.getOrDefault("featuresCol"))
