from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import yaml

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

RNG = np.random.default_rng(1)
X = RNG.normal(size=(80, 3))
Y = np.where(X[:, 0] > 0, "warm", np.where(X[:, 1] > 0, "mild", "cold"))
SETTINGS: dict[str, Any] = {"n_estimators": 5, "num_leaves": 4, "verbose": -1, "min_child_samples": 5}


def classifier(**more: Any) -> Any:
    return lightgbm.LGBMClassifier(**{**SETTINGS, **more}).fit(X, Y)


def booster() -> Any:
    return lightgbm.train({"verbose": -1, "min_data_in_leaf": 5}, lightgbm.Dataset(X, X[:, 0]), num_boost_round=3)


class TestLGBMClassifier(FlavorContract):
    flavor = "lightgbm"
    packages = ("lightgbm",)
    safe_formats = ("text", "skops")
    trusted_formats = ("pickle", "cloudpickle")

    def make_model(self) -> Any:
        return classifier()

    def make_data(self) -> Any:
        return X[:7]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(data)


@pytest.mark.parametrize("format_", ["text", "skops", "pickle"])
def test_a_classifier_answers_with_probabilities_if_asked(tmp_path: Path, format_: str) -> None:
    save_model(classifier(), tmp_path / "model", format=format_, predict_fn="predict_proba")
    answer = pyfunc.load_model(tmp_path / "model", trust=format_ == "pickle").predict(X)
    np.testing.assert_array_equal(answer, classifier().predict_proba(X))


class TestBoosterAsText:
    def test_it_answers_alike(self, tmp_path: Path) -> None:
        save_model(booster(), tmp_path / "model")
        assert isinstance(load_model(tmp_path / "model"), lightgbm.Booster)
        np.testing.assert_array_equal(pyfunc.load_model(tmp_path / "model").predict(X), booster().predict(X))

    def test_other_formats_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelFormatError, match="format='text'"):
            save_model(booster(), tmp_path / "model", format="pickle")


class TestEstimatorsAsText:
    """The estimator is the same to its user, though the file holds no pickle."""

    @pytest.fixture
    def loaded(self, tmp_path: Path) -> Any:
        save_model(classifier(class_weight={"warm": 2.0, "mild": 1.0, "cold": 0.5}), tmp_path / "model")
        return load_model(tmp_path / "model")

    def test_all_that_was_learned_is_there(self, loaded: Any) -> None:
        original = classifier(class_weight={"warm": 2.0, "mild": 1.0, "cold": 0.5})
        np.testing.assert_array_equal(loaded.predict_proba(X), original.predict_proba(X))
        assert loaded.get_params() == original.get_params()
        assert list(loaded.classes_) == ["cold", "mild", "warm"]
        assert loaded.classes_.dtype == original.classes_.dtype
        assert (loaded.n_classes_, loaded.n_features_in_) == (3, 3)
        assert loaded.feature_name_ == original.feature_name_
        np.testing.assert_array_equal(loaded.feature_importances_, original.feature_importances_)

    def test_it_can_be_fitted_again(self, loaded: Any) -> None:
        assert set(loaded.fit(X, Y).predict(X)) <= set(Y)

    def test_the_best_iteration_of_early_stopping_is_kept(self, tmp_path: Path) -> None:
        stop = lightgbm.early_stopping(2, verbose=False)
        model = lightgbm.LGBMRegressor(**{**SETTINGS, "n_estimators": 60, "learning_rate": 0.9})
        model.fit(X[:40], X[:40, 0] ** 2, eval_X=X[40:], eval_y=X[40:, 0] ** 2, callbacks=[stop])
        assert 0 < model.best_iteration_ < 60
        save_model(model, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        assert (loaded.best_iteration_, loaded.n_estimators_) == (model.best_iteration_, model.n_estimators_)
        assert loaded.evals_result_ == model.evals_result_
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))

    def test_a_function_as_objective_is_refused_with_a_remedy(self, tmp_path: Path) -> None:
        def objective(truth: Any, answer: Any) -> Any:
            return answer - truth, np.ones_like(truth)

        model = lightgbm.LGBMRegressor(**SETTINGS, objective=objective).fit(X, X[:, 0])
        with pytest.raises(errors.ModelFormatError, match="'cloudpickle'"):
            save_model(model, tmp_path / "model")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("attributes", "says"),
        [
            ({"predict": 1}, "'predict' is no attribute"),
            ({"__class__": 1}, "'__class__' is no attribute"),
            ({"_classes": {"array": [1], "dtype": "V8"}}, "arrays of"),
            ({"_classes": {"unknown": []}}, "KeyError"),
        ],
    )
    def test_a_hostile_state_is_refused(self, tmp_path: Path, attributes: Any, says: str) -> None:
        save_model(classifier(), tmp_path / "model")
        state = json.loads((tmp_path / "model/estimator.json").read_text())
        state["attributes"] |= attributes
        (tmp_path / "model/estimator.json").write_text(json.dumps(state))
        with pytest.raises(errors.ModelFormatError, match=says):
            load_model(tmp_path / "model", verify=False)


def test_types_that_the_descriptor_of_a_skops_file_trusts_count_for_nothing(tmp_path: Path) -> None:
    class Mine(lightgbm.LGBMRegressor):  # type: ignore[misc]
        pass

    import skops.io

    save_model(classifier(), tmp_path / "model", format="skops")
    skops.io.dump(Mine(**SETTINGS).fit(X, X[:, 0]), tmp_path / "model/model.skops")
    descriptor = yaml.safe_load((tmp_path / "model/MLmodel").read_text())
    descriptor["flavors"]["lightgbm"]["skops_trusted_types"].append(f"{Mine.__module__}.{Mine.__qualname__}")
    (tmp_path / "model/MLmodel").write_text(yaml.safe_dump(descriptor))
    with pytest.raises(errors.UntrustedModel, match="Mine"):
        load_model(tmp_path / "model", verify=False)


def test_a_text_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    save_model(booster(), tmp_path / "model")
    (tmp_path / "model/model.lgb").write_text("tree\nversion=v4\n")
    with pytest.raises(errors.ModelFormatError, match=r"model\.lgb"):
        load_model(tmp_path / "model", verify=False)
