from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from milepost import errors
from milepost.models import load_model, save_model
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.signatures.inference import infer_signature
from milepost.pyfunc import load_model as load_pyfunc

DATA = np.random.default_rng(0).normal(size=(40, 3))
CLASSES = (DATA[:, 0] > 0).astype(np.int64)


@pytest.fixture(scope="module")
def model() -> Any:
    return LogisticRegression().fit(DATA, CLASSES)


class Failing:
    """A model that cannot answer."""

    def predict(self, model_input: Any) -> Any:
        raise ZeroDivisionError("no answer")


def test_a_model_is_a_folder_of_documented_files(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "deep" / "model", input_example=DATA[:2], model_card="# Digits\n")
    files = {path.name for path in (tmp_path / "deep" / "model").iterdir()}
    described = {"MLmodel", "SHA256SUMS", "model.skops", "requirements.txt", "python_env.yaml", "conda.yaml"}
    assert described | {"model_card.md", "input_example.json", "serving_input_example.json"} == files
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "model"]


def test_coreutils_find_every_file_as_it_was_saved(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model")
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "model", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": OK") == 5


def test_what_was_said_about_the_model_is_in_its_descriptor(model: Any, tmp_path: Path) -> None:
    written = save_model(
        model, tmp_path / "model", metadata={"team": "vision"}, name="digits", run_id="r1", model_id="m-1"
    )
    read = ModelDescriptor.read(tmp_path / "model")
    assert read == written
    assert (read.metadata, read.artifact_path, read.run_id, read.model_id) == (
        {"team": "vision"},
        "digits",
        "r1",
        "m-1",
    )
    assert read.create_time is not None
    assert read.size_bytes is not None
    assert read.size_bytes > (tmp_path / "model" / "model.skops").stat().st_size


def test_the_signature_follows_from_the_example_and_its_answer(model: Any, tmp_path: Path) -> None:
    descriptor = save_model(model, tmp_path / "model", input_example=DATA[:2])
    assert descriptor.signature == infer_signature(DATA[:2], CLASSES[:2])


def test_an_example_may_come_with_params(tmp_path: Path) -> None:
    save_model(
        lambda data, params: data * params["factor"],
        tmp_path / "model",
        format="cloudpickle",
        input_example=(np.array([1.0, 2.0]), {"factor": 3.0}),
    )
    loaded = load_pyfunc(tmp_path / "model", trust=True)
    np.testing.assert_array_equal(loaded.predict(np.array([1.0])), [3.0])
    np.testing.assert_array_equal(loaded.predict(np.array([1.0]), {"factor": 0.5}), [0.5])


def test_an_example_that_the_model_cannot_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelError, match="does not answer its input example: ZeroDivisionError: no answer"):
        save_model(Failing(), tmp_path / "model", format="cloudpickle", input_example=[1.0])
    assert not list(tmp_path.iterdir())


def test_an_example_that_does_not_have_the_signature_is_refused(model: Any, tmp_path: Path) -> None:
    signature = infer_signature(DATA[:, :2])
    with pytest.raises(errors.SchemaMismatch):
        save_model(model, tmp_path / "model", signature=signature, input_example=DATA[:2])
    assert not list(tmp_path.iterdir())


def test_the_signature_of_a_function_follows_from_its_hints(tmp_path: Path) -> None:
    def predict(model_input: list[str]) -> list[int]:
        return [len(text) for text in model_input]

    descriptor = save_model(predict, tmp_path / "model", format="cloudpickle")
    assert descriptor.signature is not None
    assert descriptor.signature.inputs is not None
    loaded = load_pyfunc(tmp_path / "model", trust=True)
    assert loaded.predict(["one", "three"]) == [3, 5]
    with pytest.raises(errors.SchemaMismatch):
        loaded.predict([1])


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_nothing_that_exists_is_overwritten(kind: str, model: Any, tmp_path: Path) -> None:
    path = tmp_path / "model"
    make: dict[str, Callable[[], None]] = {
        "folder": path.mkdir,
        "file": path.touch,
        "link": lambda: path.symlink_to("nowhere"),
    }
    make[kind]()
    with pytest.raises(errors.ModelFormatError, match=r"exists. Models are not overwritten"):
        save_model(model, path)


def test_a_failed_save_leaves_nothing(model: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match="code_paths"):
        save_model(model, tmp_path / "model", code_paths=[tmp_path / "missing.py"])
    assert not list(tmp_path.iterdir())


def test_an_interrupted_save_leaves_nothing(tmp_path: Path) -> None:
    class Interrupted(Failing):
        def predict(self, model_input: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_model(Interrupted(), tmp_path / "model", format="cloudpickle", input_example=[1.0])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(model: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.ModelError, match="file"):
        save_model(model, tmp_path / "file" / "model")


def test_requirements_are_pinned_and_can_be_chosen(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "own", extra_requirements=["humanize>=4"])
    lines = (tmp_path / "own" / "requirements.txt").read_text().splitlines()
    assert [line.partition("==")[0] for line in lines] == ["scikit-learn", "skops", "humanize>=4"]
    save_model(model, tmp_path / "chosen", requirements=["scikit-learn"])
    assert (tmp_path / "chosen" / "requirements.txt").read_text() == "scikit-learn\n"


def test_the_flavor_can_be_chosen(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model", flavor="python_function", format="cloudpickle")
    assert load_pyfunc(tmp_path / "model", trust=True).flavor == "python_function"
    with pytest.raises(errors.ModelFormatError, match="sklearn does not save a function"):
        save_model(lambda data: data, tmp_path / "other", flavor="sklearn")
    with pytest.raises(errors.UnknownFlavor, match="'mystery'"):
        save_model(model, tmp_path / "other", flavor="mystery")


def test_mlflow_finds_the_keys_that_it_reads(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model")
    flavors = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())["flavors"]
    function = flavors["python_function"]
    assert function["loader_module"] == "mlflow.sklearn"
    assert function["env"] == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    assert function["predict_fn"] == "predict"
    assert (tmp_path / "model" / function["model_path"]).exists()
    assert flavors["sklearn"]["serialization_format"] == "skops"


def test_saving_leaves_the_model_as_it_was(model: Any, tmp_path: Path) -> None:
    before = model.coef_.copy()
    save_model(model, tmp_path / "model", input_example=DATA[:2])
    np.testing.assert_array_equal(load_model(tmp_path / "model").coef_, before)
