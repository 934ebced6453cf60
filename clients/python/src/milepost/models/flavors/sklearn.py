"""scikit-learn: estimators, transformers and pipelines, as files of skops, or pickled if the writer asks for that."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

from . import _pickles, _skops
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

SKOPS = "skops"
FILES = {SKOPS: "model.skops", _pickles.PICKLE: "model.pkl", _pickles.CLOUDPICKLE: "model.pkl"}
DISTRIBUTIONS = {SKOPS: ["skops"], _pickles.PICKLE: [], _pickles.CLOUDPICKLE: ["cloudpickle"]}
# Those of which MLflow knows, and others that take one batch and give an answer.
MLFLOW_METHODS = ("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba")
METHODS = (*MLFLOW_METHODS, "decision_function", "score_samples", "transform")
OPTIONS = ("predict_fn", "skops_trusted_types")


class SklearnFlavor:
    """Models of scikit-learn."""

    name = "sklearn"
    formats: Sequence[str] = (SKOPS, _pickles.PICKLE, _pickles.CLOUDPICKLE)

    def accepts(self, model: object) -> bool:
        """Whether the object is derived from scikit-learn's `BaseEstimator`."""
        base = sys.modules.get("sklearn.base")
        return base is not None and isinstance(model, base.BaseEstimator)

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.skops` or `model.pkl`.

        The options are `predict_fn`, the method that `predict` of `milepost.pyfunc` calls, and `skops_trusted_types`,
        types of your own or of other libraries that the file may hold; it is then loaded with `trust=True` only.

        Raises:
            ModelFormatError: The model has no such method, or holds types that skops cannot store or that are not
                listed.
        """
        library = require("sklearn", "sklearn")
        refuse_unknown(self, options.extra, OPTIONS)
        format_ = chosen_format(self, options.format)
        method = _method(model, options.extra.get("predict_fn"))
        path = folder / FILES[format_]
        config: dict[str, Any] = {
            "pickled_model": path.name,
            "serialization_format": format_,
            "sklearn_version": library.__version__,
        }
        if format_ == SKOPS:
            types = _skops.write(model, path)
            _refuse_unlisted(types, options.extra.get("skops_trusted_types") or ())
            config["skops_trusted_types"] = types
        else:
            _pickles.write(model, path, format_)
        runs_code = format_ != SKOPS or bool(_skops.foreign(config["skops_trusted_types"]))
        requirements = ["scikit-learn", *DISTRIBUTIONS[format_]]
        if method in MLFLOW_METHODS:
            pyfunc = {"model_path": path.name, "predict_fn": method}
            return Saved(config, "mlflow.sklearn", None, requirements, runs_code, pyfunc)
        return Saved({**config, "predict_fn": method}, None, None, [*requirements, "milepost-client"], runs_code)

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """The estimator."""
        require("sklearn", "sklearn")
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("pickled_model"), "flavors.sklearn.pickled_model")
        format_ = config.get("serialization_format", _pickles.PICKLE)
        if not isinstance(format_, str) or format_ not in FILES:
            raise ModelFormatError(
                f"MLmodel: flavors.sklearn.serialization_format is {format_!r}, not one of {', '.join(FILES)}."
            )
        if format_ == SKOPS:
            return _skops.read(path, trust=options.trust)
        return _pickles.read(path, format_, trust=options.trust)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Calls the method `predict_fn`; params are its arguments, such as `return_std` of Gaussian processes."""
        method = getattr(model, _method(model, config.get("predict_fn")))

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            if not params:
                return method(data)
            try:
                return method(data, **params)
            except TypeError as wrong:
                raise SchemaMismatch(f"{type(model).__name__}.{method.__name__}: {wrong}", field="params") from wrong

        return predict


def _method(model: object, asked: object) -> str:
    name = "predict" if asked is None else asked
    if name not in METHODS:
        raise ModelFormatError(f"predict_fn is {name!r}, not one of {', '.join(METHODS)}.")
    if not hasattr(model, str(name)):
        has = [method for method in METHODS if hasattr(model, method)]
        instead = f"Choose one by predict_fn=: {', '.join(has)}." if has else "It has none of these, so it is no model."
        raise ModelFormatError(f"A {type(model).__qualname__} has no method {name}. {instead}")
    return str(name)


def _refuse_unlisted(types: Sequence[str], listed: Sequence[str]) -> None:
    unlisted = sorted(set(_skops.foreign(types)) - set(listed))
    if unlisted:
        raise ModelFormatError(
            f"The model holds what is no part of scikit-learn that is known to be harmless: {', '.join(unlisted)}. "
            f"Save it with skops_trusted_types={unlisted!r} or format='cloudpickle'; "
            "either is loaded with trust=True only."
        )
