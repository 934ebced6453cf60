from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from flavors.contract import FlavorContract
from milepost import errors
from milepost.models import load_model, save_model
from milepost.models.flavors import _skops
from milepost.pyfunc import load_model as load_pyfunc

DATA = np.random.default_rng(0).normal(size=(80, 4))
CLASSES = (DATA[:, 0] + DATA[:, 1] > 0).astype(int)

ESTIMATORS: Mapping[str, Callable[[], Any]] = {
    "calibrated": lambda: CalibratedClassifierCV(LogisticRegression(), cv=2),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "gaussian process": lambda: GaussianProcessRegressor(RBF() + WhiteKernel(1.0)),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=5, categorical_features=[3]),
    "isolation forest": lambda: IsolationForest(n_estimators=5, max_features=2, random_state=0),
    "linear": lambda: LogisticRegression(),
    "network": lambda: MLPClassifier((4,), max_iter=500, tol=0.1, random_state=0),
    "neighbours": lambda: KNeighborsClassifier(),
    "neighbours in balls": lambda: KNeighborsClassifier(algorithm="ball_tree"),
    "search": lambda: GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, scoring="f1", cv=2),
    "selection": lambda: make_pipeline(FunctionTransformer(np.arctan), SelectKBest(k=2), LogisticRegression()),
    "stack": lambda: StackingClassifier([("tree", DecisionTreeClassifier()), ("line", LogisticRegression())], cv=2),
    "support vectors": lambda: SVC(),
    "tweedie": lambda: TweedieRegressor(power=0),
}


class TestContract(FlavorContract):
    flavor = "sklearn"
    packages = ("sklearn", "skops", "skops.io")
    safe_formats = ("skops",)
    trusted_formats = ("pickle", "cloudpickle")

    def make_model(self) -> Any:
        return make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(DATA, CLASSES)

    def make_data(self) -> Any:
        return DATA

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict_proba(data)

    options: ClassVar[Mapping[str, Any]] = {"predict_fn": "predict_proba"}


class Doubler(BaseEstimator, TransformerMixin):  # type: ignore[misc]  # untyped
    """A transformer of one's own."""

    def fit(self, X: Any, y: Any = None) -> Doubler:  # noqa: N803
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return X * 2


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_of_the_library_need_no_trust(name: str, tmp_path: Path) -> None:
    data = np.abs(DATA).round() if name == "histogram boosting" else DATA
    model = ESTIMATORS[name]().fit(data, CLASSES)
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_pyfunc(tmp_path / "model").predict(data), model.predict(data))


def test_pipelines_over_columns_and_texts_need_no_trust(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": DATA[:, 0], "colour": ["red", "blue"] * 40, "text": ["good wine", "bad beer"] * 40})
    columns = ColumnTransformer(
        [("x", StandardScaler(), ["x"]), ("colour", OneHotEncoder(), ["colour"]), ("text", TfidfVectorizer(), "text")]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, CLASSES)
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_pyfunc(tmp_path / "model").predict(frame), model.predict(frame))


def test_support_vectors_of_sparse_data_need_no_trust(tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(DATA)
    model = SVC().fit(sparse, CLASSES)
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(sparse), model.predict(sparse))


def test_types_of_ones_own_are_stored_when_listed_and_loaded_with_trust(tmp_path: Path) -> None:
    model = make_pipeline(Doubler(), LogisticRegression()).fit(DATA, CLASSES)
    name = f"{Doubler.__module__}.Doubler"
    with pytest.raises(errors.ModelFormatError, match=r"Doubler.*skops_trusted_types=.*format='cloudpickle'"):
        save_model(model, tmp_path / "model")
    save_model(model, tmp_path / "model", skops_trusted_types=[name])
    with pytest.raises(errors.UntrustedModel, match=r"Doubler.*trust=True"):
        load_model(tmp_path / "model")
    loaded = load_model(tmp_path / "model", trust=True)
    np.testing.assert_array_equal(loaded.predict(DATA), model.predict(DATA))


