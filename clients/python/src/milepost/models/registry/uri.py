"""Where a model is: what users write, taken apart.

runs:/RUN_ID/PATH     the newest ready model of this name that a run logged, else a directory of its artifacts
models:/NAME/3        a version of a registered model
models:/NAME@ALIAS    the version that an alias points to
models:/NAME/latest   the version with the greatest number
models:/m-ID          a logged model
s3://bucket/model     any other URL that fsspec can open
folder/model          a folder of this machine, also as a file: URL
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from milepost.errors import BadModelUri

LATEST = "latest"

# One letter before a colon is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STAGES = ("none", "staging", "production", "archived")
_LONGEST_NAME = 250
_NOT_ALIASES = re.compile(r"[vV]?[0-9]+")


@dataclass(frozen=True)
class RunUri:
    """`runs:/RUN_ID/PATH`."""

    run_id: str
    path: str

    def __str__(self) -> str:
        return f"runs:/{self.run_id}/{self.path}"


@dataclass(frozen=True)
class VersionUri:
    """`models:/NAME/VERSION`."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class AliasUri:
    """`models:/NAME@ALIAS`, or `models:/NAME/latest` for the alias `latest`."""

    name: str
    alias: str

    def __str__(self) -> str:
        return f"models:/{self.name}/{LATEST}" if self.alias == LATEST else f"models:/{self.name}@{self.alias}"


@dataclass(frozen=True)
class LoggedModelUri:
    """`models:/m-ID`."""

    model_id: str

    def __str__(self) -> str:
        return f"models:/{self.model_id}"


@dataclass(frozen=True)
class UrlUri:
    """A URL for fsspec."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class LocalUri:
    """A folder of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


ModelUri = RunUri | VersionUri | AliasUri | LoggedModelUri | UrlUri | LocalUri


def parse_uri(source: str | os.PathLike[str]) -> ModelUri:
    """Takes apart what says where a model is. Asks no server and no disk.

    Args:
        source: One of the forms above. A path object is always a folder of this machine. Nothing is percent-decoded but
            the path of a `file:` URL.

    Raises:
        BadModelUri: It has none of these forms; the message says what to write instead.
    """
    if not isinstance(source, str):
        return LocalUri(Path(source))
    if not source.strip():
        raise BadModelUri("The URI of the model is empty. Give, for example, 'models:/NAME/3' or a folder.")
    if _CONTROL.search(source):
        raise BadModelUri(f"{source!r:.300} has a control character, which no URI of a model has.")
    match = _SCHEME.match(source)
    if match is None:
        return LocalUri(Path(source))
    scheme, rest = match[1].lower(), source[match.end() :]
    if scheme == "models":
        return _registered(source, _after_slash(source, scheme, rest))
    if scheme == "runs":
        return _of_run(source, _after_slash(source, scheme, rest))
    if scheme == "file":
        return _local(source)
    return _url(source)


def default_name(uri: ModelUri) -> str:
    """What a model is served as when nobody says: the registered model's name or that of its folder; empty for none."""
    if isinstance(uri, VersionUri | AliasUri):
        return uri.name
    if isinstance(uri, LocalUri):
        return uri.path.resolve().name
    if isinstance(uri, RunUri):
        return uri.path.rpartition("/")[2]
    return uri.url.rstrip("/").rpartition("/")[2] if isinstance(uri, UrlUri) else ""


def _after_slash(source: str, scheme: str, rest: str) -> str:
    if rest.startswith("//"):
        raise _bad(source, f"the scheme is followed by one slash, and the server is chosen elsewhere: {scheme}:/...")
    if not rest.startswith("/"):
        raise _bad(source, f"the scheme is followed by a slash: {scheme}:/{rest}")
    return rest[1:]


def _registered(source: str, rest: str) -> ModelUri:
    if "/" in rest:
        name, _, last = rest.partition("/")
        return _numbered(source, _checked_name(source, name), last)
    if "@" in rest:
        name, _, alias = rest.partition("@")
        return _aliased(source, _checked_name(source, name), alias)
    if _MODEL_ID.fullmatch(rest):
        return LoggedModelUri(rest)
    name = _checked_name(source, rest)
    raise _bad(
        source,
        f"it does not say which version. Give models:/{name}/3, models:/{name}@ALIAS or models:/{name}/{LATEST}. Ids "
        "of logged models are m- and 32 hexadecimal digits",
    )


