"""MLflow loads what these flavors write, and they load what MLflow writes."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pmdarima
import prophet
import pytest
import statsmodels.api
import xgboost
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from flavors.classic.graphs import linear_model
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

with warnings.catch_warnings(
    action="ignore"
):  # MLflow warns, when imported, of its type hints and of what it will drop
    import mlflow.onnx
    import mlflow.pmdarima
    import mlflow.pyfunc

# Prophet 1.5 uses arguments of pandas that pandas 3.1 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:prophet.forecaster"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:prophet.serialize"),
]

X = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
Y = (X[:, 0] > 0).astype(int)
WAVE = np.sin(np.arange(60.0))
DAYS = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": WAVE})
QUIET: dict[str, Any] = {"verbose": False, "allow_writing_files": False, "iterations": 3}


@dataclass(frozen=True)
class Case:
    """A model, and how both sides store it."""

    flavor: str
    make: Callable[[], Any]
    data: Any
    format: str | None = None
    mlflow_options: tuple[tuple[str, Any], ...] = ()

    @property
    def trust(self) -> bool:
        return self.format in ("pickle", "cloudpickle")


CASES = {
    "xgboost booster": Case("xgboost", lambda: xgboost.train({}, xgboost.DMatrix(FRAME, Y), 3), FRAME),
    "xgboost estimator": Case("xgboost", lambda: xgboost.XGBClassifier(n_estimators=3).fit(FRAME, Y), FRAME),
    "xgboost estimator as json": Case(
        "xgboost",
        lambda: xgboost.XGBRegressor(n_estimators=3).fit(FRAME, Y),
        FRAME,
        "json",
        (("model_format", "json"),),
    ),
    "lightgbm booster": Case("lightgbm", lambda: lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, Y), 3), X),
    "lightgbm estimator by skops": Case(
        "lightgbm", lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(FRAME, Y), FRAME, "skops"
    ),
    "lightgbm estimator as pickle": Case(
        "lightgbm",
        lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(FRAME, Y),
        FRAME,
        "cloudpickle",
        (("serialization_format", "cloudpickle"),),
    ),
    "catboost": Case("catboost", lambda: catboost.CatBoostClassifier(**QUIET).fit(FRAME, Y), FRAME),
    "onnx": Case("onnx", lambda: to_onnx(LogisticRegression().fit(X, Y), X[:1], options={"zipmap": False}), X),
    "prophet": Case("prophet", lambda: prophet.Prophet(uncertainty_samples=0).fit(DAYS), DAYS[["ds"]]),
    "statsmodels": Case("statsmodels", lambda: statsmodels.api.OLS(Y, X).fit(), X, "pickle"),
    "pmdarima": Case(
        "pmdarima", lambda: pmdarima.ARIMA(order=(1, 0, 0)).fit(WAVE), pd.DataFrame({"n_periods": [4]}), "pickle"
    ),
}


def same(answer: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for name in expected:
            np.testing.assert_array_equal(answer[name], expected[name])
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(answer, expected)
    else:
        np.testing.assert_array_equal(np.asarray(answer), np.asarray(expected))


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def model(case: Case) -> Any:
    return case.make()


@pytest.fixture(scope="module")
def theirs(case: Case, model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as MLflow saves it. Requirements are given, since MLflow would start a program to find them."""
    path = tmp_path_factory.mktemp("theirs") / "model"
    module = importlib.import_module(f"mlflow.{case.flavor}")
    module.save_model(model, str(path), pip_requirements=[case.flavor], **dict(case.mlflow_options))
    return path


@pytest.fixture(scope="module")
def ours(case: Case, model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ours") / "model"
    save_model(model, path, format=case.format)
    return path


def test_mlflow_answers_by_our_files_as_by_its_own(case: Case, ours: Path, theirs: Path) -> None:
    expected = mlflow.pyfunc.load_model(str(theirs)).predict(case.data)
    same(mlflow.pyfunc.load_model(str(ours)).predict(case.data), expected)


def test_mlflow_loads_our_files_natively(case: Case, ours: Path, model: Any) -> None:
    module = importlib.import_module(f"mlflow.{case.flavor}")
    assert type(module.load_model(str(ours))) is type(model)


def test_we_answer_by_the_files_of_mlflow_as_it_does(case: Case, theirs: Path, model: Any) -> None:
    assert type(load_model(theirs, trust=case.trust)) is type(model)
    expected = mlflow.pyfunc.load_model(str(theirs)).predict(case.data)
    same(pyfunc.load_model(theirs, trust=case.trust).predict(case.data), expected)


def test_pickles_of_mlflow_need_trust(case: Case, theirs: Path) -> None:
    if case.trust:
        with pytest.raises(errors.UntrustedModel, match="trust=True"):
            load_model(theirs)
    else:
        load_model(theirs)


def test_onnx_weights_that_mlflow_puts_in_another_file_are_read(tmp_path: Path) -> None:
    mlflow.onnx.save_model(linear_model(), str(tmp_path / "model"), pip_requirements=["onnx"])
    assert [file for file in (tmp_path / "model").iterdir() if file.suffix == ".data"]
    expected = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(X)
    same(pyfunc.load_model(tmp_path / "model").predict(X), expected)


def test_an_estimator_of_lightgbm_as_text_is_loaded_by_mlflow_through_us(tmp_path: Path) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(FRAME, Y)
    save_model(model, tmp_path / "model")
    same(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(FRAME), model.predict(FRAME))


def test_a_model_that_answers_with_probabilities_is_loaded_by_mlflow_through_us(tmp_path: Path) -> None:
    model = xgboost.XGBClassifier(n_estimators=3).fit(FRAME, Y)
    save_model(model, tmp_path / "model", predict_fn="predict_proba")
    same(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(FRAME), model.predict_proba(FRAME))