def test_a_list_of_trusted_types_in_the_descriptor_is_no_trust(tmp_path: Path) -> None:
    model = make_pipeline(Doubler(), LogisticRegression()).fit(DATA, CLASSES)
    save_model(model, tmp_path / "model", skops_trusted_types=[f"{Doubler.__module__}.Doubler"])
    config = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())["flavors"]["sklearn"]
    assert config["skops_trusted_types"] == [f"{Doubler.__module__}.Doubler"]
    with pytest.raises(errors.UntrustedModel):
        load_model(tmp_path / "model")


def test_a_transformer_answers_by_its_transform(tmp_path: Path) -> None:
    scaler = StandardScaler().fit(DATA)
    with pytest.raises(errors.ModelFormatError, match=r"no method predict.*transform"):
        save_model(scaler, tmp_path / "model")
    save_model(scaler, tmp_path / "model", predict_fn="transform")
    np.testing.assert_array_equal(load_pyfunc(tmp_path / "model").predict(DATA), scaler.transform(DATA))


@pytest.mark.parametrize("method", ["fit", "__reduce__", "set_params", 3, ["predict"]])
def test_only_methods_that_answer_can_be_named(method: Any, tmp_path: Path) -> None:
    model = LogisticRegression().fit(DATA, CLASSES)
    with pytest.raises(errors.ModelFormatError, match="predict_fn is"):
        save_model(model, tmp_path / "model", predict_fn=method)
    save_model(model, tmp_path / "model")
    descriptor = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())
    descriptor["flavors"]["sklearn"]["predict_fn"] = method
    (tmp_path / "model" / "MLmodel").write_text(yaml.safe_dump(descriptor))
    with pytest.raises(errors.ModelFormatError, match="predict_fn is"):
        load_pyfunc(tmp_path / "model", verify=False)


def test_params_are_arguments_of_the_method(tmp_path: Path) -> None:
    model = GaussianProcessRegressor().fit(DATA, CLASSES)
    save_model(model, tmp_path / "model")
    loaded = load_pyfunc(tmp_path / "model")
    _, spread = loaded.predict(DATA, {"return_std": True})
    assert spread.shape == (80,)
    with pytest.raises(errors.SchemaMismatch, match="return_nothing"):
        loaded.predict(DATA, {"return_nothing": True})


def _forged(tmp_path: Path, state: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Path:
    """A model's folder with a file of skops that nobody's library wrote."""
    save_model(LogisticRegression().fit(DATA, CLASSES), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps({**state, "protocol": 2, "_skops_version": "0.16.0"}))
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return tmp_path / "model"


def _json(value: Any) -> dict[str, Any]:
    node = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "is_json": True}
    return {**node, "content": json.dumps(value)}


def _tuple(*values: Any) -> dict[str, Any]:
    content = [_json(value) for value in values]
    return {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": content}


def _named(module: str, name: str, loader: str, **rest: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **rest}


def _dict(**values: Any) -> dict[str, Any]:
    keys = [_named("builtins", "str", "TypeNode") for _ in values]
    types = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": keys}
    node = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "key_types": types}
    return {**node, "content": {key: _json(value) for key, value in values.items()}}


