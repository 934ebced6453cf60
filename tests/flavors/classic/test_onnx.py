from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import helper, numpy_helper

from flavors.classic.graphs import WEIGHTS, linear_model
from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model


def run(model: Any, feed: dict[str, Any]) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["y"], feed)[0]


class TestOnnx(FlavorContract):
    flavor = "onnx"
    packages = ("onnx", "onnxruntime")
    safe_formats = ("onnx",)

    def make_model(self) -> Any:
        return linear_model()

    def make_data(self) -> Any:
        return np.array([[1, 2, 3], [4, 5, 6.5]], dtype=np.float32)

    def predict_natively(self, model: Any, data: Any) -> Any:
        return {"y": run(model, {"x": data})}

    def assert_equal(self, answer: Any, expected: Any) -> None:
        assert answer.keys() == expected.keys()
        np.testing.assert_array_equal(answer["y"], expected["y"])

    def test_a_frame_is_answered_by_a_frame(self, saved: Path, data: Any, expected: Any) -> None:
        answer = pyfunc.load_model(saved).predict(pd.DataFrame(data.astype(np.float64)))
        np.testing.assert_array_equal(np.stack(answer["y"]), expected["y"])

    def test_a_reader_may_choose_providers_and_session_options(self, saved: Path, data: Any, expected: Any) -> None:
        options = {"intra_op_num_threads": 1, "execution_mode": "sequential", "graph_optimization_level": 1}
        session = load_model(saved, providers=["CPUExecutionProvider"], onnx_session_options=options)
        assert session.get_session_options().intra_op_num_threads == 1
        np.testing.assert_array_equal(session.run(None, {"x": data})[0], expected["y"])

    def test_a_provider_that_is_not_there_is_refused_with_those_that_are(self, saved: Path) -> None:
        with pytest.raises(errors.ModelError, match=r"'QuantumExecutionProvider'.*CPUExecutionProvider"):
            load_model(saved, providers=["QuantumExecutionProvider"])

    @pytest.mark.parametrize("options", [{"threads": 1}, {"intra_op_num_threads": "many"}, ["sequential"]])
    def test_session_options_that_are_none_are_refused(self, saved: Path, options: Any) -> None:
        with pytest.raises(errors.ModelFormatError, match="onnx_session_options"):
            load_model(saved, onnx_session_options=options)

    def test_entries_of_the_descriptor_that_reach_beyond_the_model_are_passed_over_with_a_warning(
        self, saved: Path, tmp_path: Path, data: Any, expected: Any
    ) -> None:
        text = (saved / "MLmodel").read_text()
        assert "onnx_session_options: null" in text
        entry = "onnx_session_options: {extra_session_config: {session.load_model_format: ORT}}"
        (tmp_path / "MLmodel").write_text(text.replace("onnx_session_options: null", entry))
        (tmp_path / "model.onnx").write_bytes((saved / "model.onnx").read_bytes())
        with pytest.warns(errors.MilepostWarning, match="extra_session_config is not used"):
            model = pyfunc.load_model(tmp_path, verify=False)
        self.assert_equal(model.predict(data), expected)

    def test_session_options_are_checked_when_the_model_is_saved(self, model: Any, tmp_path: Path) -> None:
        wrong: list[dict[str, Any]] = [{"execution_mode": "later"}, {"extra_session_config": {}}]
        for options in wrong:
            with pytest.raises(errors.ModelFormatError, match="onnx_session_options"):
                save_model(model, tmp_path / "model", onnx_session_options=options)

    def test_params_are_refused(self, saved: Path, data: Any) -> None:
        with pytest.raises(errors.SchemaMismatch, match="'temperature'"):
            pyfunc.load_model(saved).predict(data, params={"temperature": 1.0})

    def test_a_file_that_is_no_graph_is_refused_by_name(self, saved: Path, tmp_path: Path) -> None:
        (tmp_path / "MLmodel").write_bytes((saved / "MLmodel").read_bytes())
        for content in (b"\x08\xff", b"no graph at all", b""):
            (tmp_path / "model.onnx").write_bytes(content)
            with pytest.raises(errors.ModelFormatError, match=r"model\.onnx"):
                load_model(tmp_path, verify=False)