def _numbered(source: str, name: str, version: str) -> ModelUri:
    if version == LATEST:
        return AliasUri(name, LATEST)
    if _VERSION.fullmatch(version):
        return VersionUri(name, int(version))
    number = version.lstrip("vV").lstrip("0")
    if _VERSION.fullmatch(number) and version[:1] in "vV0":
        raise _bad(source, f"a version is a plain number: models:/{name}/{number}")
    if version.lower() in _STAGES:
        raise _bad(
            source,
            f"{version!r} is a stage, and several versions may have it. Point an alias to the version that you mean, "
            f"and give models:/{name}@{version.lower()}",
        )
    if version.lower() == LATEST:
        raise _bad(source, f"write models:/{name}/{LATEST}")
    if "@" in version or "/" in version:
        raise _bad(source, "names of registered models have no slash; give models:/NAME/VERSION or models:/NAME@ALIAS")
    raise _bad(
        source, f"{version!r} is no number of a version. Give models:/{name}/3, or models:/{name}@ALIAS for an alias"
    )


def _aliased(source: str, name: str, alias: str) -> ModelUri:
    if alias == LATEST:
        return AliasUri(name, LATEST)
    if _NOT_ALIASES.fullmatch(alias):
        number = alias.lstrip("vV0")
        raise _bad(source, f"{alias!r} reads as a version, which follows a slash: models:/{name}/{number or 1}")
    if alias.lower() == LATEST or not _ALIAS.fullmatch(alias):
        raise _bad(source, f"{alias!r} is no alias: letters, digits, '_' and '-', and not '{LATEST}' in another case")
    return AliasUri(name, alias)


def _checked_name(source: str, name: str) -> str:
    if not name.strip() or name in (".", "..") or ":" in name or "@" in name or len(name) > _LONGEST_NAME:
        raise _bad(
            source,
            f"{name!r:.300} is no name of a registered model: 1-{_LONGEST_NAME} characters, not '.' or '..', without "
            "'/', ':' and '@'",
        )
    return name


def _of_run(source: str, rest: str) -> RunUri:
    run_id, _, path = rest.partition("/")
    if not _RUN_ID.fullmatch(run_id):
        raise _bad(source, f"{run_id!r:.300} is no id of a run. Give runs:/RUN_ID/PATH")
    if not path:
        raise _bad(source, f"it does not say which model of the run. Give runs:/{run_id}/PATH")
    _check_segments(source, path)
    return RunUri(run_id, path)


def _url(source: str) -> UrlUri:
    scheme, separator, path = source.rpartition("://")
    if not separator or not path:
        raise _bad(
            source, "it is neither a URL such as s3://bucket/model nor a folder; before a folder with ':' put './'"
        )
    if scheme.startswith("mlflow-artifacts"):
        raise _bad(source, "only an MLflow server can open it. Give the URL of its artifact store")
    if any(segment == ".." for segment in re.split(r"[/\\]", path)):
        raise _bad(source, "a path with '..' is not followed")
    return UrlUri(source)


def _local(source: str) -> LocalUri:
    parts = urlsplit(source)
    if parts.netloc not in ("", "localhost"):
        raise _bad(source, f"files of the host {parts.netloc!r} cannot be opened. Give file:///PATH")
    path = url2pathname(parts.path)
    if not path or parts.query or parts.fragment or "\0" in path:
        raise _bad(source, "it is no URL of a folder. Give file:///PATH, or the path alone")
    return LocalUri(Path(path))


def _check_segments(source: str, path: str) -> None:
    if any(segment in ("", ".", "..") for segment in path.split("/")) or "\\" in path:
        raise _bad(source, "its path has an empty segment, '.', '..' or a backslash")


def _bad(source: str, why: str) -> BadModelUri:
    return BadModelUri(f"{source!r:.300} is no URI of a model: {why}.")
