from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

# Keras reads variables of TensorFlow in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning:keras.src.backend.tensorflow.core")
RNG = np.random.default_rng(1)
X = RNG.normal(size=(32, 3)).astype(np.float32)


def sequential() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
    model.compile(loss="mse")
    model.fit(X, X[:, 0], verbose=0)
    return model


def with_lambda() -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2)])


class TestKeras(FlavorContract):
    flavor = "keras"
    packages = ("keras",)
    safe_formats = ("keras",)

    def make_model(self) -> Any:
        return sequential()

    def make_data(self) -> Any:
        return X[:7]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(data, verbose=0)

    def assert_equal(self, answer: Any, expected: Any) -> None:
        np.testing.assert_allclose(answer, expected, rtol=1e-6)

    def test_large_batches_answer_like_small_ones(self, saved: Path, model: Any) -> None:
        large = np.tile(X, (80, 1))
        answer = pyfunc.load_model(saved).predict(large)
        self.assert_equal(answer[:32], model.predict(X, verbose=0))
        assert answer.shape == (2560, 1)

    def test_params_are_those_of_predict(self, saved: Path, expected: Any) -> None:
        self.assert_equal(pyfunc.load_model(saved).predict(X[:7], {"batch_size": 2}), expected)

    def test_a_data_frame_is_one_array(self, saved: Path, expected: Any) -> None:
        self.assert_equal(pyfunc.load_model(saved).predict(pd.DataFrame(X[:7].astype(np.float64))), expected)


def test_several_inputs_go_by_name(tmp_path: Path) -> None:
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model([left, right], keras.layers.Subtract()([left, right]))
    save_model(model, tmp_path / "model")
    data = {"left": np.full((3, 2), 5.0, np.float32), "right": np.full((3, 2), 3.0, np.float32)}
    np.testing.assert_array_equal(pyfunc.load_model(tmp_path / "model").predict(data), np.full((3, 2), 2.0))


def test_python_code_in_a_layer_needs_trust(tmp_path: Path) -> None:
    save_model(with_lambda(), tmp_path / "model")
    with pytest.raises(errors.UntrustedModel, match="trust=True"):
        load_model(tmp_path / "model")
    np.testing.assert_array_equal(pyfunc.load_model(tmp_path / "model", trust=True).predict(X[:2]), X[:2] * 2)


def test_a_broken_archive_is_a_format_error(tmp_path: Path) -> None:
    save_model(sequential(), tmp_path / "model")
    (tmp_path / "model" / "data" / "model.keras").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(errors.ModelFormatError, match=r"model\.keras"):
        load_model(tmp_path / "model", verify=False)
