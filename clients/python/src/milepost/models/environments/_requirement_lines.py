"""Lines of pip's `requirements.txt`: read, checked, and told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from milepost.errors import ModelFormatError
from milepost.models._lazy import require

if TYPE_CHECKING:
    from packaging.requirements import Requirement

EXTRA = "models"
INCLUDES = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}

_MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 8
# Options that say where and how packages are looked for. Those that take no value have False.
_OPTIONS = {
    "-i": True,
    "--index-url": True,
    "--extra-index-url": True,
    "-f": True,
    "--find-links": True,
    "--no-binary": True,
    "--only-binary": True,
    "--no-index": False,
    "--pre": False,
    "--prefer-binary": False,
}
_SCHEMES = {"http", "https", "file"}
_COMMENT = re.compile(r"(^|\s+)#.*$")
_URL = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PATH = re.compile(r"\.{1,2}$|[^@;]*[/\\][^@;]*$|[^@;\s]+\.(whl|zip|tar\.gz)$")
_VARIABLES = re.compile(r"(\$\{[A-Z0-9_]+\}:?)+")


@dataclass(frozen=True)
class Line:
    """One line.

    Args:
        text: The line, without comment.
        requirement: A distribution by name; None for an option, an URL or a path without name.
        option: The option that it begins with, such as `--index-url`; empty for none.
        value: What follows the option; the URL or path where the line is only that.
    """

    text: str
    requirement: Requirement | None = None
    option: str = ""
    value: str = ""

    @property
    def name(self) -> str:
        """The distribution's normalised name; empty when the line has none."""
        from packaging.utils import canonicalize_name

        return canonicalize_name(self.requirement.name) if self.requirement else ""

    @property
    def is_path(self) -> bool:
        """Whether this is a file or a folder, such as `wheels/own-1.0-py3-none-any.whl`."""
        return bool(self.value) and not self.option and not _URL.match(self.value)

    @property
    def from_index(self) -> bool:
        """Whether this asks for releases of an index, and for nothing else."""
        return self.requirement is not None and self.requirement.url is None


def parse_line(text: str, source: str) -> Line:
    """What a line, without comment, says.

    Args:
        text: The line.
        source: File or argument that it comes from, for messages.

    Raises:
        ModelFormatError: It is nothing that pip reads, holds a password, or is an option that a model may not have.
    """
    if text.startswith("-"):
        return _parse_option(text, source)
    if _URL.match(text):
        _check_url(text, text, source)
        return Line(text, value=text)
    if _PATH.match(text):
        return Line(text, value=text)
    requirements = require("packaging.requirements", EXTRA)
    try:
        requirement = requirements.Requirement(text.partition(" --hash")[0])
    except requirements.InvalidRequirement as error:
        raise ModelFormatError(
            f"{source}: {text!r} is no requirement such as 'scikit-learn==1.7.2': {str(error).splitlines()[0]}"
        ) from None
    if requirement.url:
        _check_url(requirement.url, text, source)
    return Line(text, requirement)


def _parse_option(text: str, source: str) -> Line:
    option, _, value = re.sub(r"[=\s]+", " ", text, count=1).partition(" ")
    option, value = INCLUDES.get(option, option), value.strip()
    if option in INCLUDES and value:
        return Line(text, option=option, value=value)
    if option in ("-e", "--editable"):
        raise ModelFormatError(
            f"{source}: {text!r} is an editable install, which only this machine has. Copy the code into the model by "
            "code_paths, or name a release."
        )
    if option not in _OPTIONS or _OPTIONS[option] != bool(value):
        raise ModelFormatError(f"{source}: {text!r} is no option that requirements of a model can have.")
    if _URL.match(value):
        _check_url(value, text, source)
    return Line(text, option=option, value=value)


def _check_url(url: str, text: str, source: str) -> None:
    try:
        parts = urlsplit(url)
        user_info, at, _ = parts.netloc.rpartition("@")
        _ = parts.port
    except ValueError as error:
        raise ModelFormatError(f"{source}: {text!r} has no proper URL: {error}.") from None
    if "+" not in parts.scheme and parts.scheme.lower() not in _SCHEMES:
        raise ModelFormatError(f"{source}: {text!r} has a URL that is neither http, https, file nor of a repository.")
    if parts.scheme != "file" and not parts.hostname:
        raise ModelFormatError(f"{source}: {text!r} has a URL without a host.")
    if at and ":" in user_info and not _VARIABLES.fullmatch(user_info):
        host = parts.hostname
        raise ModelFormatError(
            f"{source}: the URL at {host} holds a password, which everybody would have who reads the model. Write "
            "${USER}:${PASSWORD} in its place: installers fill in these variables."
        )


def split_lines(text: str) -> Iterator[str]:
    """The lines that say something, without comments, continued lines joined."""
    for line in text.replace("\r\n", "\n").replace("\\\n", " ").split("\n"):
        stripped = _COMMENT.sub("", line).strip()
        if stripped:
            yield stripped


def parse_lines(lines: Iterable[str], source: str) -> list[Line]:
    """Lines given as arguments; files that they include are not read.

    Raises:
        ModelFormatError: As `parse_line`; or something is no text.
    """
    found: list[Line] = []
    for line in lines:
        if not isinstance(line, str):
            raise ModelFormatError(f"{source}: {line!r} is no text such as 'scikit-learn==1.7.2'.")
        found.extend(parse_line(one, source) for one in split_lines(line))
    return found


def read_text(path: Path) -> str:
    """The text of a requirements file.

    Raises:
        ModelFormatError: It is not there, too large or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ModelFormatError(f"{path}: cannot be read: {error.strerror or error}.") from None
    if len(data) > _MAX_BYTES:
        raise ModelFormatError(f"{path}: has more than {_MAX_BYTES} bytes, too many for requirements.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelFormatError(f"{path}: is not UTF-8 text.") from None


def read_file(path: Path, root: Path | None = None, _depth: int = 0) -> list[Line]:
    """The lines of a file, those of files that it includes by `-r` in place of that line; paths of `-c` are absolute.

    Args:
        path: The file. Paths in it are relative to its folder.
        root: Folder that included files must be in, links followed; None for anywhere.

    Raises:
        ModelFormatError: As `parse_line`; or a file cannot be read, leads out of `root`, or they include each other.
    """
    _check_inside(path, root)
    if _depth > _MAX_DEPTH:
        raise ModelFormatError(f"{path}: files include each other, or too deeply.")
    found: list[Line] = []
    for text in split_lines(read_text(path)):
        line = parse_line(text, str(path))
        included = path.parent / line.value
        if line.option == "-r":
            found.extend(read_file(included, root, _depth + 1))
        elif line.option == "-c":
            _check_inside(included, root)
            found.append(Line(f"-c {included.resolve()}", option="-c", value=str(included.resolve())))
        else:
            if line.is_path:
                _check_inside(included, root)
            found.append(line)
    return found


def _check_inside(path: Path, root: Path | None) -> None:
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise ModelFormatError(f"{path}: leads out of the model's folder.")
