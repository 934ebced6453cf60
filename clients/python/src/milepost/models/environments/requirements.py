"""The distributions that a model needs: pins of what is installed, what the user asks for, what is really imported.

Requirements are lines of pip's `requirements.txt`. What the model of somebody else may ask for is restricted where its
environment is built (`isolation.py`), not here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from milepost.errors import MilepostWarning, ModelFormatError
from milepost.models._lazy import require
from milepost.models.environments import _imports
from milepost.models.environments._distributions import OWN, canonical, direct_url, providers
from milepost.models.environments._requirement_lines import EXTRA, Line, parse_line, parse_lines, read_file

INFER = "infer"
"""In place of requirements: those that a model is seen to import."""
DEFAULT_INFER_TIMEOUT_S = 300.0


def pinned(names: Iterable[str]) -> list[str]:
    """Exact pins of installed distributions, such as `scikit-learn==1.7.2`.

    A build's local version (`2.9.0+cpu`) is left out, since indexes have the release only. What was installed from a
    repository or an URL is pinned to that commit or URL. A name of which another distribution brings the modules is
    that distribution's: `xgboost` may be `xgboost-cpu`.

    Args:
        names: Names of distributions, extras allowed. Those with a version already stay as they are.

    Warns:
        MilepostWarning: One is not installed, and so not pinned; or it is installed from a folder of this machine.
    """
    return [_pin(parse_line(name, "requirements")) for name in names]


def _pin(line: Line) -> str:
    wanted = line.requirement
    if wanted is None or wanted.url or wanted.specifier:
        return line.text
    installed = _installed(wanted.name)
    if installed is None:
        warnings.warn(
            f"{wanted.name} is not installed here, so the model's requirements name no version of it.",
            MilepostWarning,
            stacklevel=2,
        )
        return line.text
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    marker = f" ; {wanted.marker}" if wanted.marker else ""
    return f"{installed.name}{extras}{_pinned_source(installed)}{marker}"


def _installed(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        pass
    found = providers(name.replace("-", "_"))
    return metadata.distribution(found[0]) if len(found) == 1 else None


def _pinned_source(installed: metadata.Distribution) -> str:
    """What follows the name: `==1.2`, or ` @ URL` where the distribution was installed from one."""
    origin = direct_url(installed)
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        info = origin["vcs_info"]
        return f" @ {info['vcs']}+{url}@{info['commit_id']}"
    if "archive_info" in origin and not url.startswith("file:"):
        return f" @ {url}"
    if origin and not is_own(installed.name):
        warnings.warn(
            f"{installed.name} {installed.version} is installed from {url}, which only this machine has. The model's "
            "requirements name that version; publish it, or copy its code into the model by code_paths.",
            MilepostWarning,
            stacklevel=2,
        )
    return f"=={installed.version.partition('+')[0]}"


def is_own(name: str) -> bool:
    """Whether a distribution is Milepost's client or server."""
    return canonical(name) in OWN


def chosen(
    declared: Iterable[str],
    requirements: str | Path | Sequence[str] | None = None,
    extra_requirements: str | Path | Sequence[str] = (),
) -> list[str]:
    """The lines of a model's `requirements.txt`.

    Args:
        declared: What the model's flavor needs. Pinned to what is installed.
        requirements: In place of these, a file or lines of the user. Names without version stay so.
        extra_requirements: To add, a file or lines.

    Returns:
        One line for each distribution, in the order given; paths of constraints absolute.

    Raises:
        ModelFormatError: A line is wrong, or two exclude each other.
        MissingPackage: The extra `models` is not installed.
    """
    if requirements is None:
        base = parse_lines(pinned(declared), "requirements of the flavor")
    else:
        base = _given(requirements, "requirements")
    return [line.text for line in combined(base, _given(extra_requirements, "extra_requirements"))]


