from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

X = np.arange(12, dtype=np.float32).reshape(4, 3)


class Scaled(tf.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable([1.0, 2.0, 3.0])

    @tf.function  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        return tf.reduce_sum(x * self.factor, axis=1)


class Difference(tf.Module):  # type: ignore[misc]
    @tf.function  # type: ignore[untyped-decorator]
    def __call__(self, named: Any) -> Any:
        return {"down": named["left"] - named["right"], "up": named["right"] - named["left"]}


class Leaking(tf.Module):  # type: ignore[misc]
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)


class TestTensorFlow(FlavorContract):
    flavor = "tensorflow"
    packages = ("tensorflow",)
    safe_formats = ("saved_model",)

    def make_model(self) -> Any:
        model = Scaled()
        model(tf.constant(X))
        return model

    def make_data(self) -> Any:
        return X

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model(tf.constant(data)).numpy()


def test_a_module_is_traced_with_its_example_for_batches_of_any_size(tmp_path: Path) -> None:
    save_model(Scaled(), tmp_path / "model", input_example=X[:1])
    model = pyfunc.load_model(tmp_path / "model")
    np.testing.assert_array_equal(model.predict(X), X @ [1, 2, 3])
    np.testing.assert_array_equal(model.predict(pd.DataFrame(X)), X @ [1, 2, 3])


def test_inputs_and_outputs_go_by_name(tmp_path: Path) -> None:
    data = {"left": np.array([5.0, 7.0], np.float32), "right": np.array([3.0, 4.0], np.float32)}
    save_model(Difference(), tmp_path / "model", input_example=data)
    model = pyfunc.load_model(tmp_path / "model")
    assert model.predict(data)["down"].tolist() == [2.0, 3.0]
    assert model.predict(data)["up"].tolist() == [-2.0, -3.0]


def test_a_graph_that_reads_files_needs_trust(tmp_path: Path) -> None:
    save_model(Leaking(), tmp_path / "model")
    with pytest.raises(errors.UntrustedModel, match="ReadFile"):
        load_model(tmp_path / "model")
    assert load_model(tmp_path / "model", trust=True) is not None


def test_a_broken_graph_is_a_format_error(tmp_path: Path) -> None:
    save_model(Scaled(), tmp_path / "model", input_example=X)
    (tmp_path / "model" / "tf2model" / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(errors.ModelFormatError, match="saved_model"):
        load_model(tmp_path / "model", verify=False)


def test_params_are_refused(tmp_path: Path) -> None:
    save_model(Scaled(), tmp_path / "model", input_example=X)
    with pytest.raises(errors.SchemaMismatch, match="threshold"):
        pyfunc.load_model(tmp_path / "model").predict(X, {"threshold": 1})
