"""What a flavor is: how models of one library are saved, loaded and asked for predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Predict = Callable[[Any, Mapping[str, Any]], Any]
"""Answers a batch: data as the caller gave them, once they were checked against the signature, and params."""


@dataclass(frozen=True)
class SaveOptions:
    """What the writer of a model asked for.

    Args:
        format: Name of one of the flavor's `formats`; None for the first, which needs no trust to be read.
        input_example: A small batch that the model can answer, as it is given to `predict`; None when there is none.
        extra: Options of this flavor alone, by name. A flavor refuses names that it does not know.
    """

    format: str | None = None
    input_example: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadOptions:
    """What the reader of a model allows and asks for.

    Args:
        trust: Whether code that comes with the model may run: pickles, scripts, code paths.
        extra: Options of this flavor alone, by name, such as `device`.
    """

    trust: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """What a flavor wrote.

    Args:
        config: The flavor's entry in the descriptor, as MLflow's loader of the same flavor reads it, with
            `serialization_format` where there are several.
        loader_module: Module by which MLflow's `python_function` loads the model, such as `mlflow.sklearn`; None when
            MLflow has none.
        data: Path below the folder that is given to that loader; None for the folder itself.
        requirements: Distributions that loading and predicting need, without versions.
        runs_code: Whether loading runs code that the files hold, so that a reader must trust them.
        pyfunc: Keys of the descriptor's entry `python_function` besides the common ones, such as `predict_fn`.
    """

    config: Mapping[str, Any]
    loader_module: str | None
    data: str | None
    requirements: Sequence[str]
    runs_code: bool = False
    pyfunc: Mapping[str, Any] = field(default_factory=dict)


class Flavor(Protocol):
    """Models of one library. Stateless; the library is imported in the methods that need it."""

    name: str
    """Key of the flavor in descriptors, as MLflow spells it."""
    formats: Sequence[str]
    """Ways to store a model; the first is the default and runs no code of the model's. Pickles are never the default:
    where they come first, there is nothing else, and the writer has to ask."""

    def accepts(self, model: object) -> bool:
        """Whether `save` takes this object. Does not import the library: who has such an object has done so."""

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the model's files into an existing folder.

        Raises:
            ModelFormatError: The model cannot be stored in this format; the message names one that can.
        """

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """The model as its library knows it.

        Args:
            folder: The model's folder, whose files have the digests of its manifest.
            config: The flavor's entry in the descriptor.
            options: What the reader allows.

        Raises:
            UntrustedModel: Loading would run code of the model's, and the reader did not allow that.
            ModelFormatError: The files are not what the descriptor says.
        """

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """The fastest way to ask a loaded model. It takes arrays and data frames alike, if the library does.

        Args:
            model: What `load` gave.
            config: The flavor's entry in the descriptor; keys that it lacks are those of the entry `python_function`.
        """
