"""One way to ask any model: `load_model(source).predict(data)`.

The data are checked against the model's signature and never changed in silence; what comes back is what the library
answers. Arrays stay arrays: no pandas is imported for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from milepost.errors import ModelError
from milepost.models._functions import Context, PythonModel
from milepost.models.loading import Opened, open_model
from milepost.models.signatures.enforcement import compile_inputs, compile_params

if TYPE_CHECKING:
    from milepost.models.format.descriptor import ModelDescriptor

__all__ = ["Context", "PyFuncModel", "PythonModel", "load_model"]


class PyFuncModel:
    """A loaded model of any flavor. May be used by several threads if its library allows that."""

    def __init__(self, opened: Opened) -> None:
        """Use `load_model`."""
        self._opened = opened
        self._answer = opened.flavor.predictor(opened.loaded, opened.config)
        self._check = compile_inputs(opened.descriptor.signature)
        self._check_params = compile_params(opened.descriptor.signature)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """The model's answer to a batch.

        Args:
            data: As the signature says: an array, a data frame, a mapping of columns, or what the model takes.
            params: Settings of this call by name.

        Raises:
            SchemaMismatch: The data or params are not those of the signature, and not convertible without loss.
        """
        return self._answer(self._check(data), self._check_params(params))

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The model's answer piece by piece; models written in Python can have such a method.

        Raises:
            SchemaMismatch: As `predict`.
            ModelError: The model has no method `predict_stream`.
        """
        stream = self._streamer()
        if stream is None:
            raise ModelError(f"A model of flavor {self._opened.flavor.name} without predict_stream() cannot stream.")
        return iter(stream(self._check(data), self._check_params(params)))

    def _streamer(self) -> Callable[[Any, Mapping[str, Any]], Any] | None:
        streamer = getattr(self._opened.flavor, "streamer", None)
        return None if streamer is None else streamer(self._opened.loaded, self._opened.config)

    @property
    def can_stream(self) -> bool:
        """Whether `predict_stream` has something to ask."""
        return self._streamer() is not None

    def unwrap(self) -> Any:
        """The model as its library knows it, as `milepost.models.load_model` gives it."""
        return self._opened.native

    @property
    def metadata(self) -> ModelDescriptor:
        """What the model's folder says about it: signature, run, flavors."""
        return self._opened.descriptor

    @property
    def flavor(self) -> str:
        """Name of the flavor that loaded it."""
        return self._opened.flavor.name

    @property
    def verified(self) -> bool:
        """Whether the files were compared with the model's manifest. MLflow writes none, so its models cannot be."""
        return self._opened.verified

    def __repr__(self) -> str:
        return f"PyFuncModel({str(self._opened.folder)!r}, flavor={self.flavor!r})"


def load_model(
    source: str | os.PathLike[str], *, trust: bool = False, verify: bool = True, **extra: Any
) -> PyFuncModel:
    """Loads a model of any flavor.

    Args:
        source: A model's folder, or a URI that says where to fetch it, such as `models:/name@champion`.
        trust: Whether code that comes with the model may run: pickles, scripts, modules.
        verify: Whether the files are compared with the manifest of the model first.
        **extra: Options of the flavor, such as `device`.

    Raises:
        ModelCorrupt: A file is missing, extra, or not what was saved.
        ModelFormatError: The descriptor or a file is wrong.
        UnknownFlavor: The model has no flavor that is known here.
        MissingPackage: The library is not installed; the message names the extra that brings it.
        UntrustedModel: Loading would run code of the model's, and `trust` is not set. Nothing of it has run.
    """
    return PyFuncModel(open_model(source, trust=trust, verify=verify, extra=extra))


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> PyFuncModel:
    """What MLflow calls when a descriptor names this module as its `loader_module`.

    MLflow runs what it loads without asking, so trust is its user's matter.
    """
    return load_model(path, trust=True)
