"""Prophet, as the JSON text of its own serialisation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._libraries import class_of, own_class, params_checker
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "model.pr"


class ProphetFlavor:
    """Forecasts of Prophet."""

    name = "prophet"
    formats: Sequence[str] = ("json",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a Prophet, or derived from it."""
        return class_of(model, "prophet", ["Prophet"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.pr`.

        Raises:
            ModelFormatError: The class is not Prophet itself, or the model has not been fitted.
        """
        library, serialize = _library()
        refuse_unknown(self, options.extra)
        chosen_format(self, options.format)
        name = own_class(model, "prophet", ["Prophet"], "Wrap it in a PythonModel.")
        if model.history is None:
            raise ModelFormatError("This Prophet has not been fitted, so there is nothing to save. Call fit() first.")
        # A text of JSON within JSON is what MLflow reads.
        (folder / DATA).write_text(json.dumps(serialize.model_to_json(model)), encoding="utf-8")
        config = {"prophet_version": library.__version__, "data": DATA, "model_type": name}
        return Saved(config=config, loader_module="mlflow.prophet", data=DATA, requirements=["prophet"])

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A Prophet that can predict, but not be fitted further."""
        library, serialize = _library()
        refuse_unknown(self, options.extra)
        path = inside(folder, config.get("data", DATA), "flavors.prophet.data")
        try:
            return serialize.model_from_json(json.loads(path.read_text(encoding="utf-8")))
        except Exception as error:  # a wrong file can raise nearly anything
            raise ModelFormatError(
                f"{path.name}: Prophet {library.__version__} cannot read it: {type(error).__name__}: {error}"
            ) from error

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Data are a frame with the column `ds`, or columns by name. Answers with Prophet's frame: `yhat` and more.

        Params are arguments of `Prophet.predict`, such as `vectorized`.
        """
        pandas = require("pandas", "prophet")
        check = params_checker(model.predict, without=["df"])

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            check(params)
            if isinstance(data, Mapping):
                data = pandas.DataFrame(data)
            if not isinstance(data, pandas.DataFrame) or "ds" not in data.columns:
                raise SchemaMismatch("Prophet needs a data frame whose column 'ds' holds times.", field="ds")
            try:
                return model.predict(data, **params)
            except ValueError as error:
                raise SchemaMismatch(f"The model does not take these data: {error}") from error

        return predict


def _library() -> tuple[Any, Any]:
    """Prophet, and its serialisation, which it does not import by itself."""
    return require("prophet", "prophet"), require("prophet.serialize", "prophet")
