from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
import yaml

from milepost.errors import ModelCorrupt, ModelError, ModelFormatError
from milepost.models import load_model, save_model
from milepost.models.environments import environment
from milepost.models.environments.environment import Environment, read_environment, write_environment
from milepost.models.environments.updating import update_requirements
from milepost.models.format.manifest import verify_manifest

LINES = ["numpy==2.1.0", "scipy>=1.10"]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text("from milepost.models import set_model\nset_model(lambda data: data)\n")
    return path


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_files_are_those_that_mlflow_reads(tmp_path: Path) -> None:
    made = write_environment(tmp_path, LINES)
    python = platform.python_version()
    assert made == read_environment(tmp_path) == Environment(python, tuple(LINES))
    assert (tmp_path / "requirements.txt").read_text() == "numpy==2.1.0\nscipy>=1.10\n"
    found = load(tmp_path / "python_env.yaml")
    assert found["python"] == python
    assert [line.partition("==")[0] for line in found["build_dependencies"]] == ["pip", "setuptools", "wheel"]
    assert found["dependencies"] == ["-r requirements.txt"]
    conda = load(tmp_path / "conda.yaml")
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"][0] == f"python={python}"
    assert conda["dependencies"][1].startswith("pip")
    assert conda["dependencies"][2] == {"pip": LINES}


def test_constraints_are_copied_into_the_model(tmp_path: Path) -> None:
    given = tmp_path / "limits.txt"
    given.write_text("numpy<3  # for now\n")
    folder = tmp_path / "model"
    folder.mkdir()
    write_environment(folder, [f"-c {given}", "scipy"])
    assert (folder / "requirements.txt").read_text() == "-c constraints.txt\nscipy\n"
    assert (folder / "constraints.txt").read_text() == "numpy<3\n"
    write_environment(folder, ["scipy"])
    assert not (folder / "constraints.txt").exists()


def test_older_models_of_mlflow_have_conda_alone(tmp_path: Path) -> None:
    document = {"dependencies": ["python=3.8.13", "pip<=21.2.4", {"pip": ["mlflow==1.30.0", "numpy"]}]}
    (tmp_path / "conda.yaml").write_text(yaml.safe_dump(document))
    assert read_environment(tmp_path) == Environment("3.8.13", ("mlflow==1.30.0", "numpy"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("python_env.yaml", "python: 3.1\n", "python is 3.1, not the text"),
        ("python_env.yaml", "python: '../x'\n", "not the text of a version"),
        ("python_env.yaml", "[]\n", "not a mapping"),
        ("python_env.yaml", "a: *b\n", "not YAML"),
        ("conda.yaml", "dependencies: 1\n", "dependencies is 1, not a list"),
        ("requirements.txt", "x y\n", "no requirement such as"),
        ("requirements.txt", "#" * 2_000_000, "too many"),
        ("requirements.txt", "\x00\n", "no requirement such as"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / name).write_text(text)
    if name == "conda.yaml":
        (tmp_path / "requirements.txt").unlink()
    with pytest.raises(ModelFormatError, match=says) as caught:
        read_environment(tmp_path)
    assert name in str(caught.value)


def test_files_that_lead_out_of_the_folder_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("requirements.txt", "python_env.yaml", "conda.yaml"):
        write_environment(folder, LINES)
        (tmp_path / name).write_text("secret")
        (folder / name).unlink()
        (folder / name).symlink_to(tmp_path / name)
        with pytest.raises(ModelFormatError, match="leads out"):
            read_environment(folder)
        (folder / name).unlink()


def test_a_model_without_environment_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="update-requirements"):
        read_environment(tmp_path)


def test_a_lock_needs_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_uv", lambda: None)
    with pytest.raises(ModelError, match="pip install uv"):
        write_environment(tmp_path, LINES, lock=True)


def test_a_lock_names_what_the_requirements_need_in_turn(tmp_path: Path) -> None:
    made = write_environment(tmp_path, ["scikit-learn==1.7.2"], lock=True)
    assert made.locked
    lock = (tmp_path / "requirements.lock").read_text()
    assert "scikit-learn==1.7.2\n" in lock
    assert "\nscipy==" in lock
    assert not write_environment(tmp_path, ["scikit-learn==1.7.2"]).locked


def test_updating_rewrites_all_files_that_tell_of_the_environment(script: Path, tmp_path: Path) -> None:
    model = tmp_path / "saved"
    save_model(script, model, requirements=LINES)
    content = (model / "model.py").stat().st_ino
    made = update_requirements(model, add=["scipy==1.16.2", "joblib"], remove=["numpy"])
    assert made.requirements == ("scipy==1.16.2", "joblib")
    assert made == read_environment(model)
    assert load(model / "conda.yaml")["dependencies"][2] == {"pip": ["scipy==1.16.2", "joblib"]}
    assert verify_manifest(model) is not None
    assert load_model(model, trust=True)([1]) == [1]
    assert (model / "model.py").stat().st_ino == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.py", "saved"]


def test_a_refused_update_leaves_the_model_as_it_was(script: Path, tmp_path: Path) -> None:
    model = tmp_path / "saved"
    save_model(script, model, requirements=LINES)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    for add, remove in ((["x y"], []), ([], ["absent"]), (["joblib==1", "joblib==2"], [])):
        with pytest.raises(ModelFormatError):
            update_requirements(model, add=add, remove=remove)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.py", "saved"]


def test_updating_does_not_bless_a_changed_file(script: Path, tmp_path: Path) -> None:
    model = tmp_path / "saved"
    save_model(script, model, requirements=LINES)
    (model / "model.py").write_text("import os")
    with pytest.raises(ModelCorrupt):
        update_requirements(model, add=["joblib"])
