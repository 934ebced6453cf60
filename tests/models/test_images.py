from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from milepost.cli.main import app
from milepost.errors import ModelCorrupt, ModelError, ModelFormatError, UntrustedModel
from milepost.models import save_model
from milepost.models.images.context import ImageOptions, write_context
from milepost.models.images.engine import build_image, find_engine
from milepost.models.signatures.schema import Schema, Tensor
from milepost.models.signatures.signature import ModelSignature

SCRIPT = """
import joblib
from milepost.models import set_model

set_model(lambda data: data[:, 0] * 2)
"""
NAME = 'my "digits"'
SIGNATURE = ModelSignature(inputs=Schema((Tensor("float64", (-1, 2)),)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that needs trust, and has a requirement of its own."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.py").write_text(SCRIPT)
    save_model(
        folder / "model.py",
        folder / "saved",
        signature=SIGNATURE,
        input_example=np.array([[1.0, 2.0]]),
        requirements=["joblib==1.5.2"],
    )
    for path in (folder / "saved").iterdir():  # as the cache and careful users have them
        path.chmod(0o400)
    return folder / "saved"


@pytest.fixture(scope="module")
def context(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its image."""
    target = tmp_path_factory.mktemp("images") / "context"
    write_context(model, target, ImageOptions(name=NAME, extras=(), trust=True))
    return target


@pytest.fixture
def changed(model: Path, tmp_path: Path) -> Path:
    """A copy of the model without manifest, to be changed."""
    folder = tmp_path / "changed"
    shutil.copytree(model, folder)
    for path in folder.iterdir():
        path.chmod(0o600)
    descriptor = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(re.sub(r"(?m)^milepost_version.*\n", "", descriptor))
    (folder / "SHA256SUMS").unlink()
    return folder


def instructions(context: Path) -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in their order."""
    lines = (context / "Dockerfile").read_text().splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")]


def array(text: str) -> list[str]:
    """The words of an instruction in the form that no shell reads."""
    words: list[str] = json.loads(text[text.index("[") :])
    return words


def test_the_dockerfile_has_two_stages_and_ends_without_root(context: Path) -> None:
    found = instructions(context)
    bases = [rest for word, rest in found if word == "FROM"]
    assert bases == [f"{bases[1]} AS builder", bases[1]]
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", bases[1])
    final = dict(found[[word for word, _ in found].index("FROM", 1) :])
    assert final["USER"] == "10001:10001"
    assert final["EXPOSE"] == "8080 8081"
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert array(final["ENTRYPOINT"])[1:] == ["serve", f"{NAME}=/model", "--host", "0.0.0.0", "--trust"]
    assert {word for word, _ in found} <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT")
    }
    assert all(rest.startswith("[") for word, rest in found if word in ("RUN", "ENTRYPOINT"))


def test_everything_is_pinned_with_hashes_and_others_can_read_the_model(context: Path) -> None:
    lines = (context / "requirements.txt").read_text().replace("\\\n", "").splitlines()
    assert all(re.match(r"(\S+==\S+|\./wheels/\S+\.whl)( ;.*)? +--hash=sha256:", line) for line in lines)
    names = {line.partition("==")[0] for line in lines if not line.startswith("./")}
    assert {"grpcio", "joblib", "numpy", "uvicorn"} <= names
    assert sorted(path.name for path in context.iterdir()) == [
        *(".dockerignore", "Dockerfile", "install.py", "model", "requirements.txt", "wheels")
    ]
    assert {path.stat().st_mode & 0o777 for path in (context / "model").iterdir()} == {0o644}


class Built:
    """What the steps of the Dockerfile make, below a folder that stands for the root of the image."""

    def __init__(self, context: Path, root: Path) -> None:
        self.root = root
        build = root / "build"
        build.mkdir(parents=True)
        self.steps: dict[str, str] = {}
        for word, rest in instructions(context):
            if word == "COPY" and not rest.startswith("--from"):
                *sources, target = rest.split()
                for source in sources:
                    place = root / target[1:] if target.startswith("/") else build / target
                    copy(context / source, place)
            elif word == "RUN":
                command = [sys.executable, *self._there(array(rest))[1:]]
                done = subprocess.run(command, cwd=build, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
            self.steps[word] = rest
        shutil.rmtree(build)
        (root / "tmp").mkdir()

    def _there(self, words: list[str]) -> list[str]:
        found = [word.replace("/opt/milepost", f"{self.root}/opt/milepost") for word in words]
        return [word.replace("=/model", f"={self.root}/model") for word in found]

    def start(self) -> subprocess.Popen[str]:
        """Starts what the image runs, on free ports of this machine alone, with the variables of the image only."""
        ports = ["--host", "127.0.0.1", "--http-port", "0", "--grpc-port", "0"]
        command = [*self._there(array(self.steps["ENTRYPOINT"])), *ports]
        env = {"HOME": str(self.root / "tmp"), "PATH": f"{self.root}/opt/milepost/bin:/usr/bin:/bin"}
        env |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        assert all(f"{name}=" in self.steps["ENV"] for name in env)
        with (self.root / "tmp/log").open("w") as log:
            return subprocess.Popen(
                command, cwd=self.root / "tmp", env=env, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def healthy(self, port: int) -> bool:
        """Runs the health check of the image."""
        command = [word.replace(", 8080,", f", {port},") for word in self._there(array(self.steps["HEALTHCHECK"]))]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def files(self) -> dict[Path, int]:
        """All files but those for which the image has a place."""
        found = (path for top in ("opt", "model") for path in (self.root / top).rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in found}


def copy(source: Path, target: Path) -> None:
    """What COPY does."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(context, tmp_path_factory.mktemp("image") / "root")


@pytest.fixture
def running(image: Built) -> Iterator[subprocess.Popen[str]]:
    process = image.start()
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.timeout(400)
def test_the_steps_make_a_server_that_answers_and_ends_when_told(image: Built, running: subprocess.Popen[str]) -> None:
    before = image.files()
    assert running.stdout is not None
    ready = re.search(r"http://127\.0\.0\.1:(\d+)", running.stdout.readline())
    assert ready, (image.root / "tmp/log").read_text()
    port = int(ready[1])
    assert image.healthy(port)
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"inputs": [[1.5, 0.0], [2.0, 0.0]]})
    asked.request("POST", "/invocations", body, {"content-type": "application/json"})
    answer = asked.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read()) == {"predictions": [3.0, 4.0]}
    asked.close()
    running.terminate()
    assert running.wait(60) == 0
    assert not image.healthy(port)
    assert image.files() == before


def test_code_of_a_model_needs_trust(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UntrustedModel, match=r"script 'model\.py'.*runs in the image"):
        write_context(model, tmp_path / "context", ImageOptions())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_image": "python:3\nRUN evil"}, "--base-image"),
        ({"base_image": "--platform=x"}, "--base-image"),
        ({"base_image": "python$X"}, "--base-image"),
        ({"name": "a\nRUN evil"}, "--name"),
        ({"name": "--trust"}, "--name"),
        ({"name": "a=b"}, "--name"),
        ({"python": "3.11 AS x"}, "--python"),
        ({"python": "3.10.4"}, "Python 3.10.4, and the model server needs 3.11"),
        ({"platform": "windows/amd64"}, "--platform"),
        ({"extras": ("a]\nevil",)}, "--extra"),
    ],
)
def test_what_would_be_read_otherwise_in_a_dockerfile_is_refused(
    model: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        write_context(model, tmp_path / "context", ImageOptions(**{"trust": True, **options}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("python_env.yaml", 'python: "3.11.7\\nRUN evil"\n', "python is"),
        ("requirements.txt", "joblib==1.5.2 ; RUN\n", "is no requirement"),
        ("requirements.txt", "--config-settings=x\njoblib\n", "is no option"),
        ("requirements.txt", "own @ https://${TOKEN}@files.invalid/own-1.0-py3-none-any.whl\n", "takes a secret"),
        ("requirements.txt", "-r ../../secret.txt\n", "leads out"),
        ("requirements.txt", "no-such-distribution-of-milepost==1\n", "No versions go together"),
    ],
)
def test_environment_files_that_are_wrong_are_refused(
    changed: Path, context: Path, tmp_path: Path, file: str, content: str, message: str
) -> None:
    (changed / file).write_text(content)
    with pytest.raises(ModelError, match=message):
        write_context(changed, tmp_path / "context", ImageOptions(trust=True, wheels=context / "wheels"))
    assert not (tmp_path / "context").exists()


def test_a_model_without_trust_has_requirements_of_the_index_only(context: Path, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(np.eye(2), [1.0, 0.0])
    save_model(fitted, tmp_path / "saved", requirements=["own @ https://files.invalid/own-1.0-py3-none-any.whl"])
    with pytest.raises(UntrustedModel, match="elsewhere than your package index"):
        write_context(tmp_path / "saved", tmp_path / "context", ImageOptions(wheels=context / "wheels"))


def test_a_lock_decides_and_only_wheels_are_installed_without_trust(context: Path, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(np.eye(2), [1.0, 0.0])
    save_model(fitted, tmp_path / "saved", requirements=["joblib"])
    descriptor = tmp_path / "saved/MLmodel"
    descriptor.write_text(re.sub(r"(?m)^milepost_version.*\n", "", descriptor.read_text()))
    (tmp_path / "saved/SHA256SUMS").unlink()
    (tmp_path / "saved/requirements.lock").write_text("joblib==1.5.1 ; python_version >= '3.10'\n")
    write_context(tmp_path / "saved", tmp_path / "context", ImageOptions(wheels=context / "wheels"))
    pins = (tmp_path / "context/requirements.txt").read_text()
    assert pins.startswith("--only-binary :all:\n")
    assert "\njoblib==1.5.1 " in pins
    assert "\npyarrow==" in pins
    assert "--trust" not in (tmp_path / "context/Dockerfile").read_text()


def test_what_is_there_is_not_overwritten_and_damaged_models_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists"):
        write_context(model, tmp_path, ImageOptions(trust=True))
    with pytest.raises(ModelFormatError):
        write_context(tmp_path, tmp_path / "context", ImageOptions(trust=True))
    shutil.copytree(model, tmp_path / "damaged")
    (tmp_path / "damaged/model.py").chmod(0o600)
    (tmp_path / "damaged/model.py").write_text("")
    with pytest.raises(ModelCorrupt):
        write_context(tmp_path / "damaged", tmp_path / "context", ImageOptions(trust=True))
    with pytest.raises(ModelError, match="one wheel of milepost-client; it has 0"):
        write_context(model, tmp_path / "context", ImageOptions(trust=True, wheels=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def engine(folder: Path, name: str, script: str) -> None:
    """A program that stands for an engine."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_engine_that_answers_builds_and_gets_its_arguments_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    engine(tmp_path / "bin", "docker", "echo 'no daemon' >&2; exit 1")
    engine(tmp_path / "bin", "podman", f'printf "%s\\n" "$@" > {tmp_path / "arguments"}; test "$1" = info')
    found = find_engine()
    assert found == str(tmp_path / "bin/podman")
    with pytest.raises(ModelError, match="podman could not build the image; it ended with code 1"):
        build_image(found, tmp_path / "a folder;", "team/digits:3", "linux/arm64")
    assert (tmp_path / "arguments").read_text().splitlines() == [
        *("build", "--tag", "team/digits:3", "--platform=linux/arm64", str(tmp_path / "a folder;"))
    ]
    for tag in ("--help", "digits:3 evil", "a\nb", ""):
        with pytest.raises(ModelError, match="no reference of an image"):
            build_image(found, tmp_path, tag)


def test_commands_say_what_is_missing(model: Path, tmp_path: Path) -> None:
    engine(tmp_path / "bin", "docker", "echo 'Cannot connect to the daemon' >&2; exit 1")
    runner = CliRunner(env={"PATH": str(tmp_path / "bin") + os.pathsep + "/nowhere"})
    result = runner.invoke(app, ["models", "build-docker", str(model), "-t", "digits:3", "--trust"])
    assert result.exit_code == 1
    assert "docker: Cannot connect to the daemon; podman is not installed" in result.stderr
    result = runner.invoke(app, ["models", "dockerfile", str(model), "-o", str(tmp_path / "context")])
    assert result.exit_code == 1
    assert "UNTRUSTED_MODEL" in result.stderr
