"""Real MLflow loads what we save, and gives the same predictions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from milepost.models import load_model, save_model
from milepost.models.format.descriptor import ModelDescriptor
from milepost.pyfunc import PythonModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow warns of itself when it is imported
    import mlflow
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import Model

# MLflow warns about its own pickles and deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")

DATA = np.random.default_rng(0).normal(size=(60, 4))
FRAME = pd.DataFrame(DATA, columns=["a", "b", "c", "d"])
CLASSES = (DATA[:, 0] > 0).astype(int)

ESTIMATORS: Mapping[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=3),
    "neighbours": lambda: KNeighborsClassifier(),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}


class Scaler(PythonModel):
    """Multiplies by what a file of the model says."""

    def load_context(self, context: Any) -> None:
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, model_input: Any, params: Any = None) -> Any:
        return np.asarray(model_input) * self.factor


@pytest.fixture
def factor(tmp_path: Path) -> Path:
    (tmp_path / "factor.txt").write_text("2.5")
    return tmp_path / "factor.txt"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_in_the_default_format(name: str, tmp_path: Path) -> None:
    model = ESTIMATORS[name]().fit(FRAME, CLASSES)
    save_model(model, tmp_path / "model", input_example=FRAME.head(2))
    for loaded in (
        mlflow.sklearn.load_model(str(tmp_path / "model")),
        mlflow.pyfunc.load_model(str(tmp_path / "model")),
    ):
        np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))


@pytest.mark.parametrize("format_", ["skops", "pickle", "cloudpickle"])
def test_estimators_in_every_format(format_: str, tmp_path: Path) -> None:
    model = LogisticRegression().fit(FRAME, CLASSES)
    save_model(model, tmp_path / "model", format=format_)
    for loaded in (
        mlflow.sklearn.load_model(str(tmp_path / "model")),
        mlflow.pyfunc.load_model(str(tmp_path / "model")),
    ):
        np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))


@pytest.mark.parametrize("method", ["predict_proba", "transform"])
def test_the_method_that_answers(method: str, tmp_path: Path) -> None:
    model = StandardScaler().fit(DATA) if method == "transform" else LogisticRegression().fit(DATA, CLASSES)
    save_model(model, tmp_path / "model", predict_fn=method)
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(DATA), getattr(model, method)(DATA))


def test_the_descriptor(tmp_path: Path) -> None:
    ours = save_model(
        LogisticRegression().fit(FRAME, CLASSES),
        tmp_path / "model",
        input_example=FRAME.head(2),
        metadata={"team": "vision"},
        name="digits",
        run_id="0af7651916cd43dd8448eb211c80319c",
    )
    theirs = Model.load(str(tmp_path / "model"))
    assert theirs.signature.inputs.input_names() == ["a", "b", "c", "d"]
    assert {column.type.name for column in theirs.signature.inputs} == {"double"}
    assert (theirs.metadata, theirs.artifact_path, theirs.run_id) == (ours.metadata, "digits", ours.run_id)
    assert theirs.model_size_bytes == ours.size_bytes
    pd.testing.assert_frame_equal(theirs.load_input_example(str(tmp_path / "model")), FRAME.head(2))


def test_the_descriptor_keeps_its_meaning_when_mlflow_writes_it_again(tmp_path: Path) -> None:
    ours = save_model(LogisticRegression().fit(FRAME, CLASSES), tmp_path / "model", input_example=FRAME.head(2))
    theirs = Model.load(str(tmp_path / "model"))
    theirs.save(str(tmp_path / "model" / "MLmodel"))
    again = ModelDescriptor.read(tmp_path / "model")
    assert (again.signature, again.flavors, again.create_time) == (ours.signature, ours.flavors, ours.create_time)


def test_the_environment(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(FRAME, CLASSES), tmp_path / "model")
    requirements = Path(mlflow.pyfunc.get_model_dependencies(str(tmp_path / "model"))).read_text()
    assert requirements.startswith("scikit-learn==")
    conda = mlflow.pyfunc.get_model_dependencies(str(tmp_path / "model"), format="conda")
    assert "scikit-learn==" in Path(conda).read_text()


def test_a_pickled_python_model(factor: Path, tmp_path: Path) -> None:
    save_model(Scaler(), tmp_path / "model", format="cloudpickle", artifacts={"factor": factor})
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(FRAME), DATA * 2.5)


def test_a_pickled_function(tmp_path: Path) -> None:
    save_model(lambda data: np.asarray(data) + 1, tmp_path / "model", format="cloudpickle")
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(FRAME), DATA + 1)


def test_a_script(tmp_path: Path) -> None:
    script = "import numpy as np\nfrom milepost.models import set_model\nset_model(lambda data: np.asarray(data) + 1)\n"
    (tmp_path / "model.py").write_text(script)
    save_model(tmp_path / "model.py", tmp_path / "model")
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(FRAME), DATA + 1)


def test_code_that_comes_with_the_model(tmp_path: Path) -> None:
    (tmp_path / "ours_offsets.py").write_text("OFFSET = 1\n")
    script = (
        "from ours_offsets import OFFSET\nfrom milepost.models import set_model\nset_model(lambda data: data + OFFSET)"
    )
    (tmp_path / "model.py").write_text(script)
    save_model(tmp_path / "model.py", tmp_path / "model", code_paths=[tmp_path / "ours_offsets.py"])
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(DATA), DATA + 1)
    assert load_model(tmp_path / "model", trust=True)(1) == 2
