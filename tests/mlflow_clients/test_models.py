"""Models: autologging, `log_model`, `load_model`, `register_model` and `mlflow.evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from mlflow_clients.rest import Rest, entries

ROWS = pd.DataFrame({"a": np.linspace(0, 1, 40), "b": np.linspace(1, 0, 40)})
LABELS = (ROWS["a"] > 0.5).astype(int)
# Without them MLflow loads the model in a new process to see them, which takes 10 s.
PINS = ["scikit-learn"]


@pytest.fixture(scope="module")
def trained() -> Any:
    """A model of scikit-learn."""
    return LogisticRegression().fit(ROWS, LABELS)


@pytest.mark.covers("autologging of scikit-learn: params, metrics, dataset, model")
def test_sklearn_logs_itself(fluent: str, client: MlflowClient) -> None:
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as active:
            LogisticRegression(C=0.5).fit(ROWS, LABELS)
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = client.get_run(active.info.run_id)
    assert run.data.params["C"] == "0.5"
    assert run.data.metrics["training_accuracy_score"] > 0.9
    assert run.data.tags["estimator_name"] == "LogisticRegression"
    assert [item.dataset.source_type for item in run.inputs.dataset_inputs]
    [model] = client.search_logged_models([fluent])
    assert (model.source_run_id, model.status) == (run.info.run_id, LoggedModelStatus.READY)
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    assert {metric.key for metric in model.metrics} >= {"training_accuracy_score"}
    assert list(mlflow.sklearn.load_model(f"models:/{model.model_id}").predict(ROWS)) == list(LABELS)


@pytest.mark.covers("autologging of LightGBM: a metric for each round, importances, model")
def test_lightgbm_logs_itself(fluent: str, client: MlflowClient) -> None:
    mlflow.lightgbm.autolog()
    try:
        with mlflow.start_run() as active:
            data = lightgbm.Dataset(ROWS, LABELS)
            lightgbm.train({"verbose": -1, "objective": "binary"}, data, 5, valid_sets=[data], valid_names=["train"])
    finally:
        mlflow.lightgbm.autolog(disable=True)
    history = client.get_metric_history(active.info.run_id, "train-binary_logloss")
    assert [point.step for point in history] == list(range(5))
    assert {file.path for file in client.list_artifacts(active.info.run_id)} >= {"feature_importance_split.json"}
    assert len(client.search_logged_models([fluent])) == 1


@pytest.mark.covers("`log_model` with a signature, an example and a registered name; `load_model` by every address")
def test_a_model_is_logged_and_loaded(fluent: str, client: MlflowClient, name: str, trained: Any) -> None:
    with mlflow.start_run() as active:
        mlflow.log_metric("acc", 0.5)
        info = mlflow.sklearn.log_model(
            trained,
            name="model",
            signature=infer_signature(ROWS, LABELS),
            input_example=ROWS.head(2),
            registered_model_name=name,
            params={"C": 1},
            tags={"t": "v"},
            pip_requirements=PINS,
        )
    client.set_registered_model_alias(name, "best", "1")
    assert client.get_model_version(name, "1").run_id == active.info.run_id
    for address in (info.model_uri, f"models:/{name}/1", f"models:/{name}/latest", f"models:/{name}@best",
                    f"runs:/{active.info.run_id}/model"):  # fmt: skip
        loaded = mlflow.pyfunc.load_model(address)
        assert list(loaded.predict(ROWS)) == list(LABELS)
        assert loaded.metadata.signature == info.signature
    model = mlflow.get_logged_model(info.model_id)
    assert (model.name, model.params["C"], model.tags["t"]) == ("model", "1", "v")
    assert [(metric.key, metric.value) for metric in model.metrics] == [("acc", 0.5)]
    assert fluent


@pytest.mark.covers("a second `log_model` of a registered name makes its next version")
def test_a_second_model_is_the_next_version(fluent: str, client: MlflowClient, name: str, trained: Any) -> None:
    for _ in range(2):
        with mlflow.start_run():
            mlflow.sklearn.log_model(trained, name="model", registered_model_name=name, pip_requirements=PINS)
    assert {version.version for version in client.search_model_versions(f"name = '{name}'")} == {"1", "2"}
    assert fluent


@pytest.mark.covers("`register_model` of a run's model and of a logged model, with tags")
def test_a_logged_model_is_registered(fluent: str, client: MlflowClient, name: str, trained: Any) -> None:
    with mlflow.start_run() as active:
        info = mlflow.sklearn.log_model(trained, name="model", pip_requirements=PINS)
    for address in (f"runs:/{active.info.run_id}/model", info.model_uri):
        made = mlflow.register_model(address, name, tags={"a": "b"})
        assert client.get_model_version(name, made.version).tags["a"] == "b"
        assert list(mlflow.sklearn.load_model(f"models:/{name}/{made.version}").predict(ROWS)) == list(LABELS)
    client.transition_model_version_stage(name, "2", "Production")
    assert list(mlflow.sklearn.load_model(f"models:/{name}/Production").predict(ROWS)) == list(LABELS)
    assert fluent


class Doubles(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Doubles what it is given."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """Twice the input, and what is in the file that the model brings."""
        return model_input["a"] * 2 + float(Path(context.artifacts["offset"]).read_text())


@pytest.mark.covers("models of Python code, with files and requirements of their own")
def test_a_model_of_code_is_logged(fluent: str, tmp_path: Path) -> None:
    (tmp_path / "offset.txt").write_text("1")
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(
            name="doubles",
            python_model=Doubles(),
            artifacts={"offset": str(tmp_path / "offset.txt")},
            pip_requirements=["pandas"],
        )
    model = mlflow.pyfunc.load_model(info.model_uri)
    assert list(model.predict(pd.DataFrame({"a": [1.0, 2.0]}))) == [3.0, 5.0]
    assert mlflow.pyfunc.get_model_dependencies(info.model_uri)
    assert mlflow.models.get_model_info(info.model_uri).flavors.keys() == {"python_function"}
    assert fluent


@pytest.mark.covers("the old way: `artifact_path`, and a model without a run")
def test_models_by_artifact_path_and_without_a_run(fluent: str, client: MlflowClient, trained: Any) -> None:
    with mlflow.start_run() as active:
        mlflow.sklearn.log_model(trained, artifact_path="old", pip_requirements=PINS)
    assert mlflow.sklearn.load_model(f"runs:/{active.info.run_id}/old")
    with mlflow.start_run() as other:
        info = mlflow.sklearn.log_model(trained, name="model", pip_requirements=PINS)
    mlflow.set_active_model(model_id=info.model_id)
    external = mlflow.create_external_model(name="elsewhere")
    assert client.get_logged_model(external.model_id).name == "elsewhere"
    mlflow.clear_active_model()
    assert other.info.run_id != active.info.run_id
    assert fluent


@pytest.mark.covers("`mlflow.models.evaluate`: metrics, tables and plots of a stored model")
def test_a_model_is_evaluated(fluent: str, client: MlflowClient, trained: Any) -> None:
    with mlflow.start_run() as active:
        info = mlflow.sklearn.log_model(trained, name="model", pip_requirements=PINS)
        data = mlflow.data.from_pandas(ROWS.assign(label=LABELS), targets="label", name="rows")
        result = mlflow.models.evaluate(
            info.model_uri, data, model_type="classifier", evaluator_config={"log_explainer": False}
        )
    assert result.metrics["accuracy_score"] > 0.9
    run = client.get_run(active.info.run_id)
    assert run.data.metrics["accuracy_score"] == result.metrics["accuracy_score"]
    assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["rows"]
    assert {file.path for file in client.list_artifacts(active.info.run_id)} >= {"confusion_matrix.png"}
    assert "accuracy_score" in {metric.key for metric in client.get_logged_model(info.model_id).metrics}
    assert fluent


@pytest.mark.covers("`mlflow.search_logged_models` as a table, and `last_logged_model`")
def test_logged_models_are_a_table(fluent: str, client: MlflowClient, trained: Any) -> None:
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(trained, name="model", pip_requirements=PINS)
    table = mlflow.search_logged_models([fluent], output_format="pandas")
    assert list(table["model_id"]) == [info.model_id]
    assert mlflow.last_logged_model().model_id == info.model_id
    client.delete_logged_model(info.model_id)
    assert mlflow.search_logged_models([fluent], output_format="list") == []


@pytest.mark.covers("checkpoints: one model at several steps")
def test_a_model_is_logged_at_steps(fluent: str, client: MlflowClient, trained: Any) -> None:
    with mlflow.start_run() as active:
        for step in (1, 2):
            info = mlflow.sklearn.log_model(trained, name="checkpoint", step=step, pip_requirements=PINS)
            mlflow.log_metric("acc", step / 10, step=step, model_id=info.model_id)
    outputs = client.get_run(active.info.run_id).outputs.model_outputs
    assert sorted(output.step for output in outputs) == [1, 2]
    [best] = client.search_logged_models(
        [fluent], order_by=[{"field_name": "metrics.acc", "ascending": False}], max_results=1
    )
    assert best.metrics[0].value == 0.2


@pytest.mark.covers("the call of MLflow 2 that notes a model in the run's tag `mlflow.log-model.history`")
def test_older_clients_note_models_in_a_tag(rest: Rest, run: str) -> None:
    for path in ("a", "b"):
        model: dict[str, Any] = {
            "run_id": run,
            "artifact_path": path,
            "utc_time_created": "2024-01-01 00:00:00",
            "flavors": {"f": {}},
        }
        rest.post("runs/log-model", {"run_id": run, "model_json": json.dumps(model)})
    noted = json.loads(entries(rest.run(run)["data"]["tags"])["mlflow.log-model.history"])
    assert [model["artifact_path"] for model in noted] == ["a", "b"]
