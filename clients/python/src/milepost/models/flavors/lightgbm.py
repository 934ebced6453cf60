"""LightGBM: boosters and the estimators of its scikit-learn interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require
from milepost.models._paths import inside

from . import _lightgbm_estimators, _pickles, _skops
from ._libraries import PREDICT_FN, answered_by, answering, class_of, loaded_by_us, own_class, predict_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

BOOSTER = "Booster"
TEXT = "text"
SKOPS = "skops"
DATA = "model.lgb"
STATE = "estimator.json"
# Full names are what MLflow writes and imports. Here they only choose from this table.
CLASSES = {"lightgbm.basic.Booster": BOOSTER} | {
    f"lightgbm.sklearn.{name}": name for name in _lightgbm_estimators.CLASSES
}
FULL_NAMES = {name: full_name for full_name, name in CLASSES.items()}
# Types of an estimator that skops does not know, none of which runs code when it is made: LightGBM reads its own text.
HARMLESS = {*CLASSES, "collections.OrderedDict", "collections.defaultdict"}


class LightGBMFlavor:
    """Models of LightGBM. The class of an estimator is kept, so that classifiers answer with classes.

    MLflow stores boosters as text too, and estimators by skops or as pickles, which are read and written here as well.
    """

    name = "lightgbm"
    formats: Sequence[str] = (TEXT, SKOPS, *_pickles.FORMATS)

    def accepts(self, model: object) -> bool:
        """Whether the object is a booster, an estimator of `lightgbm.sklearn`, or derived from one."""
        return class_of(model, "lightgbm", FULL_NAMES) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.lgb`, and `estimator.json` for an estimator; `model.skops` or `model.pkl` if asked.

        The option `predict_fn` is the method by which a classifier answers: `predict_proba` for probabilities.

        Raises:
            ModelFormatError: The model has no such method or has not been fitted, or the format cannot hold it.
        """
        library = require("lightgbm", "lightgbm")
        refuse_unknown(self, options.extra, [PREDICT_FN])
        method = answering(model, options.extra)
        format_ = chosen_format(self, options.format)
        name = _checked_class(model, format_)
        estimator: dict[str, Any] = {}
        requirements = ["lightgbm"]
        if name == BOOSTER:
            data = DATA
            model.save_model(folder / data)
        else:
            data, estimator, more = _save_estimator(model, folder, format_)
            requirements += ["scikit-learn", *more]
        config = {
            "lgb_version": library.__version__,
            "data": data,
            "model_class": FULL_NAMES.get(name, name),
            "serialization_format": format_,
            **estimator,
        }
        saved = Saved(config, "mlflow.lightgbm", data, requirements, runs_code=format_ in _pickles.FORMATS)
        if estimator.get("estimator"):  # MLflow takes any estimator for a pickle or skops
            saved = loaded_by_us(saved)
        return answered_by(method, saved)

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A booster, or an estimator of the class that was saved."""
        require("lightgbm", "lightgbm")
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("data"), "flavors.lightgbm.data")
        full_name = config.get("model_class", FULL_NAMES[BOOSTER])
        format_ = config.get("serialization_format", _pickles.CLOUDPICKLE)
        if full_name == FULL_NAMES[BOOSTER]:
            return _lightgbm_estimators.read_booster(path)
        if format_ in _pickles.FORMATS:
            return _pickles.read(path, format_, trust=options.trust)
        if format_ == SKOPS:
            # What the descriptor says about types to trust counts for nothing.
            return _skops.read(path, trust=options.trust, more=HARMLESS)
        _check_known("serialization_format", format_, self.formats)
        _check_known("model_class", full_name, CLASSES)
        state = inside(folder, config.get("estimator"), "flavors.lightgbm.estimator")
        return _lightgbm_estimators.read(path, state, CLASSES[full_name])

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Params are arguments of the model's own method, such as `raw_score`."""
        refusals = (require("lightgbm", "lightgbm").basic.LightGBMError, ValueError)
        return predict_of(getattr(model, answering(model, config)), refusals=refusals)


def _check_known(field: str, value: object, known: Iterable[str]) -> None:
    if value not in list(known):
        raise ModelFormatError(f"MLmodel: flavors.lightgbm.{field} is {value!r}, not one of {', '.join(known)}.")


def _checked_class(model: Any, format_: str) -> str:
    """Name of the model's class; its full name if only pickles can hold it."""
    if format_ in _pickles.FORMATS and class_of(model, "lightgbm", [BOOSTER]) is None:
        return FULL_NAMES.get(type(model).__name__, f"{type(model).__module__}.{type(model).__qualname__}")
    remedy = "Save its booster_, or pass format='cloudpickle', which runs code when it is loaded."
    name = own_class(model, "lightgbm", FULL_NAMES, remedy)
    if name == BOOSTER and format_ != TEXT:
        raise ModelFormatError(f"A Booster is stored as text, not as {format_}. Pass format='text', or none.")
    if name != BOOSTER and not model.__sklearn_is_fitted__():
        raise ModelFormatError(f"This {name} has not been fitted, so there is nothing to save. Call fit() first.")
    return name


def _save_estimator(model: Any, folder: Path, format_: str) -> tuple[str, dict[str, Any], list[str]]:
    """Writes an estimator. Returns the file, more entries for the descriptor, and more requirements."""
    if format_ == TEXT:
        _lightgbm_estimators.write(model, folder, DATA, STATE)
        return DATA, {"estimator": STATE}, []
    if format_ == SKOPS:
        types = _skops.write(model, folder / "model.skops")
        if others := _skops.foreign(types, HARMLESS):
            raise ModelFormatError(
                f"This {type(model).__name__} holds what is not known to be harmless: {', '.join(others)}. Pass "
                "format='cloudpickle', which runs code when it is loaded."
            )
        return "model.skops", {"skops_trusted_types": types}, ["skops"]
    _pickles.write(model, folder / "model.pkl", format_)
    return "model.pkl", {}, ["cloudpickle"] if format_ == _pickles.CLOUDPICKLE else []
