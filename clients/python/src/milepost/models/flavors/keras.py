"""Keras 3, whatever its backend: the `.keras` archive, read in safe mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import arrays
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "data"
FILE = "model.keras"
BATCH_ROWS = 1024
REQUIREMENTS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


class KerasFlavor:
    """Models of Keras. Layers with Python code in them, such as `Lambda`, are read with trust only."""

    name = "keras"
    formats: Sequence[str] = ("keras",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a `keras.Model`."""
        return class_of(model, "keras", ["Model"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `data/model.keras`: architecture, weights, and the optimizer's state where the model is compiled."""
        keras = require("keras", "keras")
        refuse_unknown(self, options.extra)
        chosen_format(self, options.format)
        (folder / DATA).mkdir()
        try:
            model.save(folder / DATA / FILE)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise ModelFormatError(f"Keras cannot store this {type(model).__name__}: {error}") from error
        backend = keras.backend.backend()
        config = {
            "data": DATA,
            "keras_version": keras.__version__,
            "keras_backend": backend,
            "save_exported_model": False,
        }
        requirements = ["keras", *([REQUIREMENTS[backend]] if backend in REQUIREMENTS else [])]
        return Saved(config=config, loader_module="mlflow.keras", data=None, requirements=requirements)

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A `keras.Model`. The option `custom_objects` names classes of the reader's that the model is made of."""
        keras = require("keras", "keras")
        refuse_unknown(self, options.extra, ["custom_objects"])
        if config.get("save_exported_model"):
            raise ModelFormatError(
                "MLmodel: flavors.keras.save_exported_model is true: the folder is a SavedModel, not a Keras model. "
                "tf.saved_model.load reads it."
            )
        data = inside(folder, config.get("data", "."), "flavors.keras.data")
        path = inside(data, FILE, "flavors.keras.data")
        try:
            return keras.saving.load_model(
                path, custom_objects=options.extra.get("custom_objects"), safe_mode=not options.trust
            )
        except Exception as failed:  # Keras raises ValueError, TypeError, KeyError and others for what it cannot read
            if "safe_mode" in str(failed) or "unsafe" in str(failed):
                raise UntrustedModel(f"{path.name!r} holds Python code, such as a Lambda layer") from failed
            raise ModelFormatError(f"{path.name}: Keras {keras.__version__} cannot read it: {failed}") from failed

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes an array, or a list or dict of them for several inputs; data frames become one float32 array.

        Params are arguments of `keras.Model.predict`. Answers are numpy arrays, in containers as the model's are.
        """

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            batch = arrays(data)
            if not params and _rows(batch) <= BATCH_ROWS:
                return model.predict_on_batch(batch)  # without the 50 ms that `predict` takes to set up
            return model.predict(batch, **{"verbose": 0, "batch_size": BATCH_ROWS, **params})

        return predict


def _rows(batch: Any) -> int:
    first = next(iter(batch.values()), ()) if isinstance(batch, dict) else batch
    first = first[0] if isinstance(first, (list, tuple)) and first else first
    return len(first)
