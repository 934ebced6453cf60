"""Java: `org.mlflow:mlflow-client` of Maven Central."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

FOLDER = Path(__file__).parent / "java"
TIMEOUT_S = 110.0


@pytest.fixture(scope="module")
def seen(url: str, client: MlflowClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the Java program saw."""
    if not shutil.which("mvn") and not os.environ.get("CI"):
        pytest.skip("needs mvn and javac, of Debian's packages maven and openjdk-17-jdk-headless")
    folder = tmp_path_factory.mktemp("java")
    maven = ["mvn", "-B", "-q", "-ntp", "-f", str(FOLDER / "pom.xml"), "dependency:copy-dependencies"]
    subprocess.run([*maven, f"-DoutputDirectory={folder}"], check=True, timeout=TIMEOUT_S)
    name = f"java-{os.urandom(4).hex()}"
    client.create_registered_model(name)
    client.create_model_version(name, "s3://bucket/model")
    (folder / "hello.txt").write_text("hello")
    program = ["java", "-cp", f"{folder}/*", str(FOLDER / "Client.java"), url, name, str(folder / "hello.txt")]
    # The client has Python log files.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(program, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.covers("experiments: create, tag, rename, delete, restore, search")
def test_experiments(seen: dict[str, Any]) -> None:
    assert seen["same experiment"] is True
    assert seen["experiment tag"] == "vision"
    assert seen["no experiment"] is False
    assert (seen["deleted"], seen["found"], seen["taken"]) == ("deleted", 1, True)


@pytest.mark.covers("runs: params, tags, ends, deletion")
def test_runs(seen: dict[str, Any]) -> None:
    assert (seen["status"], seen["end"], seen["stage"]) == ("FAILED", 77, "deleted")
    assert (seen["param"], seen["tags"]) == ("lr=0.1", ["a"])


@pytest.mark.covers("metrics: batches, histories, NaN, steps of 64 bits")
def test_metrics(seen: dict[str, Any]) -> None:
    assert seen["history"][:2] == [f"{2**53}:1.5", f"{2**53 + 1}:NaN"]
    assert seen["shown"] == ["many", "one"]


@pytest.mark.covers("Infinity", difference="stores 1.7976931348623157e308")
def test_infinity(seen: dict[str, Any]) -> None:
    assert seen["history"][2] == f"{2**53 + 2}:Infinity"


@pytest.mark.covers("search with an order, in pages")
def test_search(seen: dict[str, Any]) -> None:
    assert seen["pages"] == ["432", "1"]


@pytest.mark.covers("`MlflowContext` and `ActiveRun`: nested runs, and files (which it has Python's client log)")
def test_the_context(seen: dict[str, Any], client: MlflowClient) -> None:
    assert (seen["child"], seen["parent"]) == ("child FINISHED", True)
    assert [file.path for file in client.list_artifacts(seen["child id"])] == ["hello.txt"]


@pytest.mark.covers("reading the model registry")
def test_the_registry(seen: dict[str, Any]) -> None:
    assert seen["model"] is True
    assert (seen["version"], seen["source"]) == ("1 READY None", "s3://bucket/model")
    assert (seen["latest"], seen["versions"]) == (1, 1)
