"""Checks of what writers and readers ask of a flavor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from milepost.errors import ModelFormatError

from . import _pickles
from .base import Flavor


def chosen_format(flavor: Flavor, asked: str | None) -> str:
    """The format asked for, or the flavor's default.

    Raises:
        ModelFormatError: The flavor has no such format, or none is asked for and it has only pickles, which are written
            for those alone who ask for them.
    """
    if asked is None:
        if flavor.formats[0] in _pickles.FORMATS:
            raise ModelFormatError(
                f"Models of the flavor {flavor.name} can only be stored as pickles, which run code when they are "
                f"loaded, so that readers have to trust them. If that will do, pass format={flavor.formats[0]!r}."
            )
        return flavor.formats[0]
    if asked not in flavor.formats:
        raise ModelFormatError(
            f"The flavor {flavor.name} has no format {asked!r}. It has: {', '.join(flavor.formats)}."
        )
    return asked


def refuse_unknown(flavor: Flavor, given: Mapping[str, Any], known: Collection[str] = ()) -> None:
    """Refuses options that the flavor does not have.

    Raises:
        ModelFormatError: Names the options and those there are.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        has = f"It has: {', '.join(sorted(known))}." if known else "It has none."
        raise ModelFormatError(f"The flavor {flavor.name} has no option {', '.join(unknown)}. {has}")
