from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from milepost import errors
from milepost.models import load_model, save_model, set_model
from milepost.models.signatures.inference import infer_signature
from milepost.pyfunc import Context, PyFuncModel, PythonModel
from milepost.pyfunc import load_model as load_pyfunc

DATA = np.random.default_rng(0).normal(size=(40, 3))
CLASSES = (DATA[:, 0] > 0).astype(np.int64)
SCRIPT = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
from milepost.models import set_model
from milepost.pyfunc import PythonModel

@dataclass
class Scaler:
    factor: float

class Model(PythonModel):
    def load_context(self, context):
        self.scaler = Scaler(float(Path(context.artifacts["factor"]).read_text()))

    def predict(self, model_input, params=None):
        return [value * self.scaler.factor for value in model_input]

set_model(Model())
"""


class Echo(PythonModel):
    """Answers with what it was given."""

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        return model_input, params

    def predict_stream(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        yield from model_input


class WithContext:
    """Derives from nothing, and is given the context in each call."""

    def predict(self, context: Context, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        return sorted(context.artifacts), dict(context.model_config), model_input

    def predict_stream(self, context: Context, model_input: Any) -> Any:
        return [context.model_config["size"], *model_input]


def _saved(model: Any, path: Path, **options: Any) -> PyFuncModel:
    save_model(model, path, format="cloudpickle", **options)
    return load_pyfunc(path, trust=True)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> PyFuncModel:
    path = tmp_path_factory.mktemp("classifier") / "model"
    save_model(LogisticRegression().fit(DATA, CLASSES), path, input_example=DATA[:2], predict_fn="predict_proba")
    return load_pyfunc(path)


def test_a_model_says_what_it_is(classifier: PyFuncModel) -> None:
    assert isinstance(classifier.unwrap(), LogisticRegression)
    assert classifier.metadata.signature == infer_signature(DATA[:2], np.zeros((2, 2)))
    assert (classifier.flavor, classifier.verified) == ("sklearn", True)
    assert repr(classifier).endswith("model', flavor='sklearn')")


@pytest.mark.parametrize("data", [DATA[:, :2], DATA[0], DATA.astype(str), [["a", "b", "c"]], None], ids=repr)
def test_data_that_do_not_have_the_signature_are_refused(data: Any, classifier: PyFuncModel) -> None:
    with pytest.raises(errors.SchemaMismatch):
        classifier.predict(data)


def test_a_fraction_for_an_integer_column_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"rooms": np.arange(40), "area": DATA[:, 0]})
    model = LogisticRegression().fit(frame, CLASSES)
    save_model(model, tmp_path / "model", input_example=frame.head(2))
    loaded = load_pyfunc(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    with pytest.raises(errors.SchemaMismatch, match="rooms"):
        loaded.predict(pd.DataFrame({"rooms": [1.5], "area": [0.5]}))


def test_a_model_answers_several_threads(classifier: PyFuncModel) -> None:
    expected = classifier.predict(DATA)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: classifier.predict(DATA), range(40)))
    assert all(np.array_equal(answer, expected) for answer in answers)


def test_arrays_import_no_pandas(classifier: PyFuncModel, tmp_path: Path) -> None:
    class Doubler(PythonModel):
        def predict(self, model_input: Any, params: Any = None) -> Any:
            return model_input * 2

    save_model(Doubler(), tmp_path / "model", format="cloudpickle", input_example=DATA[:2])
    script = (
        "import sys, numpy; from milepost.pyfunc import load_model\n"
        f"model = load_model({str(tmp_path / 'model')!r}, trust=True)\n"
        "print(model.predict(numpy.ones((2, 3))).sum())\n"
        "print(sorted({'pandas', 'narwhals', 'sklearn', 'grpc'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["12.0", "[]"]


def test_importing_pyfunc_imports_neither_numpy_nor_yaml() -> None:
    script = "import sys, milepost.pyfunc; print(sorted({'numpy', 'yaml', 'pandas', 'grpc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("package", "extra"), [("yaml", "models"), ("cloudpickle", "pickle")])
@pytest.mark.parametrize("verb", ["load", "save"])
def test_a_missing_package_is_named_with_its_extra(verb: str, package: str, extra: str, tmp_path: Path) -> None:
    save_model(Echo(), tmp_path / "model", format="cloudpickle")
    call = {
        "load": f"pyfunc.load_model({str(tmp_path / 'model')!r}, trust=True)",
        "save": f"models.save_model(lambda data: data, {str(tmp_path / 'new')!r}, format='cloudpickle')",
    }[verb]
    script = (
        f"import sys; sys.modules[{package!r}] = None\nfrom milepost import errors, models, pyfunc\n"
        f"try: {call}\nexcept errors.MissingPackage as missing: print(missing)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"The package {package!r} is not installed: pip install 'milepost-client[{extra}]'\n"
    assert not (tmp_path / "new").exists()


class TestPythonFunction:
    """Models written in Python."""

    def test_an_object_needs_cloudpickle_or_a_script(self, tmp_path: Path) -> None:
        for model in (Echo(), lambda data: data):
            with pytest.raises(
                errors.ModelFormatError, match=r"model\.py.*set_model.*format='cloudpickle'.*trust=True"
            ):
                save_model(model, tmp_path / "model")
        assert not list(tmp_path.iterdir())

    def test_a_pickled_object_needs_trust(self, tmp_path: Path) -> None:
        save_model(Echo(), tmp_path / "model", format="cloudpickle")
        for load in (load_model, load_pyfunc):
            with pytest.raises(errors.UntrustedModel, match=r"'python_model.pkl' is a pickle"):
                load(tmp_path / "model")

    def test_params_are_handed_over(self, tmp_path: Path) -> None:
        loaded = _saved(Echo(), tmp_path / "model")
        assert loaded.predict([1], {"k": 2}) == ([1], {"k": 2})
        assert loaded.predict([1]) == ([1], {})
        assert isinstance(loaded.unwrap(), Echo)
        assert isinstance(load_model(tmp_path / "model", trust=True), Echo)

    def test_params_may_be_arguments_of_the_function(self, tmp_path: Path) -> None:
        loaded = _saved(lambda data, factor=1: [value * factor for value in data], tmp_path / "model")
        assert loaded.predict([1, 2], {"factor": 3}) == [3, 6]
        assert loaded.predict([1, 2]) == [1, 2]
        with pytest.raises(errors.SchemaMismatch, match=r"no param 'power'. It takes: factor"):
            loaded.predict([1], {"power": 2})

    def test_a_model_is_given_its_artifacts_and_settings(self, tmp_path: Path) -> None:
        (tmp_path / "words.txt").write_text("red green")
        (tmp_path / "index").mkdir()
        (tmp_path / "index" / "words.txt").write_text("blue")
        artifacts = {"words": tmp_path / "words.txt", "index": tmp_path / "index"}
        loaded = _saved(WithContext(), tmp_path / "model", artifacts=artifacts, model_config={"size": 3})
        assert loaded.predict([1]) == (["index", "words"], {"size": 3}, [1])
        config = loaded.metadata.flavors["python_function"]["artifacts"]
        assert {name: entry["path"] for name, entry in config.items()} == {
            "words": "artifacts/words/words.txt",
            "index": "artifacts/index/index",
        }

    @pytest.mark.parametrize("name", ["../up", "a/b", "", "..", "a\\b"])
    def test_an_artifact_has_a_name(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "words.txt").touch()
        with pytest.raises(errors.ModelFormatError, match=r"artifacts: .* is no name"):
            save_model(Echo(), tmp_path / "model", format="cloudpickle", artifacts={name: tmp_path / "words.txt"})

    def test_an_artifact_must_exist(self, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelFormatError, match=r"'words' is .*, which does not exist"):
            save_model(Echo(), tmp_path / "model", format="cloudpickle", artifacts={"words": tmp_path / "words.txt"})

    @pytest.mark.parametrize("path", ["../words.txt", "/etc/passwd", None, {"path": "MLmodel"}])
    def test_artifacts_stay_inside_of_the_folder(self, path: Any, tmp_path: Path) -> None:
        save_model(Echo(), tmp_path / "model", format="cloudpickle")
        (tmp_path / "words.txt").touch()
        descriptor = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())
        descriptor["flavors"]["python_function"]["artifacts"] = {"words": {"path": path}}
        (tmp_path / "model" / "MLmodel").write_text(yaml.safe_dump(descriptor))
        with pytest.raises(errors.ModelFormatError, match=r"artifacts\.words\.path"):
            load_model(tmp_path / "model", trust=True, verify=False)

    def test_answers_can_be_streamed(self, tmp_path: Path) -> None:
        assert list(_saved(Echo(), tmp_path / "echo").predict_stream([1, 2])) == [1, 2]
        loaded = _saved(WithContext(), tmp_path / "context", model_config={"size": 3})
        assert list(loaded.predict_stream([1])) == [3, 1]

    def test_what_cannot_be_streamed_says_so(self, tmp_path: Path, classifier: PyFuncModel) -> None:
        for model in (_saved(lambda data: data, tmp_path / "model"), classifier):
            with pytest.raises(errors.ModelError, match="predict_stream"):
                model.predict_stream(DATA)

    def test_a_class_in_place_of_an_object_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelError, match=r"Did you mean Echo\(\)\?"):
            save_model(Echo, tmp_path / "model", format="cloudpickle", input_example=[1])


class TestScript:
    """Models made by a script of the model's."""

    @pytest.fixture
    def script(self, tmp_path: Path) -> Path:
        (tmp_path / "factor.txt").write_text("2.5")
        (tmp_path / "model.py").write_text(SCRIPT)
        return tmp_path / "model.py"

    def test_answers_with_what_it_set(self, script: Path, tmp_path: Path) -> None:
        save_model(script, tmp_path / "model", artifacts={"factor": tmp_path / "factor.txt"}, input_example=[1.0])
        script.unlink()
        loaded = load_pyfunc(tmp_path / "model", trust=True)
        assert loaded.predict([1.0, 2.0]) == [2.5, 5.0]
        assert sorted(path.name for path in (tmp_path / "model").iterdir() if path.is_dir()) == ["artifacts"]

    def test_needs_trust(self, script: Path, tmp_path: Path) -> None:
        (tmp_path / "model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n" + SCRIPT)
        save_model(str(script), tmp_path / "model")
        with pytest.raises(errors.UntrustedModel, match=r"'model.py' is a Python script"):
            load_model(tmp_path / "model")
        assert not (tmp_path / "ran").exists()

    def test_may_set_a_function(self, tmp_path: Path) -> None:
        (tmp_path / "double.py").write_text(
            "import milepost.models as m\nm.set_model(lambda data: [2 * x for x in data])"
        )
        save_model(tmp_path / "double.py", tmp_path / "model")
        assert load_pyfunc(tmp_path / "model", trust=True).predict([1, 2]) == [2, 4]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("x = 1", "sets no model: call milepost.models.set_model"),
            ("import milepost.models as m; m.set_model(3)", "3 is no model"),
            ("x = ", "failed: SyntaxError"),
            ("raise ValueError('no luck')", "failed: ValueError: no luck"),
            ("import a_module_of_nobody", "failed: ModuleNotFoundError: No module named 'a_module_of_nobody'"),
        ],
    )
    def test_that_gives_no_model_is_refused(self, source: str, message: str, tmp_path: Path) -> None:
        (tmp_path / "model.py").write_text(source)
        save_model(tmp_path / "model.py", tmp_path / "model")
        with pytest.raises(errors.ModelFormatError, match=message):
            load_model(tmp_path / "model", trust=True)

    def test_must_exist_and_is_not_pickled(self, script: Path, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelFormatError, match=r"There is no script '.*missing\.py'"):
            save_model(tmp_path / "missing.py", tmp_path / "model")
        with pytest.raises(errors.ModelFormatError, match=r"model\.py is a script"):
            save_model(script, tmp_path / "model", format="cloudpickle")

    def test_can_be_run_by_itself(self) -> None:
        set_model(Echo())
