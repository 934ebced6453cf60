"""Models written in Python: their base class, what they are given, and the scripts that make them."""

from __future__ import annotations

import contextvars
import inspect
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models._code import UncachedLoader

_MLFLOW_MODULE, _MLFLOW_VARIABLE = "mlflow.models.model", "__mlflow_model__"
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_script_model: contextvars.ContextVar[list[Any]] = contextvars.ContextVar("milepost_script_model")


@dataclass(frozen=True)
class Context:
    """What a model written in Python finds beside it.

    Args:
        artifacts: Absolute paths of its files and folders, by the names given when it was saved.
        model_config: Settings given when it was saved.
    """

    artifacts: Mapping[str, str] = field(default_factory=dict)
    model_config: Mapping[str, Any] = field(default_factory=dict)


class PythonModel:
    """Base class for models of your own. A class with these methods need not derive from it."""

    def load_context(self, context: Context) -> None:
        """Called once, when the model is loaded: reads what `context.artifacts` has."""

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Answers a batch. May also be declared with the context first: `predict(self, context, model_input, …)`."""
        raise NotImplementedError(f"{type(self).__qualname__} has no predict().")


@dataclass(frozen=True)
class PythonFunction:
    """A loaded model with its context.

    Args:
        model: What was saved: an object with `predict`, or a function of the input.
        context: What it was given when it was loaded.
    """

    model: Any
    context: Context

    def bound(self, method: str) -> Callable[[Any, Mapping[str, Any]], Any] | None:
        """A method of the model as a function of data and params; None when it has no such method.

        Params are handed over as a mapping where the method takes `params`, else by their names where it takes those.
        """
        function = getattr(self.model, method, None)
        if function is None and method == "predict" and callable(self.model):
            function = self.model
        return None if function is None else _bind(function, self.context)


def start(model: Any, context: Context) -> PythonFunction:
    """Gives a model its context.

    Raises:
        ModelFormatError: It cannot predict.
    """
    if isinstance(model, type) or not (callable(getattr(model, "predict", None)) or callable(model)):
        hint = f" Did you mean {model.__qualname__}()?" if isinstance(model, type) else ""
        raise ModelFormatError(f"{model!r:.100} is no model: it has no method predict and is no function.{hint}")
    load_context = getattr(model, "load_context", None)
    if load_context is not None:
        load_context(context)
    return PythonFunction(model, context)


def set_model(model: Any) -> None:
    """Says which object is the model, in a script that is saved as one.

    Args:
        model: An object with `predict`, such as a `PythonModel`, or a function of the input.
    """
    _script_model.get([]).append(model)


def run_script(path: Path) -> Any:
    """Runs the script of a model and gives the object that it handed to `set_model`, Milepost's or MLflow's.

    The script's module stays in `sys.modules` under a name that no other has, where dataclasses and type hints look for
    it; nothing is written beside the script.

    Raises:
        ModelFormatError: The script fails, cannot be compiled, or sets no model.
    """
    models: list[Any] = []
    name = f"milepost_model_{uuid.uuid4().hex}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    token = _script_model.set(models)
    try:
        with _mlflow_model(models):
            UncachedLoader(name, str(path)).exec_module(module)
    except Exception as failed:
        del sys.modules[name]
        raise ModelFormatError(f"{path.name} failed: {type(failed).__name__}: {failed}") from failed
    finally:
        _script_model.reset(token)
    if not models:
        raise ModelFormatError(f"{path.name} sets no model: call milepost.models.set_model(model) in it.")
    return models[-1]


@contextmanager
def _mlflow_model(models: list[Any]) -> Iterator[None]:
    """Appends what `mlflow.models.set_model` was given meanwhile; it keeps that in a variable of a module."""
    if _MLFLOW_MODULE in sys.modules:
        setattr(sys.modules[_MLFLOW_MODULE], _MLFLOW_VARIABLE, None)
    yield
    model = getattr(sys.modules.get(_MLFLOW_MODULE), _MLFLOW_VARIABLE, None)
    if model is not None:
        models.append(model)


def _bind(function: Callable[..., Any], context: Context) -> Callable[[Any, Mapping[str, Any]], Any]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions written in C may not say what they take
        parameters = []
    first = (context,) if parameters and parameters[0].name.strip("_") == "context" else ()
    rest = parameters[len(first) + 1 :]
    if any(parameter.name == "params" for parameter in rest):
        return lambda data, params: function(*first, data, params=params)
    by_name = {parameter.name for parameter in rest if parameter.kind in _BY_NAME}
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in rest)

    def call(data: Any, params: Mapping[str, Any]) -> Any:
        unknown = None if takes_all else next((name for name in params if name not in by_name), None)
        if unknown is not None:
            takes = ", ".join(sorted(by_name)) or "none"
            raise SchemaMismatch(f"The model takes no param {unknown!r}. It takes: {takes}.", field=unknown)
        return function(*first, data, **params)

    return call
