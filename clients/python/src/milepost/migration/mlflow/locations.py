"""Where the artifacts of an MLflow store are to be found, and whether they are copied from there."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from milepost.migration.files import is_safe

PROXY_SCHEME = "mlflow-artifacts"


class ArtifactMode(str, enum.Enum):
    """What becomes of artifacts."""

    AUTO = "auto"
    """Those on this machine, or that a live server hands out, are copied, the others referenced."""
    COPY = "copy"
    """All are copied, also from object stores and from outside of the folder that is imported."""
    REFERENCE = "reference"
    """None is copied; the run's tag `milepost.artifact_uri` says where they are."""
    SKIP = "skip"
    """Neither."""


@dataclass(frozen=True)
class Locations:
    """Finds artifact folders.

    Args:
        mode: What is copied.
        artifact_root: Path or URL of what MLflow's server hands out as `mlflow-artifacts:/`. Empty when not known.
    """

    mode: ArtifactMode = ArtifactMode.AUTO
    artifact_root: str = ""

    def resolve(self, uri: str, base: Path | None = None) -> str | None:
        """Path or URL to copy from; None for what is to be referenced.

        Args:
            uri: As MLflow keeps it.
            base: Folder that relative paths may also be meant from.
        """
        path = local_path(uri)
        if path is not None:
            return str(_first_that_exists(path, base))
        scheme = scheme_of(uri)
        if scheme == PROXY_SCHEME:
            relative = proxy_path(uri)
            if not self.artifact_root or relative is None:
                return None
            return f"{self.artifact_root.rstrip('/')}/{relative}"
        return uri if scheme and self.mode is ArtifactMode.COPY else None


def scheme_of(uri: str) -> str:
    """The scheme in lower case; empty for a path."""
    head, colon, _ = uri.partition(":")
    return head.lower() if colon and len(head) > 1 and head.replace("-", "").replace("+", "").isalnum() else ""


def local_path(uri: str) -> Path | None:
    """The path of a `file:` URL or a path; None for another URL and for nothing."""
    scheme = scheme_of(uri)
    if scheme == "file":
        return Path(url2pathname(urlsplit(uri).path))
    return Path(uri) if uri and not scheme else None


def proxy_path(uri: str) -> str | None:
    """Path of a `mlflow-artifacts:` URI below the root of the server; None when it could lead out of it."""
    path = unquote(urlsplit(uri).path).strip("/")
    return path if is_safe(path) else None


def _first_that_exists(path: Path, base: Path | None) -> Path:
    if not path.is_absolute() and not path.exists() and base is not None and (base / path).exists():
        return base / path
    return path
