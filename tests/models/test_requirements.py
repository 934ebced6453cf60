from __future__ import annotations

import json
import subprocess
import sys
import venv
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import MilepostWarning, ModelFormatError
from milepost.models import save_model
from milepost.models.environments._imports import imported_by
from milepost.models.environments._requirement_lines import parse_line, read_file
from milepost.models.environments.environment import read_environment
from milepost.models.environments.requirements import chosen, infer_requirements, pinned, without

SCRIPT = """
import yaml
from google.protobuf import descriptor_pb2
from milepost.models import set_model


class Model:
    def predict(self, model_input, params=None):
        import joblib

        return [yaml.safe_load(joblib.hash(1)[:0] + "1")] * len(model_input)


set_model(Model())
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(SCRIPT)
    return path


def pin(name: str) -> str:
    return f"{name}=={metadata.version(name)}"


def install(site: Path, name: str, version: str, module: str, origin: dict[str, object] | None = None) -> None:
    """Puts a distribution of one module into a folder, as an installer would."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (site / f"{module}.py").write_text("")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


def test_pins_name_the_installed_version_and_keep_extras_and_given_versions() -> None:
    assert pinned(["scikit_learn", "uvicorn[standard]", "numpy<3"]) == [
        pin("scikit-learn"),
        f"uvicorn[standard]=={metadata.version('uvicorn')}",
        "numpy<3",
    ]


@pytest.mark.parametrize(
    ("version", "origin", "line"),
    [
        ("2.9.0+cpu", None, "milepost-test-dist==2.9.0"),
        (
            "1.0",
            {"url": "https://git.invalid/x.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}},
            f"milepost-test-dist @ git+https://git.invalid/x.git@{'a' * 40}",
        ),
        (
            "1.0",
            {"url": "https://files.invalid/x-1.0-py3-none-any.whl", "archive_info": {}},
            "milepost-test-dist @ https://files.invalid/x-1.0-py3-none-any.whl",
        ),
    ],
)
def test_pins_say_where_others_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, origin: dict[str, object] | None, line: str
) -> None:
    install(tmp_path, "milepost-test-dist", version, "milepost_test_module", origin)
    monkeypatch.syspath_prepend(tmp_path)
    assert pinned(["milepost-test-dist"]) == [line]


def test_what_only_this_machine_has_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "milepost-own", "1.0", "milepost_own", {"url": "file:///x", "dir_info": {"editable": True}})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(MilepostWarning, match="only this machine has"):
        assert pinned(["milepost-own"]) == ["milepost-own==1.0"]
    with pytest.warns(MilepostWarning, match="not installed"):
        assert pinned(["milepost-absent"]) == ["milepost-absent"]


def test_the_clients_own_editable_install_is_pinned_in_silence() -> None:
    assert pinned(["milepost-client"]) == [pin("milepost-client")]


def test_extra_requirements_are_added_to_those_of_the_flavor() -> None:
    found = chosen(["scikit-learn"], None, ["scipy>=1.10", "SciPy[test] <3 ; python_version > '3'", "scikit-learn>1"])
    assert found[:2] == [pin("scikit-learn"), "scipy>=1.10"]
    assert len(found) == 3


def test_requirements_replace_those_of_the_flavor(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("numpy>=1 # any\n\n# nothing\n")
    (tmp_path / "all.txt").write_text("--index-url https://pypi.invalid/simple\n-r base.txt\nnumpy<3 \\\n  \nscipy\n")
    assert chosen(["scikit-learn"], tmp_path / "all.txt") == [
        "--index-url https://pypi.invalid/simple",
        "numpy<3,>=1",
        "scipy",
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("scikit-learn==0.1", "exclude each other"),
        ("./wheels/own.whl", "only this machine has"),
        ("own-1.0-py3-none-any.whl", "only this machine has"),
        ("-e .", "editable"),
        ("--trusted-host x", "no option"),
        ("--pre x", "no option"),
        ("not a requirement", "no requirement such as"),
        ("ftp://h/x.whl", "neither http"),
        ("https:///x.whl", "without a host"),
        ("--index-url https://u:secret@h/simple", "password"),
        ("own @ git+https://u:secret@h/x", "password"),
        ("-r missing.txt", "missing.txt: cannot be read"),
    ],
)
def test_wrong_lines_are_refused_with_a_remedy_and_without_secrets(line: str, says: str) -> None:
    with pytest.raises(ModelFormatError, match=says) as caught:
        chosen(["scikit-learn"], None, [line])
    assert "secret" not in str(caught.value)


