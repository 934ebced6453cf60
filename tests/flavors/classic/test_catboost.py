from __future__ import annotations

from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

SETTINGS: dict[str, Any] = {"iterations": 4, "depth": 2, "verbose": False, "allow_writing_files": False}
DATA = pd.DataFrame({"colour": ["red", "green", "blue", "red"] * 10, "size": np.arange(40.0)})
TARGET = np.where(DATA["size"] > 20, "big", "small")


class TestCatBoostClassifier(FlavorContract):
    flavor = "catboost"
    packages = ("catboost",)
    safe_formats = ("cbm",)

    def make_model(self) -> Any:
        return catboost.CatBoostClassifier(**SETTINGS, cat_features=["colour"]).fit(DATA, TARGET)

    def make_data(self) -> Any:
        return DATA[:7]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(data)

    def test_the_class_and_the_names_of_the_classes_are_kept(self, saved: Path, model: Any) -> None:
        loaded = load_model(saved)
        assert type(loaded) is catboost.CatBoostClassifier
        assert list(loaded.classes_) == ["big", "small"]
        np.testing.assert_array_equal(loaded.predict_proba(DATA), model.predict_proba(DATA))

    def test_params_are_those_of_predict(self, saved: Path, model: Any) -> None:
        loaded = pyfunc.load_model(saved)
        answer = loaded.predict(DATA, params={"prediction_type": "Probability"})
        np.testing.assert_array_equal(answer, model.predict_proba(DATA))
        with pytest.raises(errors.SchemaMismatch, match="prediction_kind"):
            loaded.predict(DATA, params={"prediction_kind": "Probability"})


def test_arrays_are_answered_by_a_regressor(tmp_path: Path) -> None:
    x = np.arange(40.0).reshape(20, 2)
    model = catboost.CatBoostRegressor(**SETTINGS).fit(x, x[:, 0])
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(pyfunc.load_model(tmp_path / "model").predict(x), model.predict(x))


def test_a_model_that_was_not_fitted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match="fit"):
        save_model(catboost.CatBoostRegressor(), tmp_path / "model")


@pytest.mark.parametrize(("field", "value"), [("model_type", "Pool"), ("save_format", "python")])
def test_what_the_descriptor_names_must_be_known(tmp_path: Path, field: str, value: str) -> None:
    model = catboost.CatBoostRegressor(**SETTINGS).fit(np.arange(20.0).reshape(20, 1), np.arange(20.0))
    save_model(model, tmp_path / "model")
    descriptor = tmp_path / "model/MLmodel"
    old = {"model_type": "CatBoostRegressor", "save_format": "cbm"}[field]
    descriptor.write_text(descriptor.read_text().replace(f"{field}: {old}", f"{field}: {value}"))
    with pytest.raises(errors.ModelFormatError, match=f"{field} is '{value}'"):
        load_model(tmp_path / "model", verify=False)


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    model = catboost.CatBoostRegressor(**SETTINGS).fit(np.arange(20.0).reshape(20, 1), np.arange(20.0))
    save_model(model, tmp_path / "model")
    (tmp_path / "model/model.cb").write_bytes(b"CBM1 and nothing more")
    with pytest.raises(errors.ModelFormatError, match=r"model\.cb"):
        load_model(tmp_path / "model", verify=False)
