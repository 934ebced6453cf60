"""Predictions by real worker processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost.models import save_model
from milepost.models.worker.frames import INLINE_BYTES
from milepost.models.worker.payload import Payload
from milepost.pyfunc import load_model
from milepost_server.errors import DeadlineExceeded, FailedPrecondition
from milepost_server.serving.engine import Engine
from support.serving_engines import Gate, ask, exists, running, texts
from support.serving_models import COLUMNS, ROWS, acting_model, mixed_model, tensor_model


@pytest_asyncio.fixture(scope="module")
async def classifier() -> AsyncIterator[Engine]:
    async with running(tensor_model(), workers=2, max_batch_rows=64) as engine:
        yield engine


@pytest_asyncio.fixture(scope="module")
async def acting() -> AsyncIterator[Engine]:
    async with running(acting_model(signed=False)) as engine:
        yield engine


def _memory_files() -> list[int]:
    """Sizes of the memory files that this process has open."""
    sizes = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            if "memfd:milepost" in str(path.readlink()):
                sizes.append(path.stat().st_size)
    return sizes


async def test_the_answer_is_that_of_the_model(classifier: Engine) -> None:
    prediction = await classifier.predict(Payload("array", [ROWS]))
    np.testing.assert_array_equal(prediction.payload.arrays[0], load_model(tensor_model()).predict(ROWS))
    assert prediction.timing.batch_rows == len(ROWS)
    assert (classifier.flavor, classifier.joins, classifier.ready_workers) == ("sklearn", True, 2)
    assert classifier.resident_bytes > 0


async def test_each_caller_of_a_batch_gets_its_own_rows(classifier: Engine) -> None:
    expected = load_model(tensor_model()).predict(ROWS)
    batches = [slice(start, start + 1 + start % 3) for start in range(90)]
    answers = await asyncio.gather(*(classifier.predict(Payload("array", [ROWS[rows]])) for rows in batches))
    for rows, answer in zip(batches, answers, strict=True):
        np.testing.assert_array_equal(answer.payload.arrays[0], expected[rows])
    assert max(answer.timing.batch_rows for answer in answers) > 3
    assert all(answer.timing.batch_rows <= 64 for answer in answers)


@pytest.mark.parametrize("names", [tuple(COLUMNS), None], ids=["names", "positions"])
async def test_frames_of_numbers_go_there_and_back_however_they_are_sent(
    names: tuple[str, ...] | None, acting: Engine
) -> None:
    for given in (Payload("frame", [ROWS], names, block=True), Payload("frame", list(ROWS.T), names)):
        answer = (await acting.predict(given)).payload
        assert (answer.form, answer.names, answer.block) == ("frame", names, True)
        np.testing.assert_array_equal(answer.arrays[0], ROWS)


async def test_a_frame_of_mixed_columns_goes_there_and_back() -> None:
    columns: list[np.ndarray[Any, Any]] = [
        np.array(["a", "ü\0"], dtype=object),
        np.array([1, 2**62]),
        np.array([True, False]),
        np.array(["2026-01-01T00:00:00", "1999-12-31T23:59:59.123456789"], dtype="datetime64[ns]"),
        np.array([0.5, np.nan]),
    ]
    given = Payload("frame", columns, ("name", "count", "active", "seen", "score"))
    async with running(mixed_model()) as engine:
        answer = (await engine.predict(given)).payload
    assert (answer.form, answer.names) == ("frame", given.names)
    for mine, its in zip(columns, answer.arrays, strict=True):
        assert (mine.dtype, repr(mine.tolist())) == (its.dtype, repr(its.tolist()))


@pytest.mark.parametrize("size", [INLINE_BYTES - 256, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1, 5 << 20])
async def test_data_of_any_size_go_there_and_back(size: int, acting: Engine) -> None:
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    answers = await asyncio.gather(*(acting.predict(Payload("array", [data + np.uint8(i)])) for i in range(5)))
    for i, answer in enumerate(answers):
        np.testing.assert_array_equal(answer.payload.arrays[0], data + np.uint8(i))


async def test_a_tensor_of_200_megabytes_goes_there_and_back_and_leaves_no_memory_behind(acting: Engine) -> None:
    data = np.arange(25_000_000, dtype=np.float64).reshape(-1, 1000)
    np.testing.assert_array_equal((await acting.predict(Payload("array", [data]))).payload.arrays[0], data)
    assert max(_memory_files()) <= 64 << 20


@pytest.mark.parametrize(
    "value", [["a", None], {"a": [1.5, {"$bytes": "AA=="}]}, float("inf"), "text", [b"\0\xff"]], ids=repr
)
async def test_values_of_json_go_there_and_back(value: Any, acting: Engine) -> None:
    assert (await acting.predict(Payload("value", value=value))).payload.value == value


async def test_what_a_model_prints_does_not_break_the_connection(acting: Engine) -> None:
    assert await ask(acting, "print hello") == ["print hello"]


async def test_a_lone_request_does_not_wait_for_others() -> None:
    async with running(acting_model(batching=True), max_batch_wait_s=30) as engine:
        assert [await ask(engine, "batch") for _ in range(3)] == [["1"]] * 3


async def test_requests_that_come_while_a_worker_is_busy_are_predicted_together(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    async with running(acting_model(batching=True), max_batch_rows=4) as engine:
        first = asyncio.create_task(ask(engine, gate.row))
        await gate.reached()
        others = [asyncio.create_task(ask(engine, *["batch"] * rows)) for rows in (1, 2, 2, 1)]
        alone = asyncio.create_task(engine.predict(texts("batch"), {"other": "params"}))
        await asyncio.sleep(0)
        gate.open()
        answers = await asyncio.gather(*others)
        assert answers == [["4"], ["4", "4"], ["2", "2"], ["4"]]
        assert (await alone).timing.batch_rows == 1
        assert (await first) == [gate.row]


async def test_models_that_do_not_say_so_are_asked_one_by_one(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    async with running(acting_model()) as engine:
        first = asyncio.create_task(ask(engine, gate.row))
        await gate.reached()
        others = [asyncio.create_task(ask(engine, "batch")) for _ in range(3)]
        await asyncio.sleep(0)
        gate.open()
        assert [await one for one in others] == [["1"]] * 3
        assert not engine.joins
        await first


class TestStreams:
    """Answers piece by piece."""

    async def test_each_piece_is_made_when_it_is_asked_for(self, acting: Engine, tmp_path: Path) -> None:
        made = tmp_path / "made"
        async with aclosing(self._pieces(acting, "a", f"wait {made}")) as pieces:
            assert (await anext(pieces)) == "a"
            assert await ask(acting, "pid") == await ask(acting, "pid")  # others are answered meanwhile
            assert not made.with_name("made.started").exists()
            made.touch()
            assert (await anext(pieces)) == f"wait {made}"
            with pytest.raises(StopAsyncIteration):
                await anext(pieces)

    async def test_closing_ends_the_generator(self, acting: Engine, tmp_path: Path) -> None:
        ended = tmp_path / "ended"
        async with aclosing(self._pieces(acting, "a", f"touch {ended}", "c")) as pieces:
            await anext(pieces)
            assert not ended.exists()
        await exists(ended)

    async def test_two_take_turns(self, acting: Engine) -> None:
        async with aclosing(self._pieces(acting, "a", "b")) as one, aclosing(self._pieces(acting, "1", "2")) as two:
            taken = [await anext(one), await anext(two), await anext(two), await anext(one)]
        assert taken == ["a", "1", "2", "b"]

    async def test_a_deadline_ends_it(self, acting: Engine, tmp_path: Path) -> None:
        gate, ended = Gate(tmp_path), tmp_path / "ended"
        given = texts("a", gate.row, f"touch {ended}")
        with pytest.raises(DeadlineExceeded):
            async for _ in acting.generate(given, deadline=time.monotonic() + 0.3):
                pass
        gate.open()
        await exists(ended)

    async def test_a_model_without_generator_says_so(self, classifier: Engine) -> None:
        with pytest.raises(FailedPrecondition) as refused:
            await anext(aiter(classifier.generate(Payload("array", [ROWS]))))
        assert refused.value.reason == pb.ERROR_REASON_MODEL_CANNOT_STREAM

    async def _pieces(self, engine: Engine, *rows: str) -> Any:
        async with aclosing(engine.generate(texts(*rows))) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield str(piece.arrays[0][0])


async def test_a_worker_sees_its_device_and_takes_one_thread_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    async with running(acting_model(), device=3) as engine:
        names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        assert await ask(engine, *(f"env {name}" for name in names)) == ["3", "1", "7"]


async def test_a_model_runs_in_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_ENVIRONMENTS_DIR", str(tmp_path / "environments"))
    script = tmp_path / "where.py"
    script.write_text("import sys; from milepost.models import set_model; set_model(lambda data: [sys.prefix])")
    save_model(script, tmp_path / "model", requirements=["milepost-client"])
    async with running(tmp_path / "model", environment="uv") as engine:
        answer = (await engine.predict(Payload("value", value=["a"]))).payload
    assert answer.value[0].startswith(str(tmp_path / "environments"))
