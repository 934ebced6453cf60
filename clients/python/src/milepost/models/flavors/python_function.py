"""Models written in Python: a script that makes one, or an object stored with cloudpickle."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from milepost.errors import ModelFormatError, UnknownFlavor, UntrustedModel
from milepost.models import _functions
from milepost.models._functions import Context, PythonFunction
from milepost.models._lazy import require
from milepost.models._paths import inside

from . import _pickles
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

SCRIPT = "script"
LOADER = "milepost.pyfunc"
PICKLE_FILE = "python_model.pkl"
ARTIFACTS = "artifacts"
OPTIONS = ("artifacts", "model_config")


class PythonFunctionFlavor:
    """Python scripts, objects with `predict`, and functions. Every format runs code when it is loaded."""

    name = "python_function"
    formats: Sequence[str] = (SCRIPT, _pickles.CLOUDPICKLE)

    def accepts(self, model: object) -> bool:
        """Whether the object is the path of a script, a function, or has a method `predict`."""
        return _is_script(model) or isinstance(model, FunctionType) or callable(getattr(model, "predict", None))

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Copies the script or pickles the object, and copies the artifacts.

        The options are `artifacts`, paths of files and folders by name, and `model_config`, a mapping of plain values.

        Raises:
            ModelFormatError: An object without `format="cloudpickle"`, or a script with it; an artifact is not there.
        """
        refuse_unknown(self, options.extra, OPTIONS)
        format_ = chosen_format(self, options.format)
        if _is_script(model):
            stored = _save_script(Path(model), folder, options.format)
        elif format_ == SCRIPT:
            raise ModelFormatError(
                f"A {type(model).__qualname__} is Python code, which no safe format can hold. Either save the script "
                "that makes it, save_model('model.py', path), where the script calls milepost.models.set_model(model); "
                "or pickle it, save_model(model, path, format='cloudpickle'). Both are loaded with trust=True only."
            )
        else:
            stored = _save_pickle(model, folder)
        config = {**stored, **_save_artifacts(options.extra.get("artifacts") or {}, folder)}
        if options.extra.get("model_config"):
            config["config"] = dict(options.extra["model_config"])
        requirements = ["milepost-client", *(["cloudpickle"] if format_ == _pickles.CLOUDPICKLE else [])]
        return Saved(config=config, loader_module=LOADER, data=None, requirements=requirements, runs_code=True)

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> PythonFunction:
        """The model with its context; reads what MLflow's flavor of this name wrote too.

        Raises:
            UntrustedModel: The reader does not allow code of the model's.
            ModelFormatError: The files are not what the descriptor says, or the code fails.
        """
        refuse_unknown(self, options.extra)
        if config.get("python_model") is not None:
            path = inside(folder, config["python_model"], "flavors.python_function.python_model")
            return _functions.start(_unpickled(path, config, options), _context(folder, config))
        if config.get("model_code_path") is not None:
            path = _script(folder, config["model_code_path"])
            if not options.trust:
                raise UntrustedModel(f"{path.name!r} is a Python script, and loading the model runs it")
            return _functions.start(_functions.run_script(path), _context(folder, config))
        return _foreign(folder, config, options)

    def predictor(self, model: PythonFunction, config: Mapping[str, Any]) -> Predict:
        """Params go to `predict` as its argument `params`, or by name where it takes their names."""
        predict = model.bound("predict")
        if predict is None:
            raise ModelFormatError(f"A {type(model.model).__qualname__} has no method predict.")
        return predict

    def streamer(self, model: PythonFunction, config: Mapping[str, Any]) -> Predict | None:
        """The method `predict_stream`, whose answers are iterators; None when the model has none."""
        return model.bound("predict_stream")


def _is_script(model: object) -> bool:
    return isinstance(model, str | Path) and str(model).endswith(".py")