class TestInputs:
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Any:
        path = tmp_path_factory.mktemp("inputs") / "model"
        save_model(linear_model(("a", "b"), np.ones((1, 1), dtype=np.float32)), path)
        return pyfunc.load_model(path)

    def test_several_inputs_come_by_name(self, model: Any) -> None:
        answer = model.predict({"a": np.array([[1], [2]], "f4"), "b": np.array([[10], [20]], "f4")})
        np.testing.assert_array_equal(answer["y"], [[11], [22]])

    def test_a_missing_or_unknown_name_is_said(self, model: Any) -> None:
        for data, field in (({"a": [[1.0]]}, "b"), ({"a": [[1.0]], "b": [[1.0]], "c": [[1.0]]}, "c")):
            with pytest.raises(errors.SchemaMismatch) as caught:
                model.predict(data)
            assert caught.value.field == field

    def test_one_array_for_several_inputs_is_refused(self, model: Any) -> None:
        with pytest.raises(errors.SchemaMismatch, match="a, b"):
            model.predict(np.zeros((2, 1), dtype=np.float32))

    @pytest.mark.parametrize("value", [2**24 + 1, 1e39, "1", None])
    def test_a_value_that_the_input_cannot_hold_is_refused(self, model: Any, value: Any) -> None:
        with pytest.raises(errors.SchemaMismatch) as caught:
            model.predict({"a": [[value]], "b": [[1.0]]})
        assert caught.value.field == "a"

    def test_whole_numbers_infinities_and_nan_stay_what_they_are(self, model: Any) -> None:
        answer = model.predict({"a": [[3], [7]], "b": [[np.inf], [np.nan]]})
        np.testing.assert_array_equal(answer["y"], [[np.inf], [np.nan]])

    def test_a_shape_that_the_graph_does_not_take_is_refused(self, model: Any) -> None:
        with pytest.raises(errors.SchemaMismatch, match="ONNX Runtime"):
            model.predict({"a": np.zeros((2, 3), dtype=np.float32), "b": np.zeros((2, 3), dtype=np.float32)})


class TestExternalData:
    """Weights in a file of their own, as large models have them."""

    @pytest.fixture
    def saved(self, tmp_path: Path) -> Path:
        save_model(linear_model(), tmp_path / "model", save_as_external_data=True)
        return tmp_path / "model"

    def test_the_model_is_whole_in_memory_and_answers_alike(self, saved: Path) -> None:
        assert (saved / "model.onnx.data").stat().st_size == WEIGHTS.nbytes
        data = np.ones((1, 3), dtype=np.float32)
        expected = run(linear_model(), {"x": data})
        np.testing.assert_array_equal(run(load_model(saved), {"x": data}), expected)
        np.testing.assert_array_equal(pyfunc.load_model(saved).predict(data)["y"], expected)

    def test_saving_leaves_the_callers_model_as_it_was(self, tmp_path: Path) -> None:
        model = linear_model()
        save_model(model, tmp_path / "model", save_as_external_data=True)
        assert model == linear_model()

    @pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "link", "", "missing"])
    def test_weights_outside_of_the_folder_are_refused(self, saved: Path, tmp_path: Path, location: str) -> None:
        (tmp_path / "secret").write_bytes(WEIGHTS.tobytes())
        (saved / "link").symlink_to(tmp_path / "secret")
        model = onnx.load(saved / "model.onnx", load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        (saved / "model.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(errors.ModelFormatError, match="external data of tensor 'w'"):
            load_model(saved, verify=False)

    def test_weights_hidden_in_an_attribute_are_found(self, tmp_path: Path) -> None:
        save_model(linear_model(), tmp_path / "model")
        tensor = numpy_helper.from_array(WEIGHTS, "hidden")
        onnx.external_data_helper.set_external_data(tensor, "../secret")
        tensor.ClearField("raw_data")
        inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "inner", [], [])
        model = linear_model()
        model.graph.node.append(helper.make_node("If", ["q"], ["r"], then_branch=inner, else_branch=inner))
        (tmp_path / "model/model.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(errors.ModelFormatError, match="external data of tensor 'hidden'"):
            load_model(tmp_path / "model", verify=False)

    def test_weights_that_are_not_loaded_by_onnx_are_refused(self, saved: Path) -> None:
        model = onnx.load(saved / "model.onnx", load_external_data=False)
        sparse = model.graph.sparse_initializer.add(dims=[3, 200])
        sparse.values.CopyFrom(model.graph.initializer[0])
        sparse.values.name = "sparse"
        sparse.values.dims[:] = [600]
        sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(600), "indices"))
        (saved / "model.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(errors.ModelFormatError, match="'sparse'"):
            load_model(saved, verify=False)

    def test_a_model_whose_weights_were_not_loaded_is_refused(self, saved: Path, tmp_path: Path) -> None:
        model = onnx.load(saved / "model.onnx", load_external_data=False)
        with pytest.raises(errors.ModelFormatError, match="'w' lie in another file"):
            save_model(model, tmp_path / "copy")


def test_an_invalid_graph_is_not_saved(tmp_path: Path) -> None:
    model = linear_model()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(errors.ModelFormatError, match="NoSuchOperator"):
        save_model(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_converted_forest_of_scikit_learn_answers_like_it(tmp_path: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    forest = RandomForestClassifier(n_estimators=5, random_state=1).fit(x, (x[:, 0] > 0).astype(int))
    save_model(to_onnx(forest, x[:1], options={"zipmap": False}), tmp_path / "model")
    answer = pyfunc.load_model(tmp_path / "model").predict(x)
    np.testing.assert_array_equal(answer["label"], forest.predict(x))
    np.testing.assert_allclose(answer["probabilities"], forest.predict_proba(x), rtol=1e-5)
