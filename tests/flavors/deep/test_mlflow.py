"""MLflow loads what these flavors write, and they load what MLflow writes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import spacy
import tensorflow as tf

from milepost import errors, pyfunc
from milepost.models import load_model, save_model

with warnings.catch_warnings(action="ignore"):  # MLflow warns, when imported, of its type hints
    import mlflow.keras
    import mlflow.pyfunc
    import mlflow.spacy
    import mlflow.tensorflow

pytestmark = [
    # Keras reads variables of TensorFlow in a way that numpy 2 warns of.
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning:keras.src.backend.tensorflow.core"),
    # MLflow's own code of Keras models does, too.
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning:mlflow.keras.load"),
]

BOTH = (pyfunc.load_model, mlflow.pyfunc.load_model)
X = np.arange(12, dtype=np.float32).reshape(4, 3)
TEXTS = pd.DataFrame({"text": ["a fine film", "a dull film"]})


class Doubled(tf.Module):  # type: ignore[misc]
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        return x * 2


def network() -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def categorizer() -> Any:
    pipeline = spacy.blank("en")
    categories = pipeline.add_pipe("textcat")
    categories.add_label("good")
    categories.add_label("bad")
    pipeline.initialize()
    return pipeline


def test_keras_both_ways(tmp_path: Path) -> None:
    model = network()
    save_model(model, tmp_path / "ours")
    mlflow.keras.save_model(model, str(tmp_path / "theirs"), pip_requirements=["keras"])
    answers = [load(str(tmp_path / side)).predict(X) for side in ("ours", "theirs") for load in BOTH]
    for answer in answers:
        np.testing.assert_allclose(answer, model.predict(X, verbose=0), rtol=1e-6)


def test_tensorflow_both_ways(tmp_path: Path) -> None:
    save_model(Doubled(), tmp_path / "ours")
    mlflow.tensorflow.save_model(Doubled(), str(tmp_path / "theirs"), pip_requirements=["tensorflow"])
    for answer in [load(str(tmp_path / side)).predict(X) for side in ("ours", "theirs") for load in BOTH]:
        np.testing.assert_array_equal(answer, X * 2)


def test_a_keras_model_that_mlflow_keeps_as_tensorflow_is_read(tmp_path: Path) -> None:
    model = network()
    mlflow.tensorflow.save_model(model, str(tmp_path / "model"), pip_requirements=["tensorflow"])
    assert isinstance(load_model(tmp_path / "model"), keras.Model)
    answer = pyfunc.load_model(tmp_path / "model").predict(X)
    np.testing.assert_allclose(answer, model.predict(X, verbose=0), rtol=1e-6)


def test_pickled_objects_beside_such_a_model_are_not_read(tmp_path: Path) -> None:
    mlflow.tensorflow.save_model(network(), str(tmp_path / "model"), pip_requirements=["tensorflow"])
    (tmp_path / "model" / "data" / "custom_objects.cloudpickle").write_bytes(b"anything")
    with pytest.raises(errors.ModelFormatError, match="pickled objects"):
        load_model(tmp_path / "model", trust=True)


def test_spacy_both_ways(tmp_path: Path) -> None:
    model = categorizer()
    expected = [document.cats for document in model.pipe(TEXTS["text"])]
    save_model(model, tmp_path / "ours")
    mlflow.spacy.save_model(model, str(tmp_path / "theirs"), pip_requirements=["spacy"])
    for side in ("ours", "theirs"):
        assert pyfunc.load_model(tmp_path / side).predict(TEXTS) == expected
        assert mlflow.pyfunc.load_model(str(tmp_path / side)).predict(TEXTS)["predictions"].tolist() == expected
