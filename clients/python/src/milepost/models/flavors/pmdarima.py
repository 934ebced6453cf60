"""pmdarima. Its models are pickles: there is no safe format, since they hold fitted results of statsmodels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

from . import _pickles
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

CLASSES = ("ARIMA", "AutoARIMA", "Pipeline")
DATA = "model.pmd"
# Columns of the one row that asks for a forecast, and arguments of the library's `predict`.
ARGUMENTS = ("n_periods", "X", "return_conf_int", "alpha")


class PmdarimaFlavor:
    """ARIMA models and pipelines of pmdarima."""

    name = "pmdarima"
    formats: Sequence[str] = (_pickles.PICKLE,)

    def accepts(self, model: object) -> bool:
        """Whether the object is an ARIMA, an AutoARIMA or a pipeline of pmdarima."""
        return class_of(model, "pmdarima", CLASSES) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.pmd`.

        Raises:
            ModelFormatError: No format is asked for, or something in the model cannot be pickled.
        """
        library = require("pmdarima", self.name)
        refuse_unknown(self, options.extra)
        format_ = chosen_format(self, options.format)
        _pickles.write(model, folder / DATA, format_)
        config = {"pmdarima_version": library.__version__, "data": DATA, "model_type": type(model).__name__}
        return Saved(
            config=config, loader_module="mlflow.pmdarima", data=DATA, requirements=["pmdarima"], runs_code=True
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """The model as it was fitted."""
        require("pmdarima", self.name)
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("data", DATA), "flavors.pmdarima.data")
        return _pickles.read(path, _pickles.PICKLE, trust=options.trust)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Forecasts.

        Data are one row, a frame or values by column: `n_periods`, and if wanted `X` (the regressors of these periods,
        as rows), `return_conf_int` and `alpha`. Params of these names do the same. Answers with a frame of the column
        `yhat`, and `yhat_lower` and `yhat_upper` if intervals were asked for, as MLflow's does.
        """
        pandas = require("pandas", self.name)

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            asked = {**_row(data), **params}
            if unknown := sorted(asked.keys() - set(ARGUMENTS)):
                raise SchemaMismatch(f"A forecast takes {', '.join(ARGUMENTS)}, not {unknown[0]!r}.", field=unknown[0])
            asked["n_periods"] = _periods(asked.get("n_periods"))
            try:
                answer = model.predict(**asked)
            except (ValueError, TypeError) as error:
                raise SchemaMismatch(f"The model does not take these data: {error}") from error
            if not asked.get("return_conf_int", False):
                return pandas.DataFrame({"yhat": answer})
            values, intervals = answer
            return pandas.DataFrame({"yhat": values, "yhat_lower": intervals[:, 0], "yhat_upper": intervals[:, 1]})

        return predict


def _row(data: Any) -> dict[str, Any]:
    """The one row of a frame, or a mapping of names to values or to lists of one value."""
    if hasattr(data, "to_dict"):
        rows = data.to_dict(orient="records")
        if len(rows) != 1:
            raise SchemaMismatch(f"A forecast is asked for by one row, not {len(rows)}.")
        return dict(rows[0])
    if isinstance(data, Mapping):
        return dict(data)
    raise SchemaMismatch("A forecast is asked for by a data frame of one row with the column 'n_periods'.", "n_periods")


def _periods(value: Any) -> int:
    whole = int(value) if isinstance(value, (int, float)) or hasattr(value, "item") else 0
    if whole < 1 or whole != value or isinstance(value, bool):
        raise SchemaMismatch(f"'n_periods' is {value!r}, not a whole number above 0.", field="n_periods")
    return whole
