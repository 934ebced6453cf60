from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import ModelError, ModelFormatError, SchemaMismatch, UntrustedModel
from milepost.models import save_model
from milepost.models._locks import NotLocked, locked
from milepost.models.batch.isolated import predict_in_environment
from milepost.models.batch.predicting import Asking
from milepost.models.environments.isolation import build_environment
from milepost.models.signatures.schema import DataType, Param, Schema, Tensor
from milepost.models.signatures.signature import ModelSignature

# Another version than the one that runs the tests.
OTHER = "joblib==1.5.2"
SCRIPT = """
import os
import sys
import joblib
from milepost.models import set_model


def predict(data, mode="answer"):
    if mode == "fail":
        raise KeyError("x")
    if mode == "hang":
        import threading

        threading.Event().wait()
    if mode == "die":
        os.write(2, b"x" * 1_000_000 + b"\\nlast words\\n")
        os._exit(3)
    return [joblib.__version__, sys.prefix, len(data)]


set_model(predict)
"""
SIGNATURE = ModelSignature(
    inputs=Schema((Tensor("float64", (-1, 2)),)), params=(Param("mode", DataType.STRING, "answer"),)
)


@pytest.fixture(scope="module", autouse=True)
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where environments are kept, for all tests of this file."""
    folder = tmp_path_factory.mktemp("environments")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILEPOST_ENVIRONMENTS_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    script = folder / "model.py"
    script.write_text(SCRIPT)
    save_model(script, folder / "saved", signature=SIGNATURE, requirements=[OTHER, "milepost-client==0.0.1"])
    return folder / "saved"


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"inputs": [[0.5, 1.0], [1.5, 2.0]]}))
    return path


def plain_model(folder: Path, *requirements: str) -> Path:
    """A model of which only the requirements matter."""
    (folder / "model.py").write_text("from milepost.models import set_model\nset_model(len)\n")
    save_model(folder / "model.py", folder / "saved", requirements=requirements)
    return folder / "saved"


def test_a_model_answers_with_its_own_versions_in_an_environment_that_is_kept(
    model: Path, batch: Path, environments: Path
) -> None:
    def built(_: int) -> Any:
        return build_environment(model, trust=True)

    with ThreadPoolExecutor(2) as callers:
        first, second = callers.map(built, range(2))
    assert first == second
    made = first.python.lstat()
    output = batch.with_name("out.json")
    predict_in_environment(model, batch, output, trust=True)
    assert json.loads(output.read_text()) == {"predictions": ["1.5.2", str(first.folder), 2]}
    assert first.python.lstat() == made
    assert [path.name for path in environments.iterdir() if path.is_dir()] == [first.folder.name]


def test_errors_come_back_as_what_they_were(model: Path, batch: Path) -> None:
    output = batch.with_name("out.json")
    with pytest.raises(UntrustedModel):
        predict_in_environment(plain_model(batch.parent), batch, output)
    with pytest.raises(ModelError, match="KeyError"):
        predict_in_environment(model, batch, output, asking=Asking({"mode": "fail"}), trust=True)
    with pytest.raises(SchemaMismatch) as caught:
        predict_in_environment(model, batch, output, asking=Asking({"mood": 1}), trust=True)
    assert caught.value.field == "mood"
    assert sorted(path.name for path in batch.parent.iterdir()) == ["in.json", "model.py", "saved"]


def test_a_package_that_only_the_data_need_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(b"")
    with pytest.raises(ModelError, match="update-requirements FOLDER --add pandas"):
        predict_in_environment(model, tmp_path / "in.parquet", tmp_path / "out.json", trust=True)


def test_a_model_that_dies_or_hangs_is_an_error(model: Path, batch: Path) -> None:
    output = batch.with_name("out.json")
    with pytest.raises(ModelError, match="… last words"):
        predict_in_environment(model, batch, output, asking=Asking({"mode": "die"}), trust=True)
    with pytest.raises(ModelError, match="longer than 2 s"):
        predict_in_environment(model, batch, output, asking=Asking({"mode": "hang"}), trust=True, timeout_s=2)
    assert not output.exists()


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://pypi.invalid/simple",
        "--find-links https://files.invalid/",
        "own @ https://files.invalid/own-1.0-py3-none-any.whl",
        "git+https://git.invalid/own",
    ],
)
def test_requirements_from_elsewhere_need_trust(tmp_path: Path, environments: Path, line: str) -> None:
    before = list(environments.iterdir())
    with pytest.raises(UntrustedModel, match="elsewhere than your package index"):
        build_environment(plain_model(tmp_path, line))
    assert list(environments.iterdir()) == before


def test_constraints_and_locks_from_elsewhere_need_trust(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("own @ https://files.invalid/own-1.0-py3-none-any.whl\n")
    model = plain_model(tmp_path, f"-c {tmp_path / 'limits.txt'}", "numpy")
    with pytest.raises(UntrustedModel, match=r"own-1\.0"):
        build_environment(model)
    (model / "requirements.txt").write_text("numpy\n")
    (model / "requirements.lock").write_text("https://files.invalid/own-1.0-py3-none-any.whl\n")
    with pytest.raises(UntrustedModel, match=r"requirements\.lock"):
        build_environment(model)
    (model / "requirements.lock").write_text("-r ../../secret.txt\n")
    with pytest.raises(ModelFormatError, match="leads out"):
        build_environment(model)


def test_code_that_builds_a_distribution_does_not_run_for_models_without_trust(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="built only for models that you trust"):
        build_environment(plain_model(tmp_path, "docopt==0.6.2"))


def test_what_cannot_be_installed_leaves_nothing_and_what_was_not_used_for_long_goes(
    tmp_path: Path, environments: Path
) -> None:
    for name, age_s in (("old", 31 * 24 * 3600), ("used", 0)):
        (environments / name).mkdir()
        (environments / name / "milepost-ready.json").touch()
        then = time.time() - age_s
        os.utime(environments / name / "milepost-ready.json", (then, then))
    before = {path for path in environments.iterdir() if path.is_dir()}
    with pytest.raises(ModelError, match="cannot be installed"):
        build_environment(plain_model(tmp_path, "numpy==0.0.1"), trust=True)
    assert {path for path in environments.iterdir() if path.is_dir()} == before - {environments / "old"}


@pytest.mark.parametrize("manager", ["uv", "virtualenv"])
def test_a_python_that_is_not_here_is_named(tmp_path: Path, manager: Any) -> None:
    model = plain_model(tmp_path)
    (model / "python_env.yaml").write_text("python: 3.99.1\n")
    with pytest.raises(ModelError, match=r"Python 3\.99"):
        build_environment(model, manager=manager)


def test_a_lock_is_given_to_one_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", timeout_s=0), pytest.raises(NotLocked), locked(tmp_path / "lock", timeout_s=0.1):
        pass
    with locked(tmp_path / "lock", timeout_s=0):
        pass
