from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from milepost.cli.main import app
from milepost.errors import ModelError, SchemaMismatch
from milepost.models import save_model
from milepost.models.batch.isolated import predict_in_environment
from milepost.models.batch.predicting import Asking, predict_file
from milepost.models.batch.writing import appearing_file
from milepost.models.signatures.schema import Column, DataType, Param, Schema, Tensor
from milepost.models.signatures.signature import ModelSignature

# It answers what it was told to, and says how many rows it was asked at once.
SCRIPT = """
from milepost.models import set_model


def predict(data, answer="x"):
    if answer == "rows":
        return [len(data)] * len(data)
    if answer == "count":
        return [len(data)]
    if answer == "drift":
        return [1, 2] if len(data) == 2 else [0.5]
    if answer == "grown":
        return [1, 2] if len(data) == 2 else [3.0]
    if answer == "late":
        return [None, None] if len(data) == 2 else [0.5]
    if answer == "object":
        return {"total": float(data["x"].sum())}
    if answer == "types":
        return [", ".join(map(str, data.dtypes))] * len(data)
    if answer == "frame":
        return data[["x"]].astype("float32").assign(at=data["at"])
    if (data["x"] < 0).any():
        raise ValueError("x is negative")
    return data["x"].to_numpy()


set_model(predict)
"""
ANSWER = (Param("answer", DataType.STRING, "x"),)
X = Column(DataType.DOUBLE, "x")
OPTIONAL = (Column(DataType.LONG, "n", required=False), Column(DataType.DATETIME, "at", required=False))

Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Saves the model with these columns, or without a signature, in place of the one before."""

    def save(*columns: Column, outputs: Schema | None = None) -> Path:
        (tmp_path / "model.py").write_text(SCRIPT)
        shutil.rmtree(tmp_path / "saved", ignore_errors=True)
        inputs = Schema(columns) if columns else None
        signature = ModelSignature(inputs=inputs, outputs=outputs, params=ANSWER)
        save_model(tmp_path / "model.py", tmp_path / "saved", signature=signature, requirements=["pandas"])
        return tmp_path / "saved"

    return save


def asked(model: Path, data: Path, output: str, rows: int = 2, **options: Any) -> Path:
    """Asks two rows at once, and gives the file of the answers."""
    answers = data.with_name(output)
    params = {"answer": options.pop("answer")} if "answer" in options else {}
    with appearing_file(answers) as new:
        predict_file(model, data, new, Asking(params, rows, options.pop("keep", ())), trust=True, **options)
    return answers


def written(path: Path, frame: pd.DataFrame) -> Path:
    """A file of a frame, in the form that its suffix says."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=3)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    return path


def read(path: Path) -> pd.DataFrame:
    """The table in a file of answers."""
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_rows_are_asked_some_at_a_time_and_answered_in_their_order(
    saved: Saved, tmp_path: Path, suffix: str, output: str
) -> None:
    model = saved(X)
    data = written(tmp_path / f"in.{suffix}", pd.DataFrame({"x": [0.5, 1.5, 2.5, 3.5, 4.5]}))
    seen: list[tuple[int, float]] = []
    answers = asked(model, data, f"out.{output}", progress=lambda rows, share: seen.append((rows, share)))
    assert read(answers)["prediction"].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert [rows for rows, _ in seen] == [2, 4, 5]
    assert seen[-1][1] == 1.0
    assert read(asked(model, data, f"out.{output}", answer="rows"))["prediction"].tolist() == [2, 2, 2, 2, 1]


def test_a_document_of_json_holds_the_answers_to_all_pieces(saved: Saved, tmp_path: Path) -> None:
    model = saved(X)
    data = written(tmp_path / "in.jsonl", pd.DataFrame({"x": [0.5, 1.5, 2.5]}))
    assert asked(model, data, "out.json").read_text() == '{"predictions": [0.5, 1.5, 2.5]}\n'
    assert asked(model, data, "out.json", rows=3, answer="object").read_text() == '{"predictions": {"total": 4.5}}\n'
    with pytest.raises(ModelError, match="no list"):
        asked(model, data, "out.json", answer="object")


def test_what_a_column_holds_does_not_depend_on_the_piece(saved: Saved, tmp_path: Path) -> None:
    model = saved()
    frame = pd.DataFrame({"x": [1, 2, 3], "n": pd.array([1, 2, None], dtype="Int64")})
    frame["at"] = pd.to_datetime([None, None, "2026-01-31T12:00:00Z"])
    pq.write_table(pa.Table.from_pandas(frame).replace_schema_metadata(None), tmp_path / "in.parquet")
    found = read(asked(model, tmp_path / "in.parquet", "out.parquet", answer="types"))["prediction"]
    assert len(set(found)) == 1
    model = saved(X, *OPTIONAL)
    lines = ('{"x": 1.5}', '{"x": 2}', '{"x": 3, "n": 1, "at": "2026-01-31T12:00:00"}')
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    found = read(asked(model, tmp_path / "in.jsonl", "out.csv", answer="types"))["prediction"]
    assert {types.count(",") for types in found} == {2}