def test_a_password_may_be_a_variable() -> None:
    line = "--extra-index-url https://${USER}:${TOKEN}@pypi.invalid/simple"
    assert chosen([], None, [line]) == [line]


def test_files_that_include_each_other_or_leave_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    path = tmp_path / "model/requirements.txt"
    path.write_text("-r requirements.txt\n")
    with pytest.raises(ModelFormatError, match="include each other"):
        read_file(path)
    for line in ("-r ../other.txt", "-c ../other.txt", "../own.whl", "-c /etc/passwd"):
        path.write_text(f"{line}\n")
        with pytest.raises(ModelFormatError, match="leads out"):
            read_file(path, path.parent)


@given(st.text(max_size=80))
def test_any_text_is_a_line_or_refused(text: str) -> None:
    line = text.strip() or "numpy"
    with suppress(ModelFormatError):
        assert parse_line(line, "requirements").text == line


def test_lines_are_removed_by_any_spelling_of_the_name() -> None:
    assert without(["Foo_Bar==1", "numpy"], ["foo-bar"]) == ["numpy"]
    with pytest.raises(ModelFormatError, match=r"no line of scipy\."):
        without(["numpy"], ["scipy"])


def test_sources_tell_what_they_import(script: Path) -> None:
    assert imported_by([script.parent]) == ["joblib", "protobuf", "PyYAML"]
    script.write_text("import (")
    assert imported_by([script]) == []


def test_a_script_is_saved_with_what_it_imports(script: Path, tmp_path: Path) -> None:
    save_model(script, tmp_path / "saved")
    found = read_environment(tmp_path / "saved").requirements
    assert found == tuple(map(pin, ("milepost-client", "joblib", "protobuf", "PyYAML")))


def test_a_model_needs_the_library_of_its_example(script: Path, tmp_path: Path) -> None:
    save_model(script, tmp_path / "saved", input_example=pd.DataFrame({"x": [1]}))
    assert pin("pandas") in read_environment(tmp_path / "saved").requirements


def test_requirements_are_inferred_from_loading_and_predicting(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.py"
    hidden.write_text(SCRIPT.replace("import joblib", "joblib = __import__('job' + 'lib')"))
    save_model(hidden, tmp_path / "saved", input_example=[1], requirements="infer")
    found = read_environment(tmp_path / "saved").requirements
    assert set(map(pin, ("joblib", "protobuf", "PyYAML"))) <= set(found)
    assert not [line for line in found if line.startswith(("grpcio", "typer", "fsspec", "packaging", "pytest"))]


def test_requirements_that_cannot_be_inferred_are_those_declared(script: Path, tmp_path: Path) -> None:
    save_model(script, tmp_path / "saved")
    with pytest.warns(MilepostWarning, match=r"could not be seen.*UntrustedModel"):
        assert infer_requirements(tmp_path / "saved", ["scipy"]) == ["scipy"]
    with pytest.warns(MilepostWarning, match="longer than 0.001 s"):
        assert infer_requirements(tmp_path / "saved", ["scipy"], trust=True, timeout_s=0.001) == ["scipy"]


def test_the_distribution_that_brings_the_module_stands_for_the_name(
    tmp_path: Path,
) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    install(site, "booster-cpu", "3.0", "booster")
    code = "from milepost.models.environments.requirements import pinned; print(pinned(['booster']))"
    paths = [str(site), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {paths!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "['booster-cpu==3.0']"
