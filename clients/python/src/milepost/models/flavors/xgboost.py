"""XGBoost: boosters and the estimators of its scikit-learn interface, in XGBoost's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._libraries import (
    PREDICT_FN,
    answered_by,
    answering,
    class_of,
    distribution,
    own_class,
    params_checker,
    predict_of,
)
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

BOOSTER = "Booster"
# Full names are what MLflow writes and imports. Here they only choose from this table.
CLASSES = {
    "xgboost.core.Booster": BOOSTER,
    "xgboost.sklearn.XGBClassifier": "XGBClassifier",
    "xgboost.sklearn.XGBModel": "XGBModel",
    "xgboost.sklearn.XGBRanker": "XGBRanker",
    "xgboost.sklearn.XGBRegressor": "XGBRegressor",
    "xgboost.sklearn.XGBRFClassifier": "XGBRFClassifier",
    "xgboost.sklearn.XGBRFRegressor": "XGBRFRegressor",
}
FULL_NAMES = {name: full_name for full_name, name in CLASSES.items()}


class XGBoostFlavor:
    """Models of XGBoost. The class of an estimator is kept, so that classifiers answer with classes."""

    name = "xgboost"
    formats: Sequence[str] = ("ubj", "json")

    def accepts(self, model: object) -> bool:
        """Whether the object is a booster, an estimator of `xgboost.sklearn`, or derived from one."""
        return class_of(model, "xgboost", FULL_NAMES) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.ubj` or `model.json`.

        The option `predict_fn` is the method by which a classifier answers: `predict_proba` for probabilities.

        Raises:
            ModelFormatError: The model has no such method or has not been fitted, or its class is not XGBoost's own.
        """
        library = require("xgboost", "xgboost")
        refuse_unknown(self, options.extra, [PREDICT_FN])
        method = answering(model, options.extra)
        format_ = chosen_format(self, options.format)
        name = own_class(model, "xgboost", FULL_NAMES, "Save its get_booster(), or wrap it in a PythonModel.")
        if name != BOOSTER and not model.__sklearn_is_fitted__():
            raise ModelFormatError(f"This {name} has not been fitted, so there is nothing to save. Call fit() first.")
        data = f"model.{format_}"
        model.save_model(folder / data)
        config = {
            "xgb_version": library.__version__,
            "data": data,
            "model_class": FULL_NAMES[name],
            "model_format": format_,
        }
        requirements = [distribution("xgboost", "xgboost-cpu"), *([] if name == BOOSTER else ["scikit-learn"])]
        return answered_by(method, Saved(config, "mlflow.xgboost", data, requirements))

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A booster, or an estimator of the class that was saved."""
        library = require("xgboost", "xgboost")
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("data"), "flavors.xgboost.data")
        full_name = config.get("model_class", FULL_NAMES[BOOSTER])
        if not isinstance(full_name, str) or full_name not in CLASSES:
            raise ModelFormatError(
                f"MLmodel: flavors.xgboost.model_class is {full_name!r}, not one of {', '.join(CLASSES)}."
            )
        if CLASSES[full_name] != BOOSTER:
            require("sklearn", "sklearn")
        model = getattr(library, CLASSES[full_name])()
        try:
            model.load_model(path)
        except Exception as error:  # a wrong file can raise nearly anything
            raise ModelFormatError(f"{path.name}: XGBoost {library.__version__} cannot read it: {error}") from error
        return model

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Params are arguments of the model's own method, such as `output_margin`.

        Arrays have no names: their columns are in the order of the training data. Data frames are checked by name.
        """
        library = require("xgboost", "xgboost")
        if class_of(model, "xgboost", [BOOSTER]):
            return _booster_predictor(model, library)
        return predict_of(getattr(model, answering(model, config)), refusals=(ValueError, library.core.XGBoostError))


def _booster_predictor(booster: Any, library: Any) -> Predict:
    names, types = booster.feature_names, booster.feature_types
    check = params_checker(booster.predict, without=["data"])

    def predict(data: Any, params: Mapping[str, Any]) -> Any:
        check(params)
        given = {} if hasattr(data, "columns") else {"feature_names": names, "feature_types": types}
        try:
            return booster.predict(library.DMatrix(data, enable_categorical=True, **given), **params)
        except (ValueError, library.core.XGBoostError) as error:
            raise SchemaMismatch(f"The model does not take these data: {error}") from error

    return predict