def _attacks(target: Path) -> Mapping[str, dict[str, Any]]:
    """Ways to make a file that runs code or touches files, if what it names were allowed."""
    code = f"import pathlib; pathlib.Path({str(target)!r}).touch()"
    call = "ConstructorFromReduceNode"
    mapped = _tuple(str(target), "uint8", "w+", 0, [4])
    lines = _tuple([[1]], [1], str(target))
    estimator = _named("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode")
    return {
        "shell": _named("os", "system", call, content=_tuple(f"touch {target}")),
        "exec": _named("builtins", "exec", call, content=_tuple(code)),
        "eval in numpy": _named("numpy", "eval", call, content=_tuple(code)),
        "distribution whose state is code": _named(
            "scipy.stats._continuous_distns", "norm_gen", "ObjectNode", content=_dict(_parse_arg_template=code)
        ),
        "mapped file": _named("numpy", "memmap", call, content=mapped),
        "mapped file by its private name": _named("numpy._core.memmap", "memmap", call, content=mapped),
        "saved array": _named("numpy", "save", call, content=_tuple(str(target), [1])),
        "saved text": _named("numpy", "savetxt", call, content=_tuple(str(target), [1])),
        "function of numpy.testing": _named("numpy.testing", "rundocs", call, content=_tuple(str(target))),
        "compiled by numpy": _named("numpy.f2py", "compile", call, content=_tuple(code)),
        "fetcher": _named("sklearn.datasets", "fetch_openml", call, content=_tuple("iris")),
        "dump to a file": _named("sklearn.datasets", "dump_svmlight_file", call, content=lines),
        "helper of tests": _named("sklearn.utils._testing", "check_skip_network", call, content=_tuple()),
        "helper of scipy": _named("scipy._lib._util", "_lazywhere", call, content=_tuple(1)),
        "parallel call": _named("sklearn.utils.parallel", "_FuncWrapper", call, content=_tuple(1)),
        "method of an allowed type": _named(
            "sklearn.linear_model._logistic", "LogisticRegression", "MethodNode",
            content={"func": "fit", "obj": estimator},
        ),
        "partial": _named("functools", "partial", "PartialNode", content={
            "func": _named("os", "system", "FunctionNode"), "args": _tuple(f"touch {target}"),
            "kwds": _dict(), "namespace": _json(None),
        }),
        "operator": _named("operator", "methodcaller", "OperatorFuncNode", attrs=_tuple("touch")),
        "memory of joblib": _named("joblib.memory", "Memory", call, content=_tuple(str(target))),
        "metric of Python": _named("sklearn.metrics._dist_metrics", "PyFuncDistance64", call, content=_tuple(1)),
    }  # fmt: skip


@pytest.mark.parametrize("name", _attacks(Path()))
def test_a_file_cannot_name_what_runs_code(name: str, tmp_path: Path) -> None:
    target = tmp_path / "touched"
    folder = _forged(tmp_path, _attacks(target)[name])
    with pytest.raises(errors.UntrustedModel, match="trust=True"):
        load_model(folder, verify=False)
    assert not target.exists()


def test_an_attack_inside_of_an_allowed_type_is_found(tmp_path: Path) -> None:
    inner = _attacks(tmp_path / "touched")["distribution whose state is code"]
    state = _dict()
    state["key_types"]["content"] = [_named("builtins", "str", "TypeNode")]
    state["content"] = {"func": inner}
    folder = _forged(
        tmp_path,
        _named("sklearn.preprocessing._function_transformer", "FunctionTransformer", "ObjectNode", content=state),
    )
    with pytest.raises(errors.UntrustedModel, match=r"scipy\.stats\._continuous_distns\.norm_gen"):
        load_model(folder, verify=False)
    assert not (tmp_path / "touched").exists()


def test_nothing_private_or_of_tests_is_on_the_list() -> None:
    refused = ("test", "datasets", "externals", "scipy._lib", "joblib", "stats", "memmap")
    assert not [name for name in _skops.ALLOWED if any(part in name for part in refused)]
    assert {name.partition(".")[0] for name in _skops.ALLOWED} == {"functools", "numpy", "scipy", "sklearn"}


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_file_of_skops_is_refused(content: bytes, tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(DATA, CLASSES), tmp_path / "model")
    (tmp_path / "model" / "model.skops").write_bytes(content)
    with pytest.raises(errors.ModelFormatError, match=r"model.skops"):
        load_model(tmp_path / "model", verify=False)