def _given(lines: str | Path | Sequence[str], source: str) -> list[Line]:
    """The user's lines, files that they include read in."""
    if isinstance(lines, (str, Path)):
        found = read_file(Path(lines))
    else:
        found = []
        for line in parse_lines(lines, source):
            if line.option == "-r":
                found.extend(read_file(Path(line.value)))
            elif line.option == "-c":
                found.append(parse_line(f"-c {Path(line.value).resolve()}", source))
            else:
                found.append(line)
    for line in found:
        if line.is_path:
            raise ModelFormatError(
                f"{source}: {line.text!r} is a path, which only this machine has. Copy the code into the model by "
                "code_paths, or name a release or an URL."
            )
    return found


def combined(base: Iterable[Line], added: Iterable[Line]) -> list[Line]:
    """Both, with one line for each distribution and marker.

    Raises:
        ModelFormatError: Two lines exclude each other.
    """
    found: dict[object, Line] = {}
    for line in [*base, *added]:
        key = (line.name, str(line.requirement.marker)) if line.requirement else line.text
        present = found.get(key)
        found[key] = line if present is None else _both(present, line)
    return list(found.values())


def _both(first: Line, second: Line) -> Line:
    """One line that asks for what two lines of the same distribution ask for."""
    one, other = first.requirement, second.requirement
    if one is None or other is None or first.text == second.text:
        return first
    exact = [
        spec.version for spec in (*one.specifier, *other.specifier) if spec.operator == "==" and "*" not in spec.version
    ]
    excluded = any(
        not spec.contains(version, prereleases=True) for version in exact for spec in (one.specifier, other.specifier)
    )
    if excluded or one.url != other.url:
        raise ModelFormatError(
            f"The requirements {first.text!r} and {second.text!r} exclude each other. Give `requirements` to replace "
            "all those that were found, or take one away."
        )
    if "--hash" in first.text or "--hash" in second.text:
        raise ModelFormatError(f"The requirements {first.text!r} and {second.text!r} are of the same distribution.")
    one.extras |= other.extras
    # A pin says all that a range says.
    pins = [spec for spec in (one.specifier, other.specifier) if any(part.operator == "==" for part in spec)]
    one.specifier = pins[0] if pins else one.specifier & other.specifier
    return parse_line(str(one), "requirements")


def without(lines: Iterable[str], names: Iterable[str]) -> list[str]:
    """The lines that are not of these distributions.

    Raises:
        ModelFormatError: No line is of one of the distributions.
    """
    utils = require("packaging.utils", EXTRA)
    unwanted = {utils.canonicalize_name(name): name for name in names}
    parsed = parse_lines(lines, "requirements.txt")
    missing = unwanted.keys() - {line.name for line in parsed}
    if missing:
        names_missing = ", ".join(sorted(unwanted[name] for name in missing))
        raise ModelFormatError(f"requirements.txt: has no line of {names_missing}.")
    return [line.text for line in parsed if line.name not in unwanted]


def infer_requirements(
    folder: Path,
    fallback: Sequence[str],
    *,
    trust: bool = False,
    timeout_s: float = DEFAULT_INFER_TIMEOUT_S,
) -> list[str]:
    """Pins of what loading a model and asking it its input example really import.

    A new process does it, which takes as long as importing the framework. Our own distributions are left out, and so is
    what only they need.

    Args:
        folder: The model's folder.
        fallback: What to return when the process fails or takes too long.
        trust: Whether code that comes with the model may run.
        timeout_s: Seconds that it may take.

    Warns:
        MilepostWarning: The fallback is returned; or there is no input example, so that only loading was watched.
    """
    try:
        seen = _imports.watch(folder, trust=trust, timeout_s=timeout_s)
    except _imports.WatchFailed as failure:
        warnings.warn(
            f"What the model imports could not be seen, so the requirements that it declares are taken: {failure}",
            MilepostWarning,
            stacklevel=2,
        )
        return list(fallback)
    if not seen.predicted:
        warnings.warn(
            "The model has no input example, so what it imports to predict was not seen.", MilepostWarning, stacklevel=2
        )
    return pinned(seen.distributions)
