"""The table of flavors."""

from __future__ import annotations

from typing import Any

from milepost.cli._output import add_row, print_table, table

# Where the module has another name than the flavor. Nothing is imported to look.
_MODULES = {"pytorch": "torch", "spark": "pyspark", "python_function": "milepost"}


def known_flavors() -> list[dict[str, Any]]:
    """All flavors by name: the formats to store a model, whether the library is here, and how to get it."""
    from importlib.util import find_spec

    from milepost.models.flavors import FLAVORS, flavor_names, get_flavor

    found = []
    for name in flavor_names():
        own = FLAVORS.get(name)
        found.append(
            {
                "name": name,
                "formats": list(get_flavor(name).formats),
                "installed": own is None or find_spec(_MODULES.get(name, name)) is not None,
                "install": f"pip install 'milepost-client[{own.extra}]'" if own else "",
            }
        )
    return found


def print_flavors(found: list[dict[str, Any]]) -> None:
    """Prints the table."""
    made = table("FLAVOR", "INSTALLED", "FORMATS", "INSTALL", whole=("FLAVOR",))
    for one in found:
        install = "" if one["installed"] else one["install"]
        add_row(made, (one["name"], "yes" if one["installed"] else "no", ", ".join(one["formats"]), install))
    print_table(made, "There are no flavors.")
