"""The example programs for the JVM against real servers, and models of the Java client in their own libraries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xgboost

from flavors.classic.graphs import WEIGHTS, linear_model
from milepost import RunState, pyfunc
from milepost.client import Client
from milepost.models import load_model
from milepost.models.format.examples import read_example
from milepost.models.registry.sources import fetch
from serving_clients.server import Server

ROOT = Path(__file__).resolve().parents[3]
JAVA = ROOT / "clients" / "java"
JAR = JAVA / "examples" / "target" / "milepost-examples.jar"
BUILD_TIMEOUT_S = 400.0
TIMEOUT_S = 90.0

# Building from nothing downloads some 60 MB.
pytestmark = pytest.mark.timeout(BUILD_TIMEOUT_S + TIMEOUT_S)


@pytest.fixture(scope="module")
def jar() -> Path:
    """The examples with all that they need beside them, built unless that was done since the sources changed."""
    if not shutil.which("mvn") and not os.environ.get("CI"):
        pytest.skip("needs mvn and javac, of Debian's packages maven and openjdk-17-jdk-headless")
    sources = [*JAVA.glob("**/src/main/**/*"), *JAVA.glob("**/pom.xml"), *(ROOT / "protos").glob("**/*.proto")]
    newest = max(file.stat().st_mtime for file in sources if file.is_file())
    if not JAR.exists() or JAR.stat().st_mtime < newest:
        maven = ["mvn", "-B", "-q", "-ntp", "-f", str(JAVA / "pom.xml"), "-pl", "examples", "-am", "-Dmaven.test.skip"]
        subprocess.run([*maven, "package"], check=True, timeout=BUILD_TIMEOUT_S)
    return JAR


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A tracking server without anything."""
    folder = tmp_path_factory.mktemp("tracking")
    with Server(folder / "server.log", "server", "--data-dir", str(folder / "data")) as server:
        yield server


@pytest.fixture(scope="module")
def trained(jar: Path, tracking: Server) -> str:
    """What the example that trains printed."""
    return run(jar, "TrainModel", tracking)


@pytest.fixture(scope="module")
def serving(trained: str, tracking: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The command that the example names: a server that makes the model's environment."""
    command = re.search(r"milepost (serve .*)", trained)
    assert command
    folder = tmp_path_factory.mktemp("serving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILEPOST_CACHE_DIR", str(folder / "cache"))
        patch.setenv("MILEPOST_ENVIRONMENTS_DIR", str(folder / "environments"))
        arguments = [*command[1].split(), "--tracking-uri", tracking.grpc, "--spares", "0"]
        with Server(folder / "server.log", *arguments) as server:
            yield server


def run(jar: Path, program: str, tracking: Server, **environment: str) -> str:
    """Runs an example and returns what it printed."""
    done = subprocess.run(
        ["java", "-cp", str(jar), f"dev.milepost.examples.{program}"],
        env={**os.environ, "MILEPOST_TRACKING_URI": tracking.grpc, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_quick_start_logs_a_finished_run(jar: Path, tracking: Server) -> None:
    printed = run(jar, "QuickStart", tracking)
    with Client(tracking.grpc) as client:
        (found,) = client.runs.list(filter="params.lr = 0.05")
        loss = client.metrics.history(found.run_id, "loss")
    assert (found.state, found.run_id in printed) == (RunState.FINISHED, True)
    assert list(loss.steps) == list(range(100))
    np.testing.assert_allclose(loss.values, np.exp(-0.05 * np.arange(100)))


def test_training_logs_each_round_and_registers_the_model(trained: str, tracking: Server) -> None:
    with Client(tracking.grpc) as client:
        version = client.model_versions.get_by_alias("bank", "champion")
        run = client.runs.get(version.run_id)
        auc = client.metrics.history(run.run_id, "test/auc").values
    assert run.state == RunState.FINISHED
    assert {"max_depth": 5, "eta": 0.1, "rounds": 100}.items() <= run.params.items()
    assert len(auc) == 100
    assert 0.7 < auc[0] < auc[-1] < 0.8
    assert f"{auc[-1]:.4f}" in trained


def test_python_loads_the_booster_and_answers_its_example(
    trained: str, tracking: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MILEPOST_CACHE_DIR", str(tmp_path))
    with Client(tracking.grpc) as client:
        folder = fetch("models:/bank@champion", client=client)
    booster, model = load_model(folder), pyfunc.load_model(folder)
    assert isinstance(booster, xgboost.Booster)
    assert model.verified
    data, _ = read_example(folder, model.metadata)
    np.testing.assert_array_equal(model.predict(data), booster.predict(xgboost.DMatrix(data)))


def test_the_served_model_answers_as_xgboost_on_the_jvm(jar: Path, tracking: Server, serving: Server) -> None:
    printed = run(jar, "QueryModel", tracking, MILEPOST_SERVING_URI=serving.grpc)
    assert "bank version 1 answers for 9,043 calls" in printed
    assert "the same to the last bit" in printed


def test_python_answers_a_graph_of_onnx_that_java_saved(jar: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_bytes(linear_model().SerializeToString())
    program = ["java", "-cp", str(jar), str(Path(__file__).parent / "java" / "SaveOnnx.java")]
    subprocess.run([*program, "graph.onnx", "model"], check=True, timeout=TIMEOUT_S, cwd=tmp_path)
    assert load_model(tmp_path / "model") == linear_model()
    model = pyfunc.load_model(tmp_path / "model")
    data, _ = read_example(tmp_path / "model", model.metadata)
    expected = np.array([[0.1, -1.5, 1e-20]], dtype=np.float32)
    np.testing.assert_array_equal(data["x"], expected)
    np.testing.assert_allclose(model.predict(data)["y"], expected @ WEIGHTS, rtol=1e-6)
