"""Client and server are released together."""

from __future__ import annotations

from pathlib import Path

import tomllib

from milepost._version import __version__


def test_server_needs_the_client_of_its_own_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert f"milepost-client=={__version__}" in project["dependencies"]
