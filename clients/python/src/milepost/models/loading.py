"""Loads models: verifies the folder, chooses the flavor, and lets it load."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milepost.errors import ModelCorrupt, ModelFormatError, UnknownFlavor, UntrustedModel
from milepost.models._functions import PythonFunction
from milepost.models._paths import inside
from milepost.models.flavors import FLAVORS, PYTHON_FUNCTION, flavor_names, get_flavor
from milepost.models.flavors.base import Flavor, LoadOptions
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.format.manifest import FILE_NAME as MANIFEST
from milepost.models.format.manifest import verify_manifest

_logger = logging.getLogger(__name__)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True)
class Opened:
    """A model that was loaded, with all that is known about it.

    Args:
        folder: Where its files are.
        descriptor: What they say.
        flavor: What loaded it.
        config: The flavor's entry in the descriptor, filled up with keys of `python_function`.
        loaded: What the flavor made of it.
        verified: Whether the files have the digests of the model's manifest. A model of MLflow's has no manifest.
    """

    folder: Path
    descriptor: ModelDescriptor
    flavor: Flavor
    config: Mapping[str, Any]
    loaded: Any
    verified: bool

    @property
    def native(self) -> Any:
        """The model as its library knows it."""
        return self.loaded.model if isinstance(self.loaded, PythonFunction) else self.loaded


def load_model(
    source: str | os.PathLike[str],
    *,
    flavor: str | None = None,
    trust: bool = False,
    verify: bool = True,
    **extra: Any,
) -> Any:
    """Loads a model as its library knows it.

    Args:
        source: A model's folder, or a URI that says where to fetch it, such as `models:/name@champion`.
        flavor: Which entry of the descriptor to load, where there are several.
        trust: Whether code that comes with the model may run: pickles, scripts, modules. Allow it for models of
            which you know who wrote them.
        verify: Whether the files are compared with the manifest of the model first.
        **extra: Options of the flavor, such as `device`.

    Raises:
        ModelCorrupt: A file is missing, extra, or not what was saved.
        ModelFormatError: The descriptor or a file is wrong.
        UnknownFlavor: The model has no flavor that is known here.
        MissingPackage: The library is not installed; the message names the extra that brings it.
        UntrustedModel: Loading would run code of the model's, and `trust` is not set. Nothing of it has run.
    """
    return open_model(source, flavor=flavor, trust=trust, verify=verify, extra=extra).native


def open_model(
    source: str | os.PathLike[str],
    *,
    flavor: str | None = None,
    trust: bool = False,
    verify: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> Opened:
    """As `load_model`, with all that is known about the model."""
    folder, verified = _checked(source, verify)
    descriptor = ModelDescriptor.read(folder)
    if verify and not verified:
        verify_manifest(folder, required=bool(descriptor.milepost_version))  # one that was taken away hides changes
        _logger.info("model has no manifest, so its files cannot be verified", extra={"manifest": MANIFEST})
    name = chosen_flavor(descriptor, flavor)
    loader = get_flavor(name)
    function = descriptor.flavors.get(PYTHON_FUNCTION, {})
    config = {**function, **descriptor.flavors[name]}
    _admit_code(folder, config.get("code"), trust)
    loaded = loader.load(folder, descriptor.flavors[name], LoadOptions(trust=trust, extra=extra or {}))
    return Opened(folder, descriptor, loader, config, loaded, verified)


def _local(source: str | os.PathLike[str]) -> Path:
    """The folder of a model, fetched where it is not on this machine."""
    if isinstance(source, str) and _SCHEME.match(source):
        from milepost.models.registry.sources import fetch

        return fetch(source)
    return Path(source)


def _checked(source: str | os.PathLike[str], verify: bool) -> tuple[Path, bool]:
    """The folder of a model, and whether its files were compared with its manifest."""
    folder = _local(source)
    if not verify:
        return folder, False
    try:
        return folder, verify_manifest(folder) is not None
    except ModelCorrupt:
        if not isinstance(source, str) or not _SCHEME.match(source):
            raise
        from milepost.models.registry.sources import fetch

        folder = fetch(source, anew=True)  # the copy in the cache was damaged; one that comes damaged is refused there
        return folder, verify_manifest(folder) is not None


def chosen_flavor(descriptor: ModelDescriptor, asked: str | None = None) -> str:
    """Name of the flavor that loads a model.

    Args:
        descriptor: Of the model.
        asked: The flavor to load; None for the one that the descriptor tells.

    Raises:
        UnknownFlavor: The model has no flavor that is known here.
        ModelFormatError: It has several, and none is the one that `python_function` stands for.
    """
    if asked is not None:
        if asked not in descriptor.flavors:
            raise UnknownFlavor(f"The model has no flavor {asked!r}. It has: {', '.join(descriptor.flavors)}.")
        return asked
    known = set(flavor_names()) - {PYTHON_FUNCTION}
    native = [name for name in descriptor.flavors if name in known]
    if len(native) == 1:
        return native[0]
    if native:
        return _preferred(native, descriptor)
    if PYTHON_FUNCTION in descriptor.flavors:
        return PYTHON_FUNCTION
    raise UnknownFlavor(
        f"The model's flavors ({', '.join(descriptor.flavors)}) are not known here. Known are: {', '.join(FLAVORS)}; "
        "others come with packages that have the entry point 'milepost.flavors'."
    )


def _preferred(native: list[str], descriptor: ModelDescriptor) -> str:
    """Of several flavors the one that `python_function` stands for."""
    loader = descriptor.flavors.get(PYTHON_FUNCTION, {}).get("loader_module")
    for name in native:
        if loader == f"mlflow.{name}":
            return name
    raise ModelFormatError(f"The model has several flavors: {', '.join(native)}. Choose one by flavor=.")


def _admit_code(folder: Path, code: object, trust: bool) -> None:
    """Makes the modules that a model brings along importable, if the reader allows it."""
    if not code:
        return
    path = inside(folder, code, "flavors.python_function.code")
    if not trust:
        raise UntrustedModel(f"The model brings Python modules of its own in {code!r}, which loading imports")
    if not path.is_dir():
        raise ModelFormatError(f"MLmodel: flavors.python_function.code is {code!r}, which is no folder.")
    from milepost.models._code import make_importable

    make_importable(path)
