from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
import yaml

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


def classifier() -> Any:
    return xgboost.XGBClassifier(n_estimators=4, max_depth=2).fit(X, Y)


def booster(names: list[str] | None = None) -> Any:
    return xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y, feature_names=names), num_boost_round=3)


class TestXGBClassifier(FlavorContract):
    flavor = "xgboost"
    packages = ("xgboost",)
    safe_formats = ("ubj", "json")

    def make_model(self) -> Any:
        return classifier()

    def make_data(self) -> Any:
        return X[:7]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(data)

    def test_the_estimator_keeps_its_class_and_probabilities(self, saved: Path) -> None:
        loaded = load_model(saved)
        assert type(loaded) is xgboost.XGBClassifier
        np.testing.assert_array_equal(loaded.predict_proba(X), classifier().predict_proba(X))
        assert list(loaded.classes_) == [0, 1, 2]

    def test_a_class_of_someone_else_is_not_imported(self, saved: Path, tmp_path: Path) -> None:
        descriptor = yaml.safe_load((saved / "MLmodel").read_text())
        descriptor["flavors"]["xgboost"]["model_class"] = "subprocess.Popen"
        (tmp_path / "MLmodel").write_text(yaml.safe_dump(descriptor))
        (tmp_path / "model.ubj").write_bytes((saved / "model.ubj").read_bytes())
        with pytest.raises(errors.ModelFormatError, match=r"model_class is 'subprocess\.Popen'"):
            load_model(tmp_path, verify=False)

    def test_a_file_that_is_no_model_is_refused_by_name(self, saved: Path, tmp_path: Path) -> None:
        (tmp_path / "MLmodel").write_bytes((saved / "MLmodel").read_bytes())
        (tmp_path / "model.ubj").write_bytes(b"{}")
        with pytest.raises(errors.ModelFormatError, match=r"model\.ubj"):
            load_model(tmp_path, verify=False)


class TestBooster(FlavorContract):
    flavor = "xgboost"
    packages = ("xgboost",)
    safe_formats = ("ubj", "json")

    def make_model(self) -> Any:
        return booster()

    def make_data(self) -> Any:
        return X[:7]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(xgboost.DMatrix(data))

    def test_arrays_need_no_names_and_frames_are_checked_by_name(self, tmp_path: Path) -> None:
        named = booster(["a", "b", "c"])
        save_model(named, tmp_path / "model")
        model = pyfunc.load_model(tmp_path / "model")
        expected = named.predict(xgboost.DMatrix(X, feature_names=["a", "b", "c"]))
        np.testing.assert_array_equal(model.predict(X), expected)
        np.testing.assert_array_equal(model.predict(pd.DataFrame(X, columns=list("abc"))), expected)
        with pytest.raises(errors.SchemaMismatch, match="feature_names mismatch"):
            model.predict(pd.DataFrame(X, columns=list("abd")))


def test_an_estimator_that_was_not_fitted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match="fit"):
        save_model(xgboost.XGBRegressor(), tmp_path / "model")


def test_a_class_derived_from_an_estimator_is_refused_with_a_remedy(tmp_path: Path) -> None:
    class Mine(xgboost.XGBRegressor):  # type: ignore[misc]
        pass

    with pytest.raises(errors.ModelFormatError, match="get_booster"):
        save_model(Mine(n_estimators=2).fit(X, Y), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_params_are_those_of_predict(tmp_path: Path) -> None:
    save_model(classifier(), tmp_path / "model")
    model = pyfunc.load_model(tmp_path / "model")
    margins = model.predict(X, params={"output_margin": True})
    np.testing.assert_array_equal(margins, classifier().predict(X, output_margin=True))
    with pytest.raises(errors.SchemaMismatch, match="output_margins") as caught:
        model.predict(X, params={"output_margins": True})
    assert caught.value.field == "output_margins"


def test_a_classifier_answers_with_probabilities_if_asked(tmp_path: Path) -> None:
    save_model(classifier(), tmp_path / "model", predict_fn="predict_proba")
    np.testing.assert_array_equal(pyfunc.load_model(tmp_path / "model").predict(X), classifier().predict_proba(X))


def test_a_method_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    for model, method in ((booster(), "predict_proba"), (classifier(), "fit")):
        with pytest.raises(errors.ModelFormatError, match=f"predict_fn is '{method}'"):
            save_model(model, tmp_path / "model", predict_fn=method)
