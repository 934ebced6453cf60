from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

# PyTorch says so at each use of TorchScript, which is for those who have such models.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.* is deprecated:DeprecationWarning:torch.jit._script"),
    pytest.mark.filterwarnings("ignore:.torch.jit.* is deprecated:DeprecationWarning:torch.jit._serialization"),
]
X = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)


class Network(torch.nn.Module):  # type: ignore[misc]
    """Two layers with parts that differ between training and evaluation."""

    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, hidden)
        self.norm = torch.nn.BatchNorm1d(hidden)
        self.drop = torch.nn.Dropout(0.5)
        self.last = torch.nn.Linear(hidden, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        last: torch.Tensor = self.last(self.drop(torch.relu(self.norm(self.first(x)))))
        return last


class Pair(torch.nn.Module):  # type: ignore[misc]
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, Any]:
        return {"difference": left - right, "parts": (left * 2, right * 2)}


def network(hidden: int = 8) -> Network:
    torch.manual_seed(1)
    model = Network(hidden)
    model(torch.as_tensor(X))  # moves the statistics of the norm away from their start
    return model


class TestPyTorch(FlavorContract):
    flavor = "pytorch"
    packages = ("torch",)
    options: ClassVar[Mapping[str, Any]] = {"input_example": X[:1]}
    safe_formats = ("pt2",)
    trusted_formats = ("state_dict", "torchscript", "pickle")

    def make_model(self) -> Any:
        return network()

    def make_data(self) -> Any:
        return X

    def predict_natively(self, model: Any, data: Any) -> Any:
        if not isinstance(model, torch.fx.GraphModule):
            model = model.eval()
        with torch.inference_mode():
            return model(torch.as_tensor(data)).numpy()

    def assert_equal(self, answer: Any, expected: Any) -> None:
        np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)


class TestBatches:
    @pytest.fixture(scope="class")
    @classmethod
    def saved(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("pytorch") / "model"
        save_model(network(), path, input_example=X[:1])
        return path

    @pytest.mark.parametrize("rows", [1, 2, 500])
    def test_the_number_of_rows_is_free(self, saved: Path, rows: int) -> None:
        assert pyfunc.load_model(saved).predict(np.zeros((rows, 4), np.float32)).shape == (rows, 2)

    def test_a_data_frame_is_one_array_of_float32(self, saved: Path) -> None:
        expected = pyfunc.load_model(saved).predict(X)
        np.testing.assert_array_equal(load_flavored(saved).predict(pd.DataFrame(X.astype(np.float64))), expected)

    def test_arrays_that_must_not_be_written_are_taken(self, saved: Path) -> None:
        locked = X.copy()
        locked.setflags(write=False)
        assert pyfunc.load_model(saved).predict(locked).shape == (6, 2)


def load_flavored(path: Path) -> Any:
    """The model without its signature, which takes tensors only."""
    from milepost.models.flavors import get_flavor

    flavor, model = get_flavor("pytorch"), load_model(path)

    class Asked:
        def predict(self, data: Any) -> Any:
            return flavor.predictor(model, {})(data, {})

    return Asked()


def test_several_inputs_and_outputs_keep_their_names_and_containers(tmp_path: Path) -> None:
    data = {"left": X, "right": X[::-1].copy()}
    save_model(Pair(), tmp_path / "model", input_example=data, signature=None)
    answer = load_flavored(tmp_path / "model").predict(data)
    np.testing.assert_array_equal(answer["difference"], X - X[::-1])
    np.testing.assert_array_equal(answer["parts"][1], X[::-1] * 2)


def test_saving_leaves_each_part_in_its_mode(tmp_path: Path) -> None:
    model = network().train()
    model.norm.eval()
    save_model(model, tmp_path / "model", input_example=X)
    assert model.training
    assert model.drop.training
    assert not model.norm.training


def test_a_model_without_an_example_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match="input_example="):
        save_model(network(), tmp_path / "model")


def test_a_model_that_cannot_be_traced_is_told_what_to_do(tmp_path: Path) -> None:
    class Branching(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(errors.ModelFormatError, match="state_dict"):
        save_model(Branching(), tmp_path / "model", input_example=X)


def test_weights_go_into_the_readers_module_without_trust(tmp_path: Path) -> None:
    model = network(16)
    save_model(model, tmp_path / "model", format="state_dict", init={"hidden": 16})
    loaded = load_model(tmp_path / "model", model=Network(16))
    assert not loaded.training
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)
    with pytest.raises(errors.UntrustedModel, match="model="):
        load_model(tmp_path / "model")
    assert load_model(tmp_path / "model", trust=True).last.in_features == 16


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save_model(network(16), tmp_path / "model", format="state_dict")
    with pytest.raises(errors.ModelFormatError, match=r"model\.safetensors"):
        load_model(tmp_path / "model", model=Network(4))


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "model", input_example=X)
    with pytest.raises(errors.ModelFormatError, match="abacus"):
        load_model(tmp_path / "model", device="abacus")