def test_integers_that_would_be_rounded_beside_missing_ones_are_refused(saved: Saved, tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [0.5, 1.5], "n": [2**53 + 1, None]}), tmp_path / "in.parquet")
    with pytest.raises(SchemaMismatch, match="beyond 2\\*\\*53") as caught:
        asked(saved(X, *OPTIONAL), tmp_path / "in.parquet", "out.csv")
    assert caught.value.field == "n"


def test_a_column_that_turns_into_text_is_refused_without_a_signature(saved: Saved, tmp_path: Path) -> None:
    model = saved()
    (tmp_path / "in.csv").write_text("x,code\n1,7\n2,8\n3,A9\n")
    with pytest.raises(SchemaMismatch, match=r"After row 2: Column 'code': has text where it had numbers"):
        asked(model, tmp_path / "in.csv", "out.csv")
    assert read(asked(model, tmp_path / "in.csv", "out.csv", rows=3))["prediction"].tolist() == [1, 2, 3]


def test_the_types_of_answers_are_kept_in_parquet(saved: Saved, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [0.1, 1.5, 2.5]})
    frame["at"] = pd.to_datetime(["2026-01-31T12:00:00+02:00", None, "2026-02-01T00:00:00+02:00"])
    data = written(tmp_path / "in.parquet", frame)
    schema = pq.read_table(asked(saved(X, OPTIONAL[1]), data, "out.parquet", answer="frame")).schema
    assert schema.field("x").type == pa.float32()
    assert schema.field("at").type.tz is not None


