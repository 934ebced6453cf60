"""PyTorch: exported programs, weights alone, TorchScript and pickles."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._exported import check_exported
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from ._tensors import inputs, to_numpy
from ._tracing import export
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "data"
EXPORTED, WEIGHTS, SCRIPT, PICKLE = "pt2", "state_dict", "torchscript", "pickle"
FILES = {EXPORTED: "model.pt2", WEIGHTS: "model.safetensors", SCRIPT: "model.pth", PICKLE: "model.pth"}
# MLflow imports the module that this file names and has it read the pickle.
PICKLE_MODULE_FILE = "pickle_module_info.txt"


class PyTorchFlavor:
    """Modules of PyTorch.

    `pt2` is the graph that `torch.export` traces with the input example; the size of the first dimension stays free.
    `state_dict` is weights alone, as safetensors: the reader gives a module of the same architecture (`model=`), or
    trusts the descriptor, which names the class and the arguments (`init=` on saving) to make one. `torchscript` and
    `pickle` are code.
    """

    name = "pytorch"
    formats: Sequence[str] = (EXPORTED, WEIGHTS, SCRIPT, PICKLE)

    def accepts(self, model: object) -> bool:
        """Whether the object is a module, scripted ones included."""
        return class_of(model, "torch", ["Module"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the model to `data/`.

        Raises:
            ModelFormatError: The model cannot be traced, or `pt2` is asked for without an input example.
        """
        torch = require("torch", "pytorch")
        format_ = chosen_format(self, options.format)
        refuse_unknown(self, options.extra, ["init"] if format_ == WEIGHTS else ())
        (folder / DATA).mkdir()
        path = folder / DATA / FILES[format_]
        config = {"model_data": DATA, "pytorch_version": str(torch.__version__), "serialization_format": format_}
        if format_ == EXPORTED:
            torch.export.save(export(model, options.input_example), path)
        elif format_ == WEIGHTS:
            config |= _write_weights(model, path, options.extra.get("init", {}))
        else:
            (path.parent / PICKLE_MODULE_FILE).write_text("pickle")
            _write_code(model, path, format_)
        return Saved(
            config=config,
            loader_module=None if format_ == WEIGHTS else "mlflow.pytorch",
            data=DATA,
            requirements=["torch", "numpy", *(["safetensors"] if format_ == WEIGHTS else [])],
            runs_code=format_ in (SCRIPT, PICKLE),
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A module in evaluation mode.

        Options are `device`, such as `cuda:0` (default: `cpu`), and for `state_dict` a `model` that takes the weights.
        """
        torch = require("torch", "pytorch")
        refuse_unknown(self, options.extra, ["device", "model"])
        data = inside(folder, config.get("model_data"), "flavors.pytorch.model_data")
        format_ = _format_of(data, config)
        path = inside(data, FILES[format_], "flavors.pytorch.serialization_format")
        if format_ == EXPORTED and not options.trust:
            check_exported(path)
        if format_ in (SCRIPT, PICKLE) and not options.trust:
            raise UntrustedModel(f"{path.name!r} is a pickle or TorchScript, and loading it runs code that it holds")
        model = options.extra.get("model")
        if format_ == WEIGHTS and model is None:
            model = _make(config, options.trust)
        try:
            return _READERS[format_](path, options.extra.get("device", "cpu"), model)
        except Exception as failed:  # PyTorch raises RuntimeError, AttributeError, pickle's errors and others
            raise ModelFormatError(f"{path.name}: PyTorch {torch.__version__} cannot load it: {failed}") from failed

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes an array, a list or tuple of them for several inputs, or a dict for inputs by name.

        Data frames become one float32 array. Params are passed as arguments by name. Answers are numpy arrays, in the
        tuples, lists and dicts that the module answers with.
        """
        torch = require("torch", "pytorch")
        first = next(iter(model.parameters()), None)
        device = torch.device("cpu") if first is None else first.device

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            positional, named = inputs(data, device)
            with torch.inference_mode():
                return to_numpy(model(*positional, **named, **params))

        return predict


def _format_of(data: Path, config: Mapping[str, Any]) -> str:
    """MLflow does not say which format it wrote; its file names do. It wrote TorchScript as a pickle is written."""
    format_ = config.get("serialization_format")
    if format_ is None:
        format_ = EXPORTED if (data / FILES[EXPORTED]).exists() else PICKLE
    if format_ not in FILES:
        raise ModelFormatError(
            f"MLmodel: flavors.pytorch.serialization_format is {format_!r}, not one of {list(FILES)}."
        )
    return str(format_)


def _write_weights(model: Any, path: Path, init: Any) -> Mapping[str, Any]:
    try:
        json.dumps(init)
    except (TypeError, ValueError) as error:
        raise ModelFormatError(f"init= holds arguments of the class by name that JSON can write: {error}") from error
    require("safetensors.torch", "pytorch").save_model(model, str(path))
    return {"model_class": f"{type(model).__module__}.{type(model).__qualname__}", "init": init}


def _write_code(model: Any, path: Path, format_: str) -> None:
    torch = require("torch", "pytorch")
    if format_ == PICKLE:
        torch.save(model, path)
        return
    try:
        torch.jit.save(torch.jit.script(model), str(path))
    except Exception as failed:  # anything that compiling the module's code can raise
        raise ModelFormatError(f"torch.jit.script cannot compile the {type(model).__name__}: {failed}") from failed


def _make(config: Mapping[str, Any], trust: bool) -> Any:
    name, init = config.get("model_class"), config.get("init", {})
    if not isinstance(name, str) or "." not in name or not isinstance(init, dict):
        raise ModelFormatError(
            "MLmodel: flavors.pytorch has no model_class and init. Pass model=, of the same architecture."
        )
    if not trust:
        raise UntrustedModel(f"The weights need a module; pass one by model=. To make one, {name!r} would be imported")
    module, _, kind = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), kind)(**init)
    except (ImportError, AttributeError, TypeError) as error:
        raise ModelFormatError(f"The class {name!r} cannot be made here: {error}. Pass a module by model=.") from error


def _read_exported(path: Path, device: str, _: Any) -> Any:
    torch = require("torch", "pytorch")
    program = torch.export.load(path)
    if str(device) != "cpu" or any(value.device.type != "cpu" for value in program.state_dict.values()):
        program = require("torch.export.passes", "pytorch").move_to_device_pass(program, device)
    return program.module()


def _read_weights(path: Path, device: str, model: Any) -> Any:
    require("safetensors.torch", "pytorch").load_model(model, path)
    return model.to(device).eval()


def _read_script(path: Path, device: str, _: Any) -> Any:
    return require("torch", "pytorch").jit.load(path, map_location=device).eval()


def _read_pickle(path: Path, device: str, _: Any) -> Any:
    # MLflow keeps TorchScript under the name of its pickles, which this reads too.
    return require("torch", "pytorch").load(path, map_location=device, weights_only=False).eval()


_READERS = {EXPORTED: _read_exported, WEIGHTS: _read_weights, SCRIPT: _read_script, PICKLE: _read_pickle}
