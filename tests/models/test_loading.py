from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from milepost import errors
from milepost.models import load_model, save_model
from milepost.pyfunc import load_model as load_pyfunc

DATA = np.random.default_rng(0).normal(size=(40, 3))
CLASSES = (DATA[:, 0] > 0).astype(np.int64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(LogisticRegression().fit(DATA, CLASSES), tmp_path / "model")
    return tmp_path / "model"


def _rewrite(folder: Path, change: Callable[[Any], Any]) -> Path:
    """Changes the descriptor of a model and makes it one of MLflow's, which has no manifest."""
    descriptor = yaml.safe_load((folder / "MLmodel").read_text())
    del descriptor["milepost"]
    change(descriptor)
    (folder / "MLmodel").write_text(yaml.safe_dump(descriptor))
    (folder / "SHA256SUMS").unlink()
    return folder


def test_a_changed_file_is_refused(folder: Path) -> None:
    content = bytearray((folder / "model.skops").read_bytes())
    content[100] ^= 1
    (folder / "model.skops").write_bytes(content)
    with pytest.raises(errors.ModelCorrupt, match="changed") as caught:
        load_model(folder)
    assert caught.value.paths == ["model.skops"]


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "model.skops").unlink()
    with pytest.raises(errors.ModelCorrupt, match="missing") as caught:
        load_model(folder)
    assert caught.value.paths == ["model.skops"]