def test_nested_beyond_reason_is_refused(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(DATA, CLASSES), tmp_path / "model")
    text = '{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":[' * 5000
    with zipfile.ZipFile(tmp_path / "model" / "model.skops", "w") as archive:
        archive.writestr("schema.json", text + "1" + "]}" * 5000)
    with pytest.raises(errors.ModelFormatError, match="RecursionError"):
        load_model(tmp_path / "model", verify=False)


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(DATA, CLASSES), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / "model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(100_000_000))
    with pytest.raises(errors.ModelFormatError, match="unpacks to 100,000,000 bytes"):
        load_model(tmp_path / "model", verify=False)


def _tree(model: Any) -> Any:
    return model.tree_.__getstate__()


def _broken_tree(field: str, value: int) -> Callable[[Any], None]:
    def break_it(model: Any) -> None:
        state = _tree(model)
        state["nodes"][field][0] = value
        model.tree_.__setstate__(state)

    return break_it


def _shallow(model: Any) -> None:
    model.tree_.__setstate__({**_tree(model), "max_depth": 0})


@pytest.mark.parametrize(
    "break_it",
    [_broken_tree("left_child", 10**6), _broken_tree("right_child", 0), _broken_tree("feature", 4), _shallow],
    ids=["beyond the end", "a ring", "another feature", "too shallow"],
)
def test_a_tree_that_points_outside_is_refused(break_it: Callable[[Any], None], tmp_path: Path) -> None:
    model = DecisionTreeClassifier(random_state=0).fit(DATA, CLASSES)
    break_it(model)
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="made to harm"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("field", ["left", "right", "feature_idx"])
def test_a_tree_of_histogram_boosting_that_points_outside_is_refused(field: str, tmp_path: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(DATA, CLASSES)
    model._predictors[1][0].nodes[field][0] = 10**6
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="made to harm"):
        load_model(tmp_path / "model")


def test_a_forest_of_trees_with_more_features_is_refused(tmp_path: Path) -> None:
    model = RandomForestClassifier(2, random_state=0).fit(DATA, CLASSES)
    model.n_features_in_ = 2
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="other features than its ensemble"):
        load_model(tmp_path / "model")


def test_boosting_with_more_trees_than_classes_is_refused(tmp_path: Path) -> None:
    model = GradientBoostingClassifier(n_estimators=2).fit(DATA, CLASSES)
    model.estimators_ = np.hstack([model.estimators_] * 3)
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="other trees than classes"):
        load_model(tmp_path / "model")


def test_categories_beyond_their_table_are_refused(tmp_path: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]).fit(np.abs(DATA).round(), CLASSES)
    model._bin_mapper.bin_thresholds_[0] = np.array([1e6])
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="a number beyond 255"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_n_support", np.array([1000, -900], dtype=np.int32)),
        ("_dual_coef_", np.ones((1, 2))),
        ("_intercept_", np.ones(9)),
    ],
)
def test_support_vectors_that_are_not_there_are_refused(field: str, value: Any, tmp_path: Path) -> None:
    model = SVC().fit(DATA, CLASSES)
    setattr(model, field, value)
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="made to harm"):
        load_model(tmp_path / "model")


def test_centres_with_fewer_features_are_refused(tmp_path: Path) -> None:
    model = KMeans(2, n_init=1, random_state=0).fit(DATA)
    save_model(model, tmp_path / "whole")
    np.testing.assert_array_equal(load_model(tmp_path / "whole").predict(DATA), model.predict(DATA))
    model.cluster_centers_ = model.cluster_centers_[:, :1]
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="a centre has other features"):
        load_model(tmp_path / "model")


def test_neighbours_outside_of_the_data_are_refused(tmp_path: Path) -> None:
    model = KNeighborsClassifier(algorithm="kd_tree").fit(DATA, CLASSES)
    state = list(model._tree.__getstate__())
    state[1] = state[1] + 10**6
    model._tree.__setstate__(tuple(state))
    save_model(model, tmp_path / "model")
    with pytest.raises(errors.ModelFormatError, match="a neighbour is no point of the tree"):
        load_model(tmp_path / "model")
