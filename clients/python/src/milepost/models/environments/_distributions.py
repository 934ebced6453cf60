"""Installed distributions: which one a module is of, and what each says that it needs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OWN = frozenset({"milepost", "milepost-client"})
"""Names of our distributions."""

# Words in the names of extras that are for those who work on a distribution, not for those who use it.
_DEVELOPMENT = re.compile(
    r"(?:^|[-_.])(?:benchmarks?|build|ci|coverage|dev|develop|development|docs?|documentation|examples?|install|lint"
    r"|maintenance|notebooks?|quality|style|tests?|testing|tutorial|typing)(?:$|[-_.])",
    re.IGNORECASE,
)


def providers(module: str) -> list[str]:
    """Names of the installed distributions that have files of a module or package of the top level."""
    return sorted(set(_packages().get(module, ())))


@cache
def _packages() -> Mapping[str, Sequence[str]]:
    return metadata.packages_distributions()


def owners(name: str, file: str | None = None) -> list[str]:
    """The distributions that a module is of: one, unless several share its package and the file does not tell.

    Args:
        name: Full name of the module. It need not exist.
        file: Where it was loaded from; None when that is not known.
    """
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return []
    candidates = providers(top)
    if len(candidates) == 1:
        return candidates
    if not candidates:
        return [] if file is None else _linked(Path(file))
    if file is not None:
        return [one for one in candidates if Path(file) in _files(one)]
    parts = tuple(name.split("."))
    return [one for one in candidates if any(path.parts[-len(parts) :] == parts for path in _modules(one))]


@cache
def _files(distribution: str) -> frozenset[Path]:
    found = metadata.distribution(distribution)
    return frozenset(Path(str(found.locate_file(file))) for file in found.files or ())


@cache
def _modules(distribution: str) -> frozenset[Path]:
    """Paths of the modules of a distribution, without suffix; packages by their folder."""
    paths = (path.parent if path.stem == "__init__" else path.with_suffix("") for path in _files(distribution))
    return frozenset(paths)


def _linked(file: Path) -> list[str]:
    """The distribution that is installed as a link to a folder which holds the file."""
    return [name for name, root in _links().items() if file.is_relative_to(root)]


@cache
def _links() -> Mapping[str, Path]:
    found = {}
    for distribution in metadata.distributions():
        origin = direct_url(distribution)
        if origin.get("dir_info", {}).get("editable"):
            found[distribution.name] = path_of(origin["url"])
    return found


def path_of(file_url: str) -> Path:
    """The path that a URL of the scheme `file` names."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # brings a client of HTTP along

    return Path(url2pathname(urlsplit(file_url).path))


def direct_url(installed: metadata.Distribution) -> dict[str, Any]:
    """Where a distribution was installed from, as PEP 610 says it; empty for an index."""
    text = installed.read_text("direct_url.json")
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def canonical(name: str) -> str:
    """The normalised form of a distribution's name."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


@cache
def may_need(distribution: str) -> frozenset[str]:
    """Normalised names of what a distribution says it needs, always or for one of its extras, those for its own
    development left out.
    """  # noqa: D205
    extras = metadata.distribution(distribution).metadata.get_all("Provides-Extra") or []
    useful = [extra for extra in extras if not _DEVELOPMENT.search(extra)]
    return frozenset(canonical(one.name) for one in _required(distribution, ["", *useful]))


def _required(distribution: str, extras: Iterable[str]) -> list[Requirement]:
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in metadata.requires(distribution) or ()]
    return [
        one for one in wanted if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]


@cache
def needed_by_client() -> frozenset[str]:
    """Normalised names of the distributions that handling models takes, whatever the model; the client's own too."""
    found: set[tuple[str, str]] = set()
    waiting = [("milepost-client", ""), ("milepost-client", "models")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        try:
            required = _required(name, [extra])
        except metadata.PackageNotFoundError:
            continue
        for one in required:
            waiting += [(canonical(one.name), wanted) for wanted in ("", *one.extras)]
    return frozenset(name for name, _ in found)
