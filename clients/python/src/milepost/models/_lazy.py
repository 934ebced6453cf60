"""Imports of packages that come with an extra of the client, on first use."""

from __future__ import annotations

import importlib
from types import ModuleType

from milepost.errors import MissingPackage


def require(module: str, extra: str) -> ModuleType:
    """Imports a module of a package that the client itself does not need.

    Args:
        module: Full name, such as `skops.io`.
        extra: The extra of `milepost-client` that brings the package.

    Raises:
        MissingPackage: The package, or one that it needs in turn, is not installed. An import that fails for another
            reason keeps its own exception.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        package = (missing.name or module).partition(".")[0]
        raise MissingPackage(package, extra) from missing
