"""Results of statsmodels. They are pickles.

There is no safe format. Results hold their model with its data and whatever the kind of model adds, statsmodels writes
none of it in any other way, and the formulas of models made with one are Python expressions that predicting evaluates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

from . import _pickles
from ._libraries import class_of, params_checker, predict_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

RESULTS = ("Results", "ResultsWrapper")
DATA = "model.statsmodels"


class StatsmodelsFlavor:
    """What `fit` of a model of statsmodels returns."""

    name = "statsmodels"
    formats: Sequence[str] = (_pickles.PICKLE,)

    def accepts(self, model: object) -> bool:
        """Whether the object is a result of statsmodels, wrapped by its names of columns or not."""
        return class_of(model, "statsmodels", RESULTS) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.statsmodels`.

        The option `remove_data` leaves out the training data, which makes the file small, and `summary()` fail.

        Raises:
            ModelFormatError: No format is asked for, or something in the model cannot be pickled.
        """
        library = require("statsmodels", self.name)
        refuse_unknown(self, options.extra, ["remove_data"])
        format_ = chosen_format(self, options.format)
        if options.extra.get("remove_data", False):
            model.remove_data()
        _pickles.write(model, folder / DATA, format_)
        config = {"statsmodels_version": library.__version__, "data": DATA}
        return Saved(
            config=config, loader_module="mlflow.statsmodels", data=DATA, requirements=["statsmodels"], runs_code=True
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """The results, with the training data unless they were left out."""
        require("statsmodels", self.name)
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("data", DATA), "flavors.statsmodels.data")
        return _pickles.read(path, _pickles.PICKLE, trust=options.trust)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Asks the results' own `predict`.

        Data are the regressors, with the constant if there is one; a frame where the model has a formula. Models of
        time series take one row with the columns `start` and `end`, the first and last step or time to predict, as
        MLflow's do.
        Params are further arguments of `predict`, such as `which`.
        """
        series = require("statsmodels.tsa.base.tsa_model", self.name)
        if isinstance(model.model, series.TimeSeriesModel):
            return _series_predictor(model)
        return predict_of(model.predict, refusals=(ValueError,), without=["exog", "start", "end"])


def _series_predictor(results: Any) -> Predict:
    check = params_checker(results.predict, without=["start", "end"])

    def predict(data: Any, params: Mapping[str, Any]) -> Any:
        check(params)
        steps = {}
        for field in ("start", "end"):
            try:
                values = list(data[field])
            except (KeyError, IndexError, TypeError, ValueError):
                values = []
            if len(values) != 1:
                raise SchemaMismatch(
                    f"A model of a time series needs one row with the columns 'start' and 'end', but {field!r} has "
                    f"{len(values)} values.",
                    field=field,
                )
            steps[field] = values[0]
        try:
            return results.predict(**steps, **params)
        except (KeyError, ValueError, TypeError) as error:
            raise SchemaMismatch(
                f"The model cannot predict from {steps['start']} to {steps['end']}: {error}"
            ) from error

    return predict
