"""What holds for every flavor. A flavor's test class inherits `FlavorContract` and says how to make a model.

It needs the client, pytest and the flavor's own packages, no server, so that it runs in each flavor's environment.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml

from milepost import errors
from milepost.models import load_model, save_model
from milepost.models.flavors import FLAVORS, find_flavor, get_flavor
from milepost.pyfunc import load_model as load_pyfunc

BLOCKED = """
import sys
for package in {packages!r}:
    sys.modules[package] = None
from milepost import errors
from milepost.models import load_model
try:
    load_model({path!r}, trust=True)
except errors.MissingPackage as missing:
    print(missing.package, missing.extra)
"""
LIGHT = """
import sys
from milepost.models.flavors import get_flavor
get_flavor({flavor!r}).accepts(object())
print(*sorted({packages!r} & sys.modules.keys()))
"""


class FlavorContract:
    """Holds for every flavor. Subclasses are named `Test…`, set the variables, and say how to make a model."""

    flavor: ClassVar[str]
    packages: ClassVar[Sequence[str]]
    """Packages without which the flavor cannot load, as they are imported, the library first."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options of the flavor that `save_model` is given."""
    safe_formats: ClassVar[Sequence[str]]
    """Formats that are read without trust."""
    trusted_formats: ClassVar[Sequence[str]] = ()
    """Formats that are read with `trust=True` only."""

    @property
    def asked(self) -> str | None:
        """The format that has to be asked for: None, but where there are only pickles."""
        return None if self.safe_formats else self.trusted_formats[0]

    def make_model(self) -> Any:
        """A small model that has learned."""
        raise NotImplementedError

    def make_data(self) -> Any:
        """A batch of several rows that the model answers."""
        raise NotImplementedError

    def predict_natively(self, model: Any, data: Any) -> Any:
        """What the library itself answers."""
        raise NotImplementedError

    def assert_equal(self, answer: Any, expected: Any) -> None:
        """To the bit; override it where the library does not answer twice the same."""
        np.testing.assert_array_equal(np.asarray(answer), np.asarray(expected))

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> Any:
        return cls().make_model()

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls) -> Any:
        return cls().make_data()

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, model: Any, data: Any) -> Any:
        return cls().predict_natively(model, data)

    @pytest.fixture(scope="class")
    @classmethod
    def saved(cls, model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder with the model in its default format, or the one to ask for. Tests do not change it."""
        path = tmp_path_factory.mktemp(cls.flavor) / "model"
        save_model(model, path, format=cls().asked, **cls.options)
        return path

    def test_the_object_leads_to_its_flavor(self, model: Any) -> None:
        assert find_flavor(model).name == self.flavor

    def test_the_formats_tested_are_all_there_are_and_the_default_is_safe(self) -> None:
        formats = list(get_flavor(self.flavor).formats)
        assert sorted(formats) == sorted([*self.safe_formats, *self.trusted_formats])
        assert formats[0] in (self.safe_formats or self.trusted_formats)

    def test_nothing_is_pickled_unless_asked(self, model: Any, tmp_path: Path) -> None:
        if self.safe_formats:
            save_model(model, tmp_path / "model", **self.options)
            load_model(tmp_path / "model")
        else:
            with pytest.raises(errors.ModelFormatError, match=f"format={self.trusted_formats[0]!r}"):
                save_model(model, tmp_path / "model", **self.options)
            assert not list(tmp_path.iterdir())

    def test_loads_natively_and_answers_alike(self, saved: Path, data: Any, expected: Any) -> None:
        self.assert_equal(self.predict_natively(load_model(saved, trust=not self.safe_formats), data), expected)

    def test_pyfunc_answers_like_the_library(self, saved: Path, data: Any, expected: Any) -> None:
        self.assert_equal(load_pyfunc(saved, trust=not self.safe_formats).predict(data), expected)

    def test_every_format_answers_alike(self, model: Any, data: Any, expected: Any, tmp_path: Path) -> None:
        for format_ in get_flavor(self.flavor).formats:
            save_model(model, tmp_path / format_, format=format_, **self.options)
            self.assert_equal(load_pyfunc(tmp_path / format_, trust=True).predict(data), expected)

    def test_formats_that_run_code_are_refused_without_trust(self, model: Any, tmp_path: Path) -> None:
        for format_ in self.trusted_formats:
            save_model(model, tmp_path / format_, format=format_, **self.options)
            with pytest.raises(errors.UntrustedModel, match="trust=True"):
                load_model(tmp_path / format_)

    def test_an_unknown_format_is_refused_with_those_there_are(self, model: Any, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelFormatError, match=get_flavor(self.flavor).formats[0]):
            save_model(model, tmp_path / "model", format="papyrus", **self.options)
        assert not list(tmp_path.iterdir())

    def test_an_unknown_option_is_refused(self, model: Any, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelError, match="no_such_option"):
            save_model(model, tmp_path / "model", format=self.asked, **{**self.options, "no_such_option": 1})
        assert not list(tmp_path.iterdir())

    def test_the_descriptor_names_the_flavor_and_python_function(self, saved: Path) -> None:
        descriptor = yaml.safe_load((saved / "MLmodel").read_text())
        assert {self.flavor, "python_function"} >= descriptor["flavors"].keys()
        assert self.flavor in descriptor["flavors"]

    def test_a_path_that_leaves_the_folder_is_refused(self, saved: Path, tmp_path: Path) -> None:
        original = (saved / "MLmodel").read_text()
        config = yaml.safe_load(original)["flavors"][self.flavor]
        fields = [key for key, value in config.items() if isinstance(value, str) and (saved / value).exists()]
        assert fields
        for field in fields:
            descriptor = yaml.safe_load(original)
            descriptor["flavors"][self.flavor][field] = f"../{saved.name}/{config[field]}"
            copy = _copy_with(saved, tmp_path / field, descriptor)
            with pytest.raises(errors.ModelFormatError, match=field):
                load_model(copy, flavor=self.flavor, verify=False, trust=True)

    def test_a_changed_file_is_found_before_it_is_read(self, saved: Path, tmp_path: Path) -> None:
        copy = _copy_with(saved, tmp_path / "copy", yaml.safe_load((saved / "MLmodel").read_text()))
        with pytest.raises(errors.ModelCorrupt) as caught:
            load_model(copy)
        assert caught.value.paths == ["MLmodel"]

    def test_a_missing_package_is_named_with_its_extra(self, saved: Path) -> None:
        printed = _run(BLOCKED.format(packages=list(self.packages), path=str(saved)))
        package, extra = printed.split()
        assert package in self.packages
        assert extra == FLAVORS[self.flavor].extra

    def test_the_flavor_is_known_without_importing_its_library(self) -> None:
        assert _run(LIGHT.format(flavor=self.flavor, packages=set(self.packages))) == ""


def _copy_with(saved: Path, copy: Path, descriptor: Any) -> Path:
    """A copy of the model with another descriptor, whose manifest does not know of it."""
    import shutil

    shutil.copytree(saved, copy)
    (copy / "MLmodel").write_text(yaml.safe_dump(descriptor) + "\n# changed\n")
    return copy


def _run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()