def test_an_extra_file_is_refused(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text("raise SystemExit")
    with pytest.raises(errors.ModelCorrupt, match="not in the manifest") as caught:
        load_model(folder)
    assert caught.value.paths == ["sitecustomize.py"]


def test_a_manifest_that_was_taken_away_is_missed(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(errors.ModelCorrupt) as caught:
        load_model(folder)
    assert caught.value.paths == ["SHA256SUMS"]


def test_without_manifest_a_model_of_mlflow_is_loaded_and_known_to_be_unverified(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_pyfunc(folder).verified
    _rewrite(folder, lambda descriptor: None)
    with caplog.at_level(logging.INFO, logger="milepost"):
        assert not load_pyfunc(folder).verified
    assert "no manifest" in caplog.text


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match="MLmodel"):
        load_model(tmp_path)
    with pytest.raises(errors.ModelFormatError, match="missing"):
        load_model(tmp_path / "missing")


@pytest.mark.parametrize(
    "path",
    [
        "../model/model.skops",
        "/etc/passwd",
        "C:/model.skops",
        "..",
        "a\0b",
        "",
        7,
        None,
        ["model.skops"],
        "missing.skops",
    ],
)
def test_paths_of_the_descriptor_stay_inside_of_the_folder(path: Any, folder: Path) -> None:
    _rewrite(folder, lambda descriptor: descriptor["flavors"]["sklearn"].update(pickled_model=path))
    with pytest.raises(errors.ModelFormatError, match=r"flavors\.sklearn\.pickled_model"):
        load_model(folder)


def test_links_that_lead_out_of_the_folder_are_refused(folder: Path) -> None:
    (folder / "model.skops").rename(folder.parent / "outside.skops")
    (folder / "model.skops").symlink_to("../outside.skops")
    with pytest.raises(errors.ModelError, match="link"):
        load_model(folder)
    _rewrite(folder, lambda descriptor: None)
    with pytest.raises(errors.ModelFormatError, match="a link that leads out"):
        load_model(folder)


def test_a_model_of_no_known_flavor_is_refused(folder: Path) -> None:
    _rewrite(folder, lambda descriptor: descriptor.update(flavors={"mystery": {"data": "model.skops"}}))
    with pytest.raises(errors.UnknownFlavor, match=r"mystery.*sklearn.*milepost\.flavors"):
        load_model(folder)


def test_the_flavor_asked_for_must_be_there(folder: Path) -> None:
    assert isinstance(load_model(folder, flavor="sklearn"), LogisticRegression)
    with pytest.raises(errors.UnknownFlavor, match=r"no flavor 'xgboost'. It has: python_function, sklearn"):
        load_model(folder, flavor="xgboost")


def test_of_several_flavors_the_one_of_python_function_is_taken(folder: Path) -> None:
    _rewrite(folder, lambda descriptor: descriptor["flavors"].update(xgboost={"data": "model.ubj"}))
    assert isinstance(load_model(folder), LogisticRegression)


def test_of_several_flavors_one_must_be_chosen(folder: Path) -> None:
    def change(descriptor: Any) -> None:
        descriptor["flavors"].update(xgboost={"data": "model.ubj"})
        del descriptor["flavors"]["python_function"]

    _rewrite(folder, change)
    with pytest.raises(errors.ModelFormatError, match=r"several flavors: .*flavor="):
        load_model(folder)
    assert isinstance(load_model(folder, flavor="sklearn"), LogisticRegression)


def test_a_flavor_of_another_library_is_loaded_by_its_module_with_trust(folder: Path, tmp_path: Path) -> None:
    loader = "class Loaded:\n    def predict(self, data): return data\ndef _load_pyfunc(path): return Loaded()\n"
    (tmp_path / "papyrus_loader.py").write_text(loader)
    entry = {"loader_module": "papyrus_loader", "data": "model.skops"}
    _rewrite(folder, lambda descriptor: descriptor.update(flavors={"papyrus": {}, "python_function": entry}))
    with pytest.raises(errors.UntrustedModel, match="'papyrus_loader'"):
        load_pyfunc(folder)
    with pytest.raises(errors.ModelFormatError, match="cannot be imported"):
        load_pyfunc(folder, trust=True)
    sys.path.insert(0, str(tmp_path))
    try:
        assert load_pyfunc(folder, trust=True).predict([1]) == [1]
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("papyrus_loader", None)


TEXTS = st.text("ab.:/\\\0é", max_size=9)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.lists(TEXTS, max_size=2),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
    st.sampled_from(["MLmodel", "model.skops", "skops", "pickle", "../model", ".", "requirements.txt"]),
)  # fmt: skip
KEYS = {
    "sklearn": ["pickled_model", "serialization_format", "skops_trusted_types", "predict_fn", "code"],
    "python_function": [
        "loader_module", "data", "model_path", "code", "python_model", "python_model_compression", "artifacts",
        "config", "model_code_path", "predict_fn",
    ],
}  # fmt: skip


ENTRIES = st.sampled_from(sorted(KEYS)).flatmap(
    lambda flavor: st.tuples(st.just(flavor), st.dictionaries(st.sampled_from(KEYS[flavor]), VALUES))
)


@given(named=ENTRIES)
def test_whatever_a_descriptor_says_is_loaded_or_refused(named: tuple[str, dict[str, Any]], shared: Path) -> None:
    flavor, entry = named
    flavors = {flavor: entry, "python_function": entry}
    (shared / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    with contextlib.suppress(errors.ModelError):
        load_pyfunc(shared)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without manifest, whose descriptor is written anew for each example."""
    folder = tmp_path_factory.mktemp("shared") / "model"
    save_model(LogisticRegression().fit(DATA, CLASSES), folder)
    (folder / "SHA256SUMS").unlink()
    return folder


@pytest.mark.parametrize("options", [{"device": "cpu"}, {"no_such": 1}])
def test_options_that_the_flavor_does_not_have_are_refused(options: dict[str, Any], folder: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match=f"has no option {next(iter(options))}"):
        load_model(folder, **options)


class TestCode:
    """Modules that a model brings along."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """A project with a module, a package, and a script that uses them."""
        source = tmp_path / "project"
        (source / "scaling").mkdir(parents=True)
        (source / "scaling" / "__init__.py").write_text("from scaling.factors import FACTOR\n")
        (source / "scaling" / "factors.py").write_text("FACTOR = 3\n")
        (source / "offsets.py").write_text("OFFSET = 1\n")
        script = (
            "from milepost.models import set_model\nfrom scaling import FACTOR\n"
            "def predict(data):\n    from offsets import OFFSET\n    return [x * FACTOR + OFFSET for x in data]\n"
            "set_model(predict)\n"
        )
        (source / "model.py").write_text(script)
        return source

    def _save(self, source: Path, path: Path) -> None:
        save_model(str(source / "model.py"), path, code_paths=[source / "scaling", source / "offsets.py"])

    def _predict(self, *paths: Path, before: str = "") -> str:
        """What a process prints that loads models, one after the other."""
        script = f"{before}\nfrom milepost.pyfunc import load_model\n"
        script += "".join(f"print(load_model({str(path)!r}, trust=True).predict([1, 2]))\n" for path in paths)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def test_is_found_when_loading_and_when_predicting(self, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "model")
        shutil.rmtree(source)
        assert self._predict(tmp_path / "model") == "[4, 7]"

    def test_leaves_nothing_in_the_folder(self, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "model")
        assert self._predict(tmp_path / "model", tmp_path / "model") == "[4, 7]\n[4, 7]"
        assert not list((tmp_path / "model").rglob("*.pyc"))

    def test_needs_trust(self, tmp_path: Path) -> None:
        (tmp_path / "extra_module.py").write_text("raise SystemExit('ran')\n")
        model = LogisticRegression().fit(DATA, CLASSES)
        save_model(model, tmp_path / "model", code_paths=[tmp_path / "extra_module.py"])
        with pytest.raises(errors.UntrustedModel, match="Python modules of its own in 'code'"):
            load_model(tmp_path / "model")

    def test_of_two_models_does_not_shadow_in_silence(self, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "first")
        self._save(source, tmp_path / "copy")
        (source / "offsets.py").write_text("OFFSET = 2\n")
        self._save(source, tmp_path / "second")
        assert self._predict(tmp_path / "second") == "[5, 8]"
        assert self._predict(tmp_path / "first", tmp_path / "copy") == "[4, 7]\n[4, 7]"
        printed = self._predict(tmp_path / "first", tmp_path / "second")
        assert "ModelError: Another model brings a different module 'offsets'" in printed

    def test_does_not_shadow_what_the_process_has_imported(self, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "model")
        imported = f"import sys; sys.path.insert(0, {str(source)!r}); import offsets, scaling"
        assert self._predict(tmp_path / "model", before=imported) == "[4, 7]"
        (source / "offsets.py").write_text("OFFSET = 2\n")
        printed = self._predict(tmp_path / "model", before=imported)
        assert "ModelError: The model brings its own module 'offsets', but this process has imported another" in printed

    def test_of_a_model_that_is_gone_is_remembered(self, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "first")
        self._save(source, tmp_path / "second")
        first = str(tmp_path / "first")
        gone = f"import shutil\nfrom milepost.models import load_model\nload_model({first!r}, trust=True)"
        gone += f"\nshutil.rmtree({first!r})"
        assert self._predict(tmp_path / "second", before=gone) == "[4, 7]"

    def test_that_is_found_elsewhere_too_is_told(self, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "model")
        (source / "offsets.py").write_text("OFFSET = 2\n")
        listening = f"import logging, sys; logging.basicConfig(stream=sys.stdout); sys.path.insert(0, {str(source)!r})"
        printed = self._predict(tmp_path / "model", before=listening)
        assert "a model's own module takes the place of another" in printed
        assert printed.endswith("[4, 7]")

    @pytest.mark.parametrize("name", ["no-module.py", "1st.py"])
    def test_must_have_names_that_can_be_imported(self, name: str, source: Path, tmp_path: Path) -> None:
        (source / name).touch()
        with pytest.raises(errors.ModelFormatError, match="no name of a module"):
            save_model(str(source / "model.py"), tmp_path / "model", code_paths=[source / name])

    def test_must_have_different_names(self, source: Path, tmp_path: Path) -> None:
        (source / "other").mkdir()
        (source / "other" / "offsets.py").touch()
        paths = [source / "offsets.py", source / "other" / "offsets.py"]
        with pytest.raises(errors.ModelFormatError, match=r"two paths have the name 'offsets\.py'"):
            save_model(str(source / "model.py"), tmp_path / "model", code_paths=paths)

    @pytest.mark.parametrize("value", ["../project", "/tmp", "MLmodel", 3])
    def test_stays_inside_of_the_folder(self, value: Any, source: Path, tmp_path: Path) -> None:
        self._save(source, tmp_path / "model")
        _rewrite(tmp_path / "model", lambda descriptor: descriptor["flavors"]["python_function"].update(code=value))
        with pytest.raises(errors.ModelFormatError, match=r"python_function\.code"):
            load_model(tmp_path / "model", trust=True)
