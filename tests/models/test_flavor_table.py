from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import tomllib

from milepost import errors
from milepost.models import flavors
from milepost.models.flavors import FLAVORS, find_flavor, flavor_names, get_flavor

CLIENT = Path(__file__).parents[2] / "clients" / "python"


class Papyrus:
    """A flavor of another distribution."""

    name = "papyrus"
    formats = ("scroll",)

    def accepts(self, model: object) -> bool:
        return model == "a model on papyrus"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    mine = EntryPoint("papyrus", f"{__name__}:Papyrus", flavors.ENTRY_POINTS)
    theirs = EntryPoint("sklearn", f"{__name__}:Papyrus", flavors.ENTRY_POINTS)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(flavors, "entry_points", lambda group: [mine, theirs])
    flavors._plugins.cache_clear()
    yield
    flavors._plugins.cache_clear()


@pytest.mark.parametrize("name", FLAVORS)
def test_every_flavor_of_the_table_is_there_under_its_name(name: str) -> None:
    flavor = get_flavor(name)
    assert flavor.name == name
    assert flavor.formats


@pytest.mark.parametrize("name", FLAVORS)
def test_every_extra_of_the_table_can_be_installed(name: str) -> None:
    extras = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert FLAVORS[name].extra in extras


def test_offering_a_model_imports_no_library() -> None:
    script = (
        "import sys; from milepost.models.flavors import find_flavor; from milepost import errors\n"
        "try: find_flavor(object())\n"
        "except errors.UnknownFlavor: pass\n"
        "libraries = {'numpy', 'yaml', 'pandas', 'sklearn', 'skops', 'torch', 'cloudpickle', 'grpc'}\n"
        "print(sorted(libraries & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(errors.UnknownFlavor, match=r"no flavor 'mystery'.*catboost, .*milepost\.flavors"):
        get_flavor("mystery")


def test_an_object_of_no_flavor_is_refused_with_a_way_out() -> None:
    with pytest.raises(errors.UnknownFlavor, match=r"builtins\.object.*PythonModel.*flavor="):
        find_flavor(object())


def test_flavors_of_other_distributions_are_found_by_their_entry_point(plugin: None) -> None:
    assert find_flavor("a model on papyrus").name == "papyrus"
    assert "papyrus" in flavor_names()


def test_no_distribution_takes_the_place_of_our_flavors(plugin: None) -> None:
    assert get_flavor("sklearn").formats[0] == "skops"


def test_the_guide_lists_every_flavor_with_its_extra_and_formats() -> None:
    guide = (CLIENT.parents[1] / "docs" / "models.md").read_text()
    rows = [line.split(" | ") for line in guide.splitlines() if line.startswith("| `") and line.count(" | ") == 4]
    listed = {name.strip("| `"): (extras, formats) for name, extras, formats, *_ in rows}
    assert sorted(listed) == sorted(FLAVORS)
    for name, (extras, formats) in listed.items():
        assert f"`{FLAVORS[name].extra}`" in extras
        assert formats == ", ".join(f"`{format_}`" for format_ in get_flavor(name).formats)
