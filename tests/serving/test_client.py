"""The client of model servers: batches and answers in every form, errors, and what is repeated."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from milepost.errors import BadModelInput, ModelCannotStream, ModelFailed, ServedModelNotFound, WorkerLost
from milepost.serving import AsyncModelServer, ModelServer
from support.servers import RunningModelServer
from support.serving_models import CLASSES, COLUMNS, ROWS, acting_model, columns_model, mixed_model, tensor_model
from support.waiting import until

FRAME = pd.DataFrame(ROWS[:10], columns=COLUMNS)
EXPECTED = CLASSES[:10]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningModelServer]:
    models = {
        "tensor": tensor_model(),
        "columns": columns_model(),
        "mixed": mixed_model(),
        "acting": acting_model(),
        "echo": acting_model(signed=False),
    }
    made = RunningModelServer(*(f"{name}={folder}" for name, folder in models.items()), trust=True)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(running: RunningModelServer) -> Iterator[ModelServer]:
    with ModelServer(running.grpc_address) as made:
        yield made


@pytest.fixture
async def aio(running: RunningModelServer) -> AsyncIterator[AsyncModelServer]:
    async with AsyncModelServer(running.grpc_address) as made:
        yield made


def test_an_array_is_answered_by_an_array(server: ModelServer) -> None:
    prediction = server.predict("tensor", ROWS[:10], id="mine")
    assert prediction.data.dtype == np.int64
    assert prediction.data.tolist() == EXPECTED.tolist()
    assert (prediction.version, prediction.id) == (0, "mine")


def test_named_arrays_are_answered_by_named_arrays(server: ModelServer) -> None:
    answer = server.predict("columns", {name: ROWS[:10, at] for at, name in enumerate(COLUMNS)}).data
    assert {name: array.tolist() for name, array in answer.items()} == {"output": EXPECTED.tolist()}


@pytest.mark.parametrize("rows", [FRAME.to_dict("records"), ROWS[:10].tolist()], ids=["objects", "lists"])
def test_rows_are_answered_by_rows(server: ModelServer, rows: list[Any]) -> None:
    assert server.predict("columns", rows).data == EXPECTED.tolist()


@pytest.mark.parametrize(
    ("batch", "column"),
    [
        (FRAME, lambda answer: answer["output"].tolist()),
        (pl.from_pandas(FRAME), lambda answer: answer["output"].to_list()),
        (pa.Table.from_pandas(FRAME, preserve_index=False), lambda answer: answer["output"].to_pylist()),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_a_data_frame_is_answered_by_one_of_its_library(
    server: ModelServer, batch: Any, column: Callable[[Any], list[int]]
) -> None:
    answer = server.predict("columns", batch).data
    assert type(answer) is type(batch)
    assert column(answer) == EXPECTED.tolist()


@pytest.mark.parametrize(
    "array",
    [
        np.array([0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000, 1], dtype=np.uint64).view(np.float64),
        np.array([0x7FC00001, 0x80000000, 1], dtype=np.uint32).view(np.float32),
        np.arange(6, dtype=np.float16).reshape(1, 2, 3),
        np.array([2**63 - 1, -(2**63)]),
        np.array([2**64 - 1], dtype=np.uint64),
        np.array([[1, 2], [3, 4]], dtype=np.int32).T,
        np.array([1.5, -2.5], dtype=">f8"),
        np.array([True, False]),
    ],
    ids=["doubles", "singles", "halves", "long", "unsigned", "transposed", "big-endian", "bool"],
)
def test_arrays_come_back_to_the_bit(server: ModelServer, array: Any) -> None:
    answer = server.predict("echo", array).data
    assert answer.shape == array.shape
    assert answer.dtype == array.dtype.newbyteorder("=")
    assert answer.tobytes() == array.astype(answer.dtype).tobytes()
    answer[...] = answer  # what is handed out can be written to


@pytest.mark.parametrize("items", [[b"\x00\xff", b""], ["ü", ""]], ids=["bytes", "texts"])
def test_bytes_and_texts_come_back_whole(server: ModelServer, items: list[Any]) -> None:
    batch = np.array([items], dtype=object)
    assert server.predict("echo", batch).data.tolist() == [items]


def test_missing_values_of_a_frame_stay_what_they_are(server: ModelServer) -> None:
    batch = pd.DataFrame(
        {
            "name": ["ä", "b\x00"],
            "count": [2**53 + 1, -1],
            "active": [True, False],
            "seen": pd.to_datetime(["2026-01-01T00:00:00.000", "2026-01-02T03:04:05.678"]),
            "score": [0.1, np.nan],
        }
    )
    answer = server.predict("mixed", batch).data
    assert answer["score"].tolist()[0] == 0.1
    assert np.isnan(answer["score"].tolist()[1])
    for name in ("name", "count", "active", "seen"):
        assert answer[name].tolist() == batch[name].tolist()


def test_a_frame_needs_no_pyarrow(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milepost.serving._frames.find_spec", lambda _: None)
    answer = server.predict("columns", FRAME).data
    assert answer["output"].tolist() == EXPECTED.tolist()


def test_a_missing_column_is_named(server: ModelServer) -> None:
    with pytest.raises(BadModelInput) as refused:
        server.predict("columns", FRAME.drop(columns="x3"))
    assert refused.value.metadata["field"] == "x3"


@pytest.mark.parametrize("version", [0, 7])
def test_a_model_or_version_that_is_not_served_is_told(server: ModelServer, version: int) -> None:
    with pytest.raises(ServedModelNotFound):
        server.predict("tensor" if version else "none", ROWS, version=version)


def test_an_error_of_the_model_is_told_by_its_kind_only(server: ModelServer) -> None:
    with pytest.raises(ModelFailed) as failed:
        server.predict("acting", np.array(["raise secret"]))
    assert failed.value.metadata["errorKind"] == "ValueError"
    assert "secret" not in str(failed.value)


def test_a_request_whose_process_was_killed_is_repeated(server: ModelServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    pid = int(server.predict("acting", np.array(["pid"])).data[0])
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(server.predict("acting", np.array([f"wait {gate}"]))))
    caller.start()
    until(lambda: gate.with_name("gate.started").exists())
    os.kill(pid, signal.SIGKILL)
    gate.touch()
    caller.join()
    assert answers[0].data.tolist() == [f"wait {gate}"]


def test_a_request_that_kills_its_process_is_repeated_once(server: ModelServer) -> None:
    before = server.get("acting").versions[0].restarts
    with pytest.raises(WorkerLost):
        server.predict("acting", np.array(["kill"]))
    assert server.get("acting").versions[0].restarts == before + 2


def test_pieces_of_an_answer_come_one_by_one(server: ModelServer, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    pieces = server.generate("acting", np.array(["a", f"touch {ended}", "b"]), id="mine")
    first = next(pieces)
    assert (first.data.tolist(), first.id) == (["a"], "mine")
    pieces.close()  # type: ignore[attr-defined]  # it is a generator
    until(ended.exists)


def test_a_model_without_pieces_says_so(server: ModelServer) -> None:
    with pytest.raises(ModelCannotStream):
        next(server.generate("tensor", ROWS[:1]))


def test_the_served_models_are_listed_by_name_page_by_page(server: ModelServer) -> None:
    names = ["acting", "columns", "echo", "mixed", "tensor"]
    assert [model.name for model in server.list(page_size=2)] == names
    assert [model.name for model in server.list(limit=3)] == names[:3]


async def test_the_asynchronous_client_predicts_and_lists(aio: AsyncModelServer) -> None:
    prediction = await aio.predict("tensor", ROWS[:10])
    assert prediction.data.tolist() == EXPECTED.tolist()
    assert [piece.data.tolist() async for piece in aio.generate("acting", np.array(["a", "b"]))] == [["a"], ["b"]]
    assert (await aio.get("tensor")).name == "tensor"
    assert len(await aio.list().to_list()) == 5
    with pytest.raises(ServedModelNotFound):
        await aio.unload("none")
