from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from milepost import pyfunc
from milepost.models import save_model
from milepost.models.environments.environment import read_environment
from milepost.models.signatures.schema import Column, DataType, Param, Schema, Tensor
from milepost.models.signatures.signature import ModelSignature
from support.cli import Cli

SCRIPT = """
from milepost.models import set_model


def predict(data, scale=1.0):
    return [float(value) * scale for value in data["x"]]


set_model(predict)
"""
COLUMNS = Schema((Column(DataType.DOUBLE, "x"), Column(DataType.STRING, "code", required=False)))
TENSOR = ModelSignature(inputs=Schema((Tensor("float32", (-1, 2)),)))
SIGNATURE = ModelSignature(inputs=COLUMNS, params=(Param("scale", DataType.DOUBLE, 1.0),))


@pytest.fixture(scope="module")
def cli() -> Cli:
    """Models in folders need no server."""
    return Cli("127.0.0.1:1")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that runs code of its own, takes columns and has a param."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "model.py").write_text(SCRIPT)
    example = (pd.DataFrame({"x": [0.5], "code": ["a"]}), {"scale": 2.0})
    save_model(
        folder / "model.py", folder / "saved", signature=SIGNATURE, input_example=example, metadata={"team": "a"}
    )
    return folder / "saved"


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that runs no code: it answers a - b."""
    folder = tmp_path_factory.mktemp("linear") / "saved"
    frame = pd.DataFrame({"a": [0.0, 1.0, 1.0], "b": [0.0, 0.0, 1.0]})
    save_model(LinearRegression().fit(frame, [0.0, 1.0, 0.0]), folder, input_example=frame)
    return folder


@pytest.fixture
def changed(linear: Path, tmp_path: Path, cli: Cli) -> Path:
    """A copy that a test may change."""
    cli.out("models", "download", str(linear), "-o", str(tmp_path / "model"))
    return tmp_path / "model"


def test_inspect_prints_signature_size_requirements_and_what_would_run(cli: Cli, script: Path) -> None:
    printed = cli.out("models", "inspect", str(script))
    lines = [line.split() for line in printed.splitlines()]
    assert ["input", "x", "double"] in lines
    assert ["input", "code", "string", "optional"] in lines
    assert ["param", "scale", "double", "default", "1.0"] in lines
    assert "Needs trust the script 'model.py'" in printed
    assert "\n  team=a\n" in printed
    found = cli.json("models", "inspect", str(script))
    assert found["requirements"] == list(read_environment(script).requirements)
    assert found["sizeBytes"] == sum(path.stat().st_size for path in script.iterdir())
    assert len(found["digest"]) == 64


def test_inspect_imports_no_framework(linear: Path) -> None:
    code = (
        "import sys; from milepost.cli.main import app\n"
        f"try: app(['models', 'inspect', {str(linear)!r}], prog_name='milepost')\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'pandas', 'numpy', 'grpc'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("\n[]\n")


def test_validate_finds_nothing_wrong_with_what_was_saved(cli: Cli, linear: Path) -> None:
    found = cli.json("models", "validate", str(linear), "--predict")
    assert found["valid"]
    assert [check["status"] for check in found["checks"]] == ["ok"] * 5


def test_validate_names_what_is_wrong(cli: Cli, script: Path, changed: Path, tmp_path: Path) -> None:
    assert "UNTRUSTED_MODEL" in cli.run("models", "validate", str(script), "--predict", "--json", code=1).stdout
    assert cli.json("models", "validate", str(script), "--predict", "--trust")["valid"]
    (changed / "model.skops").write_bytes(b"")
    printed = cli.run("models", "validate", str(changed), "--predict", code=1).stdout
    assert printed.splitlines()[-1].startswith("fail  files")
    assert "model.skops" in printed
    assert "is not a model's folder" in cli.run("models", "validate", str(tmp_path), code=1).stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.csv", "b,a\n0.5,2\n1,1.5\n"),
        ("split.json", '{"dataframe_split": {"columns": ["a", "b"], "data": [[2, 0.5], [1.5, 1]]}}'),
        ("records.json", '{"dataframe_records": [{"a": 2, "b": 0.5}, {"b": 1, "a": 1.5}]}'),
        ("list.json", '[{"a": 2, "b": 0.5}, {"b": 1, "a": 1.5}]'),
        ("inputs.json", '{"inputs": {"a": [2, 1.5], "b": [0.5, 1]}}'),
        ("instances.json", '{"instances": [{"a": 2, "b": 0.5}, {"b": 1, "a": 1.5}]}'),
    ],
)
def test_predict_reads_batches_of_every_form(cli: Cli, linear: Path, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    found = json.loads(cli.out("models", "predict", str(linear), "-i", str(tmp_path / name)))
    assert found["predictions"] == pytest.approx([1.5, 0.5])


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_predict_writes_answers_of_every_form(cli: Cli, linear: Path, tmp_path: Path, suffix: str) -> None:
    pd.DataFrame({"a": [2.0, 1.5], "b": [0.5, 1.0]}).to_parquet(tmp_path / "in.parquet")
    output = tmp_path / f"out.{suffix}"
    written = cli.json("models", "predict", str(linear), "-i", str(tmp_path / "in.parquet"), "-o", str(output))
    assert written == {"path": str(output), "env": "local", "rows": 2}
    if suffix == "json":
        found = json.loads(output.read_text())["predictions"]
    else:
        frame = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
        found = frame["prediction"].tolist()
    assert found == pytest.approx([1.5, 0.5])


def test_predict_takes_params_and_keeps_texts_as_they_are(cli: Cli, script: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("x,code\n1.5,007\n")
    arguments = ("models", "predict", str(script), "-i", str(tmp_path / "in.csv"), "--trust")
    assert json.loads(cli.out(*arguments)) == {"predictions": [1.5]}
    assert json.loads(cli.out(*arguments, "--params", '{"scale": 2}')) == {"predictions": [3.0]}
    assert "scale" in cli.refused(*arguments, "--params", '{"scale": "big"}')


def test_predict_refuses_what_does_not_fit(cli: Cli, linear: Path, script: Path, tmp_path: Path) -> None:
    def refused(content: str, name: str = "in.json", model: Path = linear, code: int = 1, **_: str) -> str:
        (tmp_path / name).write_text(content)
        return cli.refused("models", "predict", str(model), "-i", str(tmp_path / name), code=code)

    assert "UNTRUSTED_MODEL" in refused("{}", model=script)
    assert "one of dataframe_split" in refused("{}")
    assert "one of dataframe_split" in refused('{"inputs": [], "instances": []}')
    assert "unknown keys ['x']" in refused('{"inputs": [[1, 2]], "x": 1}')
    assert "cannot be read as json" in refused("{")
    assert "SCHEMA_MISMATCH" in refused("a,c\n1,2\n", "in.csv")
    assert "cannot be read as parquet" in refused("x", "in.parquet")
    assert "INVALID_VALUE" in refused("", "in.txt")
    assert "LOCAL_FILE" in cli.refused("models", "predict", str(linear), "-i", str(tmp_path / "absent.csv"))


@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_tensors_are_read_in_the_precision_of_the_model(cli: Cli, tmp_path: Path, key: str) -> None:
    save_model(LinearRegression().fit(np.eye(2, dtype="float32"), [1.0, 0.0]), tmp_path / "saved", signature=TENSOR)
    (tmp_path / "in.json").write_text(json.dumps({key: [[0.1, 0.1]]}))
    found = cli.out("models", "predict", str(tmp_path / "saved"), "-i", str(tmp_path / "in.json"))
    assert json.loads(found)["predictions"] == pytest.approx([0.5])
    (tmp_path / "in.csv").write_text("x,y\n0.5,0.5\n")
    found = cli.out("models", "predict", str(tmp_path / "saved"), "-i", str(tmp_path / "in.csv"))
    assert json.loads(found)["predictions"] == pytest.approx([0.5])


def test_single_precision_is_read_as_such(cli: Cli, tmp_path: Path) -> None:
    schema = Schema((Column(DataType.FLOAT, "x"), Column(DataType.DATETIME, "at"), Column(DataType.BINARY, "raw")))
    (tmp_path / "model.py").write_text(
        "from milepost.models import set_model\n"
        "set_model(lambda data: [str(data.x.dtype), data['at'][0].year, data.raw[0].hex()])\n"
    )
    save_model(tmp_path / "model.py", tmp_path / "saved", signature=ModelSignature(inputs=schema))
    (tmp_path / "in.csv").write_text("x,at,raw\n0.1,2026-01-31T12:00:00,AQI=\n")
    (tmp_path / "in.json").write_text('[{"x": 0.1, "at": "2026-01-31T12:00:00", "raw": "AQI="}]')
    for name in ("in.csv", "in.json"):
        found = cli.out("models", "predict", str(tmp_path / "saved"), "-i", str(tmp_path / name), "--trust")
        assert json.loads(found) == {"predictions": ["float32", 2026, "0102"]}


def test_numbers_in_csv_need_no_pandas(tmp_path: Path) -> None:
    columns = Schema((Column(DataType.DOUBLE, "a"), Column(DataType.DOUBLE, "b")))
    (tmp_path / "model.py").write_text("from milepost.models import set_model\nset_model(lambda data: data[:, 0])\n")
    save_model(tmp_path / "model.py", tmp_path / "saved", signature=ModelSignature(inputs=columns))
    (tmp_path / "in.csv").write_text("b,a\n1,2.5\n3,4\n")
    (tmp_path / "text.csv").write_text("b,a\n1,x\n")
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from milepost.cli.main import app\n"
        "app(['models', 'predict', sys.argv[1], '--trust', '-i', sys.argv[2]], prog_name='milepost')"
    )
    outcomes = []
    for name in ("in.csv", "text.csv"):
        command = [sys.executable, "-c", code, str(tmp_path / "saved"), str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        outcomes.append(done.stdout or done.stderr)
    assert json.loads(outcomes[0]) == {"predictions": [2.5, 4.0]}
    assert "MISSING_PACKAGE" in outcomes[1]
    assert "milepost-client[pandas]" in outcomes[1]


def test_download_makes_a_new_folder_of_verified_files(cli: Cli, linear: Path, changed: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in changed.iterdir()) == sorted(path.name for path in linear.iterdir())
    assert "exists" in cli.refused("models", "download", str(linear), "-o", str(changed))
    (changed / "extra").write_text("")
    assert "MODEL_CORRUPT" in cli.refused("models", "download", str(changed), "-o", str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_update_requirements_rewrites_the_model(cli: Cli, changed: Path) -> None:
    found = cli.json("models", "update-requirements", str(changed), "--add", "joblib<9", "--remove", "skops")
    assert [line.partition("==")[0] for line in found["requirements"]] == ["scikit-learn", "pandas", "joblib<9"]
    assert found["requirements"] == list(read_environment(changed).requirements)
    assert pyfunc.load_model(changed).verified
    assert "no line of absent" in cli.refused("models", "update-requirements", str(changed), "--remove", "absent")
    cli.run("models", "update-requirements", str(changed), code=2)


def test_update_requirements_infers_what_is_really_imported(
    cli: Cli, changed: Path, script: Path, tmp_path: Path
) -> None:
    found = cli.json("models", "update-requirements", str(changed), "--infer")
    names = {line.partition("==")[0] for line in found["requirements"]}
    assert {"numpy", "pandas", "scikit-learn", "scipy", "skops"} <= names
    assert not {"pytest", "rich", "grpcio", "typer"} & names
    cli.out("models", "download", str(script), "-o", str(tmp_path / "other"))
    result = cli.run("models", "update-requirements", str(tmp_path / "other"), "--infer")
    assert result.stderr.startswith("warning: What the model imports could not be seen")


def test_env_prints_and_copies_the_files(cli: Cli, linear: Path, tmp_path: Path) -> None:
    printed = cli.out("models", "env", str(linear)).splitlines()
    assert printed[0].startswith("# Python 3.")
    assert printed[1].startswith("scikit-learn==")
    found = cli.json("models", "env", str(linear), "-o", str(tmp_path / "files"))
    assert found["files"] == ["requirements.txt", "python_env.yaml", "conda.yaml"]
    assert (tmp_path / "files/conda.yaml").read_bytes() == (linear / "conda.yaml").read_bytes()


@pytest.fixture
def environments(tmp_path: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILEPOST_ENVIRONMENTS_DIR", str(tmp_path / "environments"))
        yield tmp_path / "environments"


def test_predict_in_an_environment_of_its_own(cli: Cli, script: Path, tmp_path: Path, environments: Path) -> None:
    (tmp_path / "in.csv").write_text("x,code\n1.5,a\n")
    arguments = ("models", "predict", str(script), "-i", str(tmp_path / "in.csv"), "--trust", "--env")
    assert json.loads(cli.out(*arguments, "uv")) == {"predictions": [1.5]}
    built = cli.json("models", "env", str(script), "--create", "--env", "uv", "--trust")
    assert built["activate"] == f". {built['path']}/bin/activate"
    assert [path.name for path in environments.iterdir() if path.is_dir()] == [Path(built["path"]).name]
    cli.run(*arguments, "conda", code=2)


def test_flavors_say_what_to_install(cli: Cli) -> None:
    found = {one["name"]: one for one in cli.json("models", "flavors")["flavors"]}
    assert found["sklearn"]["installed"]
    assert found["sklearn"]["formats"][0] == "skops"
    assert found["catboost"]["install"] == "pip install 'milepost-client[catboost]'"
    assert "catboost" in cli.out("models", "flavors")


def test_answers_of_many_kinds_are_written_as_json() -> None:
    from milepost.models._data_files import answer_json

    moment = pd.Timestamp("2026-01-31")
    for answer, expected in (
        (np.array([1.5, np.nan, np.inf]), [1.5, "NaN", "Infinity"]),
        (pd.DataFrame({"a": [1], "at": [moment]}), [{"a": 1, "at": "2026-01-31T00:00:00"}]),
        (pd.Series([True]), [True]),
        ({"x": np.float32(0.5), "raw": b"\1\2"}, {"x": 0.5, "raw": "AQI="}),
        (np.array(3), 3),
        ("text", "text"),
    ):
        assert json.loads(answer_json(answer)) == {"predictions": expected}
