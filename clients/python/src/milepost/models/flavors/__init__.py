"""The table of flavors. Each is a module of its own, imported when it is first asked for.

Other distributions add flavors by the entry point group `milepost.flavors`: the name of the entry is the flavor's key
in descriptors, its value a class that satisfies `base.Flavor` and takes no arguments.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from milepost.errors import UnknownFlavor

from .base import Flavor

ENTRY_POINTS = "milepost.flavors"
PYTHON_FUNCTION = "python_function"


@dataclass(frozen=True)
class Lazy:
    """Where a flavor's class is.

    Args:
        module: Name of the module in this package.
        class_name: Name of the class in it.
        extra: Extra of `milepost-client` that brings what the flavor needs.
    """

    module: str
    class_name: str
    extra: str

    def make(self) -> Flavor:
        """Imports the module, which does not import the library, and makes the flavor."""
        module = importlib.import_module(f".{self.module}", __package__)
        return cast(Flavor, getattr(module, self.class_name)())


# The order is that in which a model is offered: the more special first. Estimators of boosting libraries are
# scikit-learn's too, and nearly everything deep is a torch module.
FLAVORS: Mapping[str, Lazy] = {
    "xgboost": Lazy("xgboost", "XGBoostFlavor", "xgboost"),
    "lightgbm": Lazy("lightgbm", "LightGBMFlavor", "lightgbm"),
    "catboost": Lazy("catboost", "CatBoostFlavor", "catboost"),
    "statsmodels": Lazy("statsmodels", "StatsmodelsFlavor", "statsmodels"),
    "prophet": Lazy("prophet", "ProphetFlavor", "prophet"),
    "pmdarima": Lazy("pmdarima", "PmdarimaFlavor", "pmdarima"),
    "onnx": Lazy("onnx", "OnnxFlavor", "onnx"),
    "spacy": Lazy("spacy", "SpacyFlavor", "spacy"),
    "spark": Lazy("spark", "SparkFlavor", "spark"),
    "h2o": Lazy("h2o", "H2OFlavor", "h2o"),
    "sentence_transformers": Lazy("sentence_transformers", "SentenceTransformersFlavor", "sentence-transformers"),
    "transformers": Lazy("transformers", "TransformersFlavor", "transformers"),
    "keras": Lazy("keras", "KerasFlavor", "keras"),
    "tensorflow": Lazy("tensorflow", "TensorFlowFlavor", "tensorflow"),
    "pytorch": Lazy("pytorch", "PyTorchFlavor", "pytorch"),
    "sklearn": Lazy("sklearn", "SklearnFlavor", "sklearn"),
    PYTHON_FUNCTION: Lazy("python_function", "PythonFunctionFlavor", "models"),
}


def flavor_names() -> list[str]:
    """All flavors that can be asked for, installed or not, those of other distributions among them; sorted."""
    return sorted({*FLAVORS, *_plugins()})


@cache
def get_flavor(name: str) -> Flavor:
    """The flavor of a name; its library need not be installed.

    Raises:
        UnknownFlavor: There is none of this name; the message lists those there are.
    """
    if name in FLAVORS:
        return FLAVORS[name].make()
    if name in _plugins():
        return cast(Flavor, _plugins()[name].load()())
    known = ", ".join(flavor_names())
    raise UnknownFlavor(
        f"There is no flavor {name!r}. Known are {known}; others come with packages that have the entry point "
        f"{ENTRY_POINTS!r}."
    )


def find_flavor(model: object) -> Flavor:
    """The flavor that saves a model, those of other distributions first.

    Raises:
        UnknownFlavor: None accepts it.
    """
    for flavor in _offered():
        if flavor.accepts(model):
            return flavor
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    raise UnknownFlavor(
        f"No flavor saves a {kind}. Wrap it in a subclass of milepost.pyfunc.PythonModel, or name one by flavor=: "
        f"{', '.join(flavor_names())}."
    )


def _offered() -> Iterator[Flavor]:
    for name in (*sorted(_plugins()), *FLAVORS):
        yield get_flavor(name)


@cache
def _plugins() -> Mapping[str, EntryPoint]:
    """Flavors of other distributions; none of them takes the place of one of ours."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS) if entry.name not in FLAVORS}
