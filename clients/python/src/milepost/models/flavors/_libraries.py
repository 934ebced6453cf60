"""What flavors ask about libraries without importing them, and about functions of theirs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch

from .base import Predict, Saved

PREDICT_FN = "predict_fn"
METHODS = ("predict", "predict_proba")


def class_of(model: object, package: str, names: Collection[str]) -> str | None:
    """Name of the nearest class of a library that an object is an instance of.

    Args:
        model: The object.
        package: Top-level package of the library, such as `xgboost`. Where in it the class lives does not matter.
        names: The classes that count.
    """
    for kind in type(model).__mro__:
        if kind.__name__ in names and kind.__module__.partition(".")[0] == package:
            return kind.__name__
    return None


def own_class(model: object, package: str, names: Collection[str], remedy: str) -> str:
    """Like `class_of`, for libraries whose files hold no more than their own classes do.

    Raises:
        ModelFormatError: The object is of another class, perhaps one derived from the library's, whose own methods and
            attributes would be lost.
    """
    kind = type(model)
    if kind.__name__ in names and kind.__module__.partition(".")[0] == package:
        return kind.__name__
    raise ModelFormatError(
        f"Files of {package} cannot hold a {kind.__module__}.{kind.__qualname__}, only {', '.join(sorted(names))}. "
        f"{remedy}"
    )


def distribution(*names: str) -> str:
    """The first of some distributions that is installed; some libraries come in several, such as one for CPUs alone.

    The first of all when none is.
    """
    for name in names:
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        return name
    return names[0]


def answering(model: object, asked: Mapping[str, Any]) -> str:
    """The method by which an estimator answers: `predict`, unless `predict_fn` of the options or config says another.

    Raises:
        ModelFormatError: The estimator has no such method.
    """
    name = asked.get(PREDICT_FN, METHODS[0])
    has = [method for method in METHODS if hasattr(model, method)]
    if name not in has:
        raise ModelFormatError(f"{PREDICT_FN} is {name!r}, but a {type(model).__name__} has: {', '.join(has)}.")
    return str(name)


def answered_by(method: str, saved: Saved) -> Saved:
    """Notes the method in what was saved. MLflow knows of `predict` only, and loads other models through us."""
    if method == METHODS[0]:
        return saved
    return loaded_by_us(replace(saved, config={**saved.config, PREDICT_FN: method}))


def loaded_by_us(saved: Saved) -> Saved:
    """What was saved in a way that MLflow cannot load by itself."""
    if saved.loader_module is None:
        return saved
    return replace(saved, loader_module=None, requirements=[*saved.requirements, "milepost-client"])


def predict_of(
    native: Callable[..., Any], *, refusals: tuple[type[Exception], ...], without: Collection[str] = ("data", "X")
) -> Predict:
    """A `Predict` that hands data and params to a library's own method.

    Args:
        native: A bound method whose first argument are the data.
        refusals: What it raises for data that the model does not take; `SchemaMismatch` is raised in their place.
        without: Arguments that are not for callers to give as params.
    """
    check = params_checker(native, without=without)

    def predict(data: Any, params: Mapping[str, Any]) -> Any:
        check(params)
        try:
            return native(data, **params)
        except refusals as error:
            raise SchemaMismatch(f"The model does not take these data: {error}") from error

    return predict


def params_checker(function: Callable[..., Any], without: Collection[str]) -> Callable[[Mapping[str, Any]], None]:
    """A check that params are arguments of a library's function, whose names are looked up once.

    Args:
        function: A bound method.
        without: Arguments that are not for callers.

    Returns:
        A function that raises `SchemaMismatch` for params that `function` does not take.
    """
    known = {
        name
        for name, argument in inspect.signature(function).parameters.items()
        if argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY) and name not in without
    }

    def check(params: Mapping[str, Any]) -> None:
        for name in params:
            if name not in known:
                raise SchemaMismatch(
                    f"The model takes no param {name!r}. It takes: {', '.join(sorted(known)) or 'none'}.", field=name
                )

    return check
