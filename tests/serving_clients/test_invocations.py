"""`/invocations` and its neighbours by plain HTTP, as MLflow's scoring server is asked."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

FEATURES = 20
COLUMNS = [f"x{number}" for number in range(FEATURES)]
ROWS = np.random.default_rng(1).normal(size=(3, FEATURES)).tolist()
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
TABLE = {name: [row[number] for row in ROWS] for number, name in enumerate(COLUMNS)}
CLASSES = [int(row[0] > 0) for row in ROWS]

CSV = {"content-type": "text/csv"}
JSON = {"content-type": "application/json"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}


def csv() -> bytes:
    return "\n".join([",".join(COLUMNS), *(",".join(map(repr, row)) for row in ROWS)]).encode()


def parquet() -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(pa.table(TABLE), file)
    return file.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": COLUMNS, "data": ROWS}},
        {"dataframe_split": {"columns": COLUMNS, "index": [7, 8, 9], "data": ROWS}},
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"inputs": TABLE},
    ],
    ids=["split", "split with index", "records", "instances", "inputs"],
)
def test_columns_in_json(plain: httpx.Client, body: dict[str, Any]) -> None:
    response = plain.post("/models/columns/invocations", json=body)
    assert (response.status_code, response.json()) == (200, {"predictions": CLASSES})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [{"instances": ROWS}, {"inputs": ROWS}], ids=["instances", "inputs"])
def test_tensors_in_json(plain: httpx.Client, body: dict[str, Any]) -> None:
    assert plain.post("/models/tensor/invocations", json=body).json() == {"predictions": CLASSES}


def test_csv(plain: httpx.Client) -> None:
    response = plain.post("/models/columns/invocations", content=csv(), headers=CSV)
    assert (response.status_code, response.json()) == (200, {"predictions": CLASSES})


def test_parquet(plain: httpx.Client) -> None:
    response = plain.post("/models/columns/invocations", content=parquet(), headers=PARQUET)
    assert (response.status_code, response.json()) == (200, {"predictions": CLASSES})


def test_a_charset_may_be_said_and_a_body_compressed(plain: httpx.Client) -> None:
    body = gzip.compress(json.dumps({"instances": ROWS}).encode())
    headers = {"content-type": "application/json; charset=utf-8", "content-encoding": "gzip"}
    response = plain.post("/models/tensor/invocations", content=body, headers=headers)
    assert response.json() == {"predictions": CLASSES}


def test_a_version_may_be_named(plain: httpx.Client) -> None:
    response = plain.post("/models/tensor/versions/0/invocations", json={"inputs": ROWS})
    assert response.json() == {"predictions": CLASSES}


def test_columns_of_several_types_come_back_as_records(plain: httpx.Client) -> None:
    record = {"name": "a", "count": 2**40, "active": True, "seen": "2026-01-02T03:04:05.678", "score": 0.5}
    response = plain.post("/models/mixed/invocations", json={"dataframe_records": [record, {**record, "score": None}]})
    assert response.status_code == 200
    first, second = response.json()["predictions"]
    assert {**first, "seen": record["seen"]} == record
    assert first["seen"].startswith("2026-01-02T03:04:05.678")
    assert second["score"] == "NaN"  # JSON has no such number


def test_without_a_name_one_model_has_to_be_chosen(plain: httpx.Client) -> None:
    response = plain.post("/invocations", json={"inputs": ROWS})
    assert response.status_code == 400
    assert "/models/NAME/invocations" in response.json()["message"]


def test_health_and_version_are_those_of_the_scoring_server(plain: httpx.Client) -> None:
    assert [(plain.get(path).status_code, plain.get(path).text) for path in ("/ping", "/health")] == [(200, "\n")] * 2
    assert plain.get("/version").text == "3.17.0"


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("tensor", {"content-type": "application/xml"}, b"<a/>", 415),
        ("tensor", {"content-type": "application/json; charset=latin-1"}, b"{}", 415),
        ("tensor", {}, b"{}", 415),
        ("tensor", JSON, b"{", 400),
        ("tensor", JSON, b"[1]", 400),
        ("tensor", JSON, b"", 400),
        ("tensor", JSON, b"null", 400),
        ("tensor", JSON, b'{"instances": [[1]], "inputs": [[1]]}', 400),
        ("tensor", JSON, b'{"instances": [[1, 2]]}', 400),
        ("tensor", JSON, b'{"instances": []}', 400),
        ("columns", CSV, b"a,b\n1", 400),
        ("columns", CSV, b"\xff", 400),
        ("columns", PARQUET, b"PAR1 no", 400),
        ("missing", JSON, b'{"instances": [[1]]}', 404),
    ],
)
def test_refusals_have_the_form_of_mlflow(
    plain: httpx.Client, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = plain.post(f"/models/{path}/invocations", content=body, headers=headers)
    assert (response.status_code, set(response.json())) == (status, {"error_code", "message"})


def test_a_body_beyond_the_limit_is_refused_unread(plain: httpx.Client) -> None:
    response = plain.post("/models/tensor/invocations", content=bytes(65 * 1024 * 1024), headers=JSON)
    assert response.status_code == 413
