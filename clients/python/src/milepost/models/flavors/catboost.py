"""CatBoost, in its own binary files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._libraries import PREDICT_FN, answered_by, answering, class_of, own_class, predict_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")
READABLE = ("cbm", "json")
DATA = "model.cb"


class CatBoostFlavor:
    """Models of CatBoost. The class is kept, so that classifiers answer with classes."""

    name = "catboost"
    formats: Sequence[str] = ("cbm",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a model of CatBoost, or derived from one."""
        return class_of(model, "catboost", CLASSES) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.cb`.

        The option `predict_fn` is the method by which a classifier answers: `predict_proba` for probabilities.

        Raises:
            ModelFormatError: The model has no such method or has not been fitted, or its class is not CatBoost's own.
        """
        library = require("catboost", "catboost")
        refuse_unknown(self, options.extra, [PREDICT_FN])
        method = answering(model, options.extra)
        format_ = chosen_format(self, options.format)
        name = own_class(model, "catboost", CLASSES, "Wrap it in a PythonModel.")
        if not model.is_fitted():
            raise ModelFormatError(f"This {name} has not been fitted, so there is nothing to save. Call fit() first.")
        model.save_model(str(folder / DATA), format=format_)
        config = {
            "catboost_version": library.__version__,
            "data": DATA,
            "model_type": name,
            "save_format": format_,
        }
        return answered_by(method, Saved(config, "mlflow.catboost", DATA, ["catboost"]))

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A model of the class that was saved."""
        library = require("catboost", "catboost")
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("data", DATA), "flavors.catboost.data")
        name = _one_of(config, "model_type", CLASSES)
        format_ = _one_of({"save_format": "cbm", **config}, "save_format", READABLE)
        model = getattr(library, name)()
        try:
            model.load_model(str(path), format=format_)
        except Exception as error:  # a wrong file can raise nearly anything
            raise ModelFormatError(f"{path.name}: CatBoost {library.__version__} cannot read it: {error}") from error
        return model

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Params are arguments of the model's own method, such as `prediction_type`."""
        refusals = (require("catboost", "catboost").CatBoostError, ValueError)
        return predict_of(getattr(model, answering(model, config)), refusals=refusals)


def _one_of(config: Mapping[str, Any], field: str, known: Sequence[str]) -> str:
    value = config.get(field)
    if value not in known:
        raise ModelFormatError(f"MLmodel: flavors.catboost.{field} is {value!r}, not one of {', '.join(known)}.")
    return str(value)