def _save_script(script: Path, folder: Path, asked: str | None) -> dict[str, Any]:
    if asked == _pickles.CLOUDPICKLE:
        raise ModelFormatError(f"{script.name} is a script, which is copied, not stored as {asked}. Leave out format=.")
    if not script.is_file():
        raise ModelFormatError(f"There is no script {str(script)!r}.")
    shutil.copyfile(script, folder / script.name)
    return {"model_code_path": script.name}


def _save_pickle(model: Any, folder: Path) -> dict[str, Any]:
    cloudpickle = require("cloudpickle", _pickles.EXTRA)
    _pickles.write(model, folder / PICKLE_FILE, _pickles.CLOUDPICKLE)
    return {"python_model": PICKLE_FILE, "cloudpickle_version": cloudpickle.__version__}


def _save_artifacts(artifacts: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Copies files and folders to `artifacts/NAME/…`, so that equal file names do not meet."""
    entries = {}
    for name, source in artifacts.items():
        path = Path(source)
        if not name or {"/", "\\"} & set(name) or name in (".", ".."):
            raise ModelFormatError(f"artifacts: {name!r} is no name; it becomes the name of a folder.")
        if not path.exists():
            raise ModelFormatError(f"artifacts: {name!r} is {str(source)!r}, which does not exist.")
        stored = f"{ARTIFACTS}/{name}/{path.resolve().name}"
        (folder / stored).parent.mkdir(parents=True)
        if path.is_dir():
            shutil.copytree(path, folder / stored)
        else:
            shutil.copyfile(path, folder / stored)
        entries[name] = {"path": stored, "uri": path.resolve().name}
    return {"artifacts": entries} if entries else {}


def _context(folder: Path, config: Mapping[str, Any]) -> Context:
    entries, settings = config.get("artifacts") or {}, config.get("config") or {}
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ModelFormatError("MLmodel: flavors.python_function.artifacts must be a mapping of names to mappings.")
    if not isinstance(settings, dict):
        raise ModelFormatError("MLmodel: flavors.python_function.config must be a mapping.")
    paths = {
        name: str(inside(folder, entry.get("path"), f"flavors.python_function.artifacts.{name}.path").absolute())
        for name, entry in entries.items()
    }
    return Context(paths, settings)


def _script(folder: Path, value: object) -> Path:
    """MLflow writes the path that the script had when it was saved; its copy has the same file name."""
    name = value.replace("\\", "/").rpartition("/")[2] if isinstance(value, str) else value
    return inside(folder, name, "flavors.python_function.model_code_path")


def _unpickled(path: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
    compression = config.get("python_model_compression")
    if compression is not None:
        raise ModelFormatError(
            f"MLmodel: flavors.python_function.python_model_compression is {compression!r}; compressed pickles of "
            "MLflow cannot be read. Save the model again without compression."
        )
    return _pickles.read(path, _pickles.CLOUDPICKLE, trust=options.trust)


def _foreign(folder: Path, config: Mapping[str, Any], options: LoadOptions) -> PythonFunction:
    """A model of a flavor that is not known here, by the module that MLflow would load it with."""
    name = config.get("loader_module")
    if not isinstance(name, str) or not name or name == LOADER:
        raise UnknownFlavor(
            "MLmodel: flavors.python_function names neither a pickle (python_model), a script (model_code_path) nor a "
            "module of another library that loads the model (loader_module)."
        )
    data = folder if config.get("data") is None else inside(folder, config["data"], "flavors.python_function.data")
    if not options.trust:
        raise UntrustedModel(f"The model is loaded by a Python module that it names itself, {name!r}")
    try:
        loader = importlib.import_module(name)
    except ImportError as failed:
        raise ModelFormatError(
            f"MLmodel: flavors.python_function.loader_module is {name!r}, which cannot be imported: {failed}. The "
            "model's requirements.txt says what it needs."
        ) from failed
    return _functions.start(loader._load_pyfunc(str(data)), Context())
