"""We load what real MLflow saves, and give the same predictions."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from milepost import errors
from milepost.models import load_model
from milepost.pyfunc import load_model as load_pyfunc

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow warns of itself when it is imported
    import mlflow
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import infer_signature

# MLflow warns about its own pickles and deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")

DATA = np.random.default_rng(0).normal(size=(60, 3))
FRAME = pd.DataFrame({"a": DATA[:, 0], "b": DATA[:, 1], "n": np.arange(60)})
CLASSES = (DATA[:, 0] > 0).astype(int)
# Without it MLflow loads each model in a new process to see what it imports, which takes half a minute.
GIVEN: dict[str, Any] = {"pip_requirements": ["mlflow-skinny"]}
TREE = ["sklearn.tree._tree.Tree"]


class Scaler(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # untyped
    """Multiplies by what a file of the model says."""

    def load_context(self, context: Any) -> None:
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return np.asarray(model_input) * self.factor + context.model_config["offset"]


def test_estimators_in_the_safe_format(tmp_path: Path) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(FRAME, CLASSES)
    mlflow.sklearn.save_model(model, tmp_path / "model", skops_trusted_types=TREE, input_example=FRAME.head(2), **GIVEN)
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(FRAME), model.predict(FRAME))
    loaded = load_pyfunc(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))
    assert not loaded.verified


@pytest.mark.parametrize("format_", ["pickle", "cloudpickle"])
def test_pickled_estimators_need_trust(format_: str, tmp_path: Path) -> None:
    model = LogisticRegression().fit(FRAME, CLASSES)
    mlflow.sklearn.save_model(model, tmp_path / "model", serialization_format=format_, **GIVEN)
    with pytest.raises(errors.UntrustedModel, match=r"model\.pkl"):
        load_pyfunc(tmp_path / "model")
    loaded = load_pyfunc(tmp_path / "model", trust=True)
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))


def test_the_method_that_answers(tmp_path: Path) -> None:
    model = LogisticRegression().fit(FRAME, CLASSES)
    mlflow.sklearn.save_model(model, tmp_path / "model", pyfunc_predict_fn="predict_proba", **GIVEN)
    np.testing.assert_array_equal(load_pyfunc(tmp_path / "model").predict(FRAME), model.predict_proba(FRAME))


def test_a_fraction_for_an_integer_is_refused(tmp_path: Path) -> None:
    model = LogisticRegression().fit(FRAME, CLASSES)
    mlflow.sklearn.save_model(model, tmp_path / "model", signature=infer_signature(FRAME, CLASSES), **GIVEN)
    loaded = load_pyfunc(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))
    with pytest.raises(errors.SchemaMismatch, match="'n'"):
        loaded.predict(FRAME.assign(n=1.5))


def test_a_pickled_python_model_with_artifacts_and_settings(tmp_path: Path) -> None:
    (tmp_path / "factor.txt").write_text("2.5")
    mlflow.pyfunc.save_model(
        tmp_path / "model",
        python_model=Scaler(),
        artifacts={"factor": str(tmp_path / "factor.txt")},
        model_config={"offset": 1},
        **GIVEN,
    )
    with pytest.raises(errors.UntrustedModel, match=r"python_model\.pkl"):
        load_pyfunc(tmp_path / "model")
    np.testing.assert_array_equal(load_pyfunc(tmp_path / "model", trust=True).predict(DATA), DATA * 2.5 + 1)


def test_a_pickled_function(tmp_path: Path) -> None:
    def shout(model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]

    mlflow.pyfunc.save_model(tmp_path / "model", python_model=shout, input_example=["quiet"], **GIVEN)
    assert load_pyfunc(tmp_path / "model", trust=True).predict(["one", "two"]) == ["ONE", "TWO"]


def test_a_script_that_sets_a_python_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "script.py").write_text(
        "import mlflow, theirs_offsets\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return model_input + theirs_offsets.OFFSET\n"
        "    def predict_stream(self, context, model_input, params=None):\n"
        "        yield from model_input\n"
        "mlflow.models.set_model(Model())\n"
    )
    (tmp_path / "theirs_offsets.py").write_text("OFFSET = 2\n")
    with monkeypatch.context() as saving:
        saving.syspath_prepend(tmp_path)  # MLflow runs the script to save it
        script, code = str(tmp_path / "script.py"), [str(tmp_path / "theirs_offsets.py")]
        mlflow.pyfunc.save_model(tmp_path / "model", python_model=script, code_paths=code, **GIVEN)
    del sys.modules["theirs_offsets"]
    with pytest.raises(errors.UntrustedModel):
        load_pyfunc(tmp_path / "model")
    loaded = load_pyfunc(tmp_path / "model", trust=True)
    np.testing.assert_array_equal(loaded.predict(DATA), DATA + 2)
    assert list(loaded.predict_stream([1, 2])) == [1, 2]


def test_a_model_that_only_mlflow_can_load(tmp_path: Path) -> None:
    (tmp_path / "theirs_loader.py").write_text(
        "class Loaded:\n    def predict(self, data): return data * 3\ndef _load_pyfunc(path): return Loaded()\n"
    )
    mlflow.pyfunc.save_model(
        tmp_path / "model",
        loader_module="theirs_loader",
        code_paths=[str(tmp_path / "theirs_loader.py")],
        **GIVEN,
    )
    with pytest.raises(errors.UntrustedModel):
        load_pyfunc(tmp_path / "model")
    np.testing.assert_array_equal(load_pyfunc(tmp_path / "model", trust=True).predict(DATA), DATA * 3)