def test_answers_that_no_column_of_the_file_can_hold_are_refused(saved: Saved, tmp_path: Path) -> None:
    model = saved(X)
    data = written(tmp_path / "in.csv", pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
    for answer, hint in (("drift", "double here and had int64"), ("late", "had no value")):
        with pytest.raises(ModelError, match=f"Rows 3 to 3: Column 'prediction': has {hint}|{hint}"):
            asked(model, data, "out.parquet", answer=answer)
    assert read(asked(model, data, "out.parquet", answer="grown"))["prediction"].tolist() == [1, 2, 3]
    assert read(asked(model, data, "out.csv", answer="drift"))["prediction"].tolist() == [1, 2, 0.5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "model.py", "out.csv", "out.parquet", "saved"]


def test_the_signature_says_the_types_of_answers_that_begin_otherwise(saved: Saved, tmp_path: Path) -> None:
    model = saved(X, outputs=Schema((Column(DataType.DOUBLE, "prediction"),)))
    data = written(tmp_path / "in.csv", pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
    assert read(asked(model, data, "out.parquet", answer="drift"))["prediction"].tolist() == [1.0, 2.0, 0.5]
    late = pq.read_table(asked(model, data, "out.parquet", answer="late"))["prediction"].to_pylist()
    assert late == [None, None, 0.5]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_rows_at_fault_are_named_and_nothing_is_left(saved: Saved, tmp_path: Path, suffix: str) -> None:
    model = saved(X)
    data = written(tmp_path / f"in.{suffix}", pd.DataFrame({"x": [1.0, 2.0, 3.0, -1.0, 5.0]}))
    with pytest.raises(ModelError, match=r"^Rows 3 to 4: The model failed: ValueError: x is negative"):
        asked(model, data, f"out.{suffix}")
    frame = pd.DataFrame({"x": [1.0, 2.0, None]}) if suffix != "parquet" else pd.DataFrame({"y": [1.0]})
    with pytest.raises(SchemaMismatch) as caught:
        asked(saved(Column(DataType.LONG, "x")), written(data, frame), f"out.{suffix}")
    assert str(caught.value).startswith("Rows ")
    assert caught.value.field == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"in.{suffix}", "model.py", "saved"]


def test_lines_that_are_not_json_are_named(saved: Saved, tmp_path: Path) -> None:
    data = tmp_path / "in.jsonl"
    model = saved(X)
    for content, message in (
        ('{"x": 1}\n\n{"x": 1}\n{"x"\n', "After row 2: .*line 4: is not JSON"),
        ('{"x": 1}\n[1]\n', "some lines are objects"),
        ("", "has no rows"),
    ):
        data.write_text(content)
        with pytest.raises(SchemaMismatch, match=message):
            asked(model, data, "out.csv")


def test_answers_to_parts_of_a_file_are_not_joined_when_they_answer_it_as_a_whole(saved: Saved, tmp_path: Path) -> None:
    model = saved(X)
    data = written(tmp_path / "in.parquet", pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
    with pytest.raises(ModelError, match="answers 1 rows to 2"):
        asked(model, data, "out.csv", answer="count")
    assert read(asked(model, data, "out.csv", rows=3, answer="count"))["prediction"].tolist() == [3]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_columns_are_kept_beside_the_answers_as_they_are(saved: Saved, tmp_path: Path, suffix: str) -> None:
    model = saved(X)
    frame = pd.DataFrame({"id": ["007", None, "1e5"], "x": [0.5, 1.5, 2.5]})
    data = written(tmp_path / f"in.{suffix}", frame)
    table = pq.read_table(asked(model, data, "out.parquet", keep=("id", "x")))
    assert table.to_pydict() == {"id": ["007", None, "1e5"], "x": [0.5, 1.5, 2.5], "prediction": [0.5, 1.5, 2.5]}
    assert asked(model, data, "out.csv", keep=("id",)).read_text().splitlines()[1:] == ["007,0.5", ",1.5", "1e5,2.5"]
    with pytest.raises(SchemaMismatch, match="no column 'key' to keep"):
        asked(model, data, "out.csv", keep=("key",))
    renamed = written(data, frame.rename(columns={"id": "prediction"}))
    with pytest.raises(ModelError, match="has a column 'prediction' too"):
        asked(model, renamed, "out.csv", keep=("prediction",))


def test_tensors_are_read_in_pieces_too(tmp_path: Path) -> None:
    signature = ModelSignature(inputs=Schema((Tensor("float32", (-1, 2)),)))
    (tmp_path / "model.py").write_text("from milepost.models import set_model\nset_model(lambda data: data * 2)\n")
    save_model(tmp_path / "model.py", tmp_path / "saved", signature=signature)
    (tmp_path / "in.csv").write_text("a,b\n0.5,1\n0.25,2\n0.1,3\n")
    (tmp_path / "in.jsonl").write_text("[0.5, 1]\n[0.25, 2]\n[0.1, 3]\n")
    for name in ("in.csv", "in.jsonl"):
        table = pq.read_table(asked(tmp_path / "saved", tmp_path / name, "out.parquet"))
        assert table.schema.field("0").type == pa.float32()
        assert table.column("0").to_pylist() == [1.0, 0.5, float(np.float32(0.2))]


def test_an_empty_table_is_asked_as_such(saved: Saved, tmp_path: Path) -> None:
    model = saved(X)
    data = written(tmp_path / "in.parquet", pd.DataFrame({"x": pd.Series([], dtype="float64")}))
    assert read(asked(model, data, "out.parquet"))["prediction"].tolist() == []
    (tmp_path / "in.csv").write_text("x\n")
    assert asked(model, tmp_path / "in.csv", "out.csv").read_text() == "prediction\n"


def test_times_in_a_file_of_another_zone_stay_the_same_moments(saved: Saved, tmp_path: Path) -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    data = written(tmp_path / "in.parquet", pd.DataFrame({"x": [1.0], "at": [pd.Timestamp(moment)]}))
    kept = pq.read_table(asked(saved(X), data, "out.parquet", keep=("at",)))["at"].to_pylist()
    assert kept == [moment]


def test_the_command_names_the_rows_and_prints_pieces_as_one_document(saved: Saved, tmp_path: Path) -> None:
    model = saved(X)
    data = written(tmp_path / "in.csv", pd.DataFrame({"x": [0.5, 1.5, -1.0]}))
    arguments = ["models", "predict", str(model), "-i", str(data), "--trust", "--batch-rows", "2"]
    result = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out.csv")])
    assert result.exit_code == 1
    assert result.stderr == "milepost: MODEL: Rows 3 to 3: The model failed: ValueError: x is negative\n"
    result = CliRunner().invoke(app, [*arguments, "--params", '{"answer": "rows"}', "--keep", "x"])
    assert json.loads(result.stdout) == {
        "predictions": [{"x": 0.5, "prediction": 2}, {"x": 1.5, "prediction": 2}, {"x": -1.0, "prediction": 1}]
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "model.py", "saved"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_progress_is_shown_where_a_person_looks(saved: Saved, tmp_path: Path) -> None:
    import pty

    data = written(tmp_path / "in.csv", pd.DataFrame({"x": [0.5] * 5}))
    command = [sys.executable, "-m", "milepost.cli.main", "models", "predict", str(saved(X)), "--trust"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*command, "-i", str(data), "-o", str(tmp_path / "out.csv")], stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while chunk := os.read(ours, 65536):
            shown += chunk
    os.close(ours)
    assert process.wait(60) == 0
    assert b"5 rows, " in shown
    assert b"a second" in shown


def test_an_environment_of_its_own_streams_likewise(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILEPOST_ENVIRONMENTS_DIR", str(tmp_path / "environments"))
    model = saved(X)
    data = written(tmp_path / "in.csv", pd.DataFrame({"x": [0.5, 1.5, -2.5]}))
    output = tmp_path / "out.jsonl"
    with pytest.raises(ModelError, match="Rows 3 to 3: The model failed"):
        predict_in_environment(model, data, output, asking=Asking(rows=2), trust=True)
    assert not list(tmp_path.glob("*out*"))
    seen: list[int] = []
    asking = Asking({"answer": "rows"}, rows=2, keep=("x",))
    rows = predict_in_environment(
        model, data, output, asking=asking, trust=True, progress=lambda rows, _: seen.append(rows)
    )
    assert rows == 3
    assert read(output).to_dict("list") == {"x": [0.5, 1.5, -2.5], "prediction": [2, 2, 1]}
