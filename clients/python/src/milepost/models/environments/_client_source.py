"""Where another environment gets this installation's client from."""

from __future__ import annotations

from importlib import metadata

from milepost.errors import ModelError
from milepost.models.environments._distributions import direct_url, path_of

_NAME = "milepost-client"
_WANTED = f"{_NAME}[models]"


def _installed() -> metadata.Distribution:
    try:
        return metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        raise ModelError(
            f"{_NAME} is not installed as a distribution here, so that it cannot be installed elsewhere."
        ) from None


def arguments() -> list[str]:
    """Arguments of pip and uv that install the same client: the release, or from where this one came.

    Raises:
        ModelError: This client is not installed, only found on the path.
    """
    installed = _installed()
    origin = direct_url(installed)
    url = origin.get("url", "")
    if origin.get("dir_info", {}).get("editable"):
        return ["-e", f"{path_of(url)}[models]"]
    if "vcs_info" in origin:
        info = origin["vcs_info"]
        return [f"{_WANTED} @ {info['vcs']}+{url}@{info['commit_id']}"]
    return [f"{_WANTED} @ {url}"] if url else [f"{_WANTED}=={installed.version}"]


def build_options() -> list[str]:
    """Options that let the client be built where wheels alone are installed, if it comes as sources."""
    origin = direct_url(_installed())
    return ["--no-binary", _NAME] if "dir_info" in origin or "vcs_info" in origin else []
