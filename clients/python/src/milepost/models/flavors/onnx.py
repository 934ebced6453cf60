"""ONNX models, answered by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.models._lazy import require
from milepost.models._paths import inside

from . import _onnx_files
from ._libraries import class_of, distribution
from ._onnx_sessions import SESSION_OPTIONS, check_options, open_session, runner
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

EXTERNAL_DATA = "save_as_external_data"
PROVIDERS = "providers"


class OnnxFlavor:
    """ONNX graphs, from whatever library they were converted."""

    name = "onnx"
    formats: Sequence[str] = ("onnx",)

    def accepts(self, model: object) -> bool:
        """Whether the object is an `onnx.ModelProto`."""
        return class_of(model, "onnx", ["ModelProto"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes `model.onnx`.

        Options: `providers`, the names of the execution providers to try in this order, and `onnx_session_options`, as
        MLflow has them; `save_as_external_data` puts the weights in a file of their own, as is done above 2 GiB anyway.

        Raises:
            ModelFormatError: It is no valid ONNX, its weights were not loaded, or an option is wrong.
        """
        library = require("onnx", "onnx")
        refuse_unknown(self, options.extra, [PROVIDERS, SESSION_OPTIONS, EXTERNAL_DATA])
        chosen_format(self, options.format)
        check_options(options.extra.get(SESSION_OPTIONS), free=False)
        _onnx_files.write(model, folder, external_data=bool(options.extra.get(EXTERNAL_DATA, False)))
        config = {
            "onnx_version": library.__version__,
            "data": _onnx_files.DATA,
            "providers": list(options.extra.get(PROVIDERS) or ["CUDAExecutionProvider", "CPUExecutionProvider"]),
            "onnx_session_options": options.extra.get(SESSION_OPTIONS),
        }
        runtime = distribution("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
        return Saved(config=config, loader_module="mlflow.onnx", data=_onnx_files.DATA, requirements=["onnx", runtime])

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """An `onnx.ModelProto`; an `onnxruntime.InferenceSession` if `providers` or `onnx_session_options` are given.

        Options: `providers`, names or pairs of a name and options, of which all must be there; `onnx_session_options`.
        """
        refuse_unknown(self, options.extra, [PROVIDERS, SESSION_OPTIONS])
        path = inside(folder, config.get("data"), _onnx_files.FIELD)
        model = _onnx_files.read(path)
        if not options.extra:
            return model
        return open_session(path, config, reader=options.extra)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes arrays by the names of the inputs, a single array, or a frame, and answers by the names of the outputs.

        A model with one input takes an array, or a frame as its values; one with several takes a column for each. A
        frame is answered by a frame, all else by arrays. Values are converted to the type of the input where that
        changes none; float64 is rounded to the input's float32 or float16, and refused where it would become infinite.
        """
        return runner(model if class_of(model, "onnxruntime", ["InferenceSession"]) else open_session(model, config))
