"""The requirements of an image: those of the model and of the model server, each pinned to a version and its hashes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from milepost.errors import ModelError
from milepost.models.environments._processes import ProcessFailed, run
from milepost.models.environments._requirement_lines import Line, parse_lines, split_lines
from milepost.models.environments.environment import CONSTRAINTS, REQUIREMENTS, find_uv
from milepost.models.environments.isolation import needed_lines
from milepost.models.environments.requirements import is_own

_TIMEOUT_S = 600.0
# The C library of the base image (Debian 12): wheels made for a newer one would not load there.
_PLATFORMS = {"linux/amd64": "x86_64-manylinux_2_36", "linux/arm64": "aarch64-manylinux_2_36"}
_WHEELS_ONLY = "--only-binary :all:"

PLATFORMS = tuple(_PLATFORMS)


def write_pins(context: Path, model: Path, own: Sequence[str], *, python: str, platform: str, trust: bool) -> None:
    """Writes `requirements.txt`, which names everything that is installed.

    Args:
        context: The folder of the image, where relative paths of the lines begin.
        model: The model's folder in it.
        own: Lines that install Milepost.
        python: Version of Python.
        platform: One of `PLATFORMS`.
        trust: Whether requirements may name other sources than the configured index, and be built.

    Raises:
        UntrustedModel: A requirement needs trust.
        ModelError: uv is not here, or finds no versions that go together.
    """
    lines, constraints = needed_lines(model, trust=trust)
    wanted = [_moved(line, model, context) for line in lines if not is_own(line.name)]
    _refuse_variables([*lines, *constraints])
    # Only releases of an index and files have digests; pip asks for those of all or of none.
    hashes = all(line.from_index or line.option for line in lines)
    options = [] if trust else [_WHEELS_ONLY]
    sources = [line.text for line in lines if line.option and line.option not in ("-c", "-r")]
    limits = "".join(f"{line.text}\n" for line in constraints if not is_own(line.name))
    asked, pinned = context / "requirements.in", context / REQUIREMENTS
    asked.write_text("".join(f"{line}\n" for line in [f"-c {CONSTRAINTS}", *wanted, *own]), encoding="utf-8")
    (context / CONSTRAINTS).write_text(limits, encoding="utf-8")
    try:
        _compile(context, [*options, *(["--generate-hashes"] if hashes else [])], python, platform)
    finally:
        asked.unlink()
        (context / CONSTRAINTS).unlink()
    _check(pinned, trust)
    head = "".join(f"{line}\n" for line in dict.fromkeys([*options, *sources]))
    pinned.write_text(head + pinned.read_text(encoding="utf-8"), encoding="utf-8")


def _compile(context: Path, options: Sequence[str], python: str, platform: str) -> None:
    uv = find_uv()
    if uv is None:
        raise ModelError("The requirements of an image are pinned by uv, which is not here: pip install uv.")
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--output-file", REQUIREMENTS]
    command += ["--python-version", python, "--python-platform", _PLATFORMS[platform]]
    command += [word for option in options for word in option.split()]
    try:
        run([*command, "requirements.in"], timeout_s=_TIMEOUT_S, cwd=context)
    except ProcessFailed as failure:
        raise ModelError(
            f"No versions go together for Python {python} on {platform}: {failure}. Another Python is chosen by "
            "--python."
        ) from None


def _moved(line: Line, model: Path, context: Path) -> str:
    """A line whose path begins at the image's folder."""
    if not line.is_path:
        return line.text
    return f"./{(model / line.value).relative_to(context).as_posix()}"


def _refuse_variables(lines: Sequence[Line]) -> None:
    for line in lines:
        if "${" in line.text:
            raise ModelError(
                f"The requirement {line.text!r:.200} takes a secret from a variable, which an image would not keep to "
                "itself. Name an index that needs none, or a base image whose pip knows it."
            )


def _check(pinned: Path, trust: bool) -> None:
    """Makes sure of what was written: whatever the model's lines were, nothing is left open."""
    for line in parse_lines(split_lines(pinned.read_text(encoding="utf-8")), REQUIREMENTS):
        exact = line.requirement is not None and [one.operator for one in line.requirement.specifier] == ["=="]
        own = line.text.startswith("./wheels/")
        if not (exact or own or trust):
            raise ModelError(f"{REQUIREMENTS}: {line.text!r:.200} is not pinned to a version.")
