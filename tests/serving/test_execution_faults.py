"""Models that fail, end, hang or grow: only those who asked for it notice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost.models import save_model
from milepost.models.format.descriptor import ModelDescriptor
from milepost_server.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    ModelFailed,
    ResourceExhausted,
    Unavailable,
)
from milepost_server.serving.engine import Engine
from milepost_server.serving.execution import start_engine
from milepost_server.serving.options import Options
from support.serving_engines import Gate, ask, exists, running, texts, until
from support.serving_models import acting_model


@pytest_asyncio.fixture(scope="module")
async def alone() -> AsyncIterator[Engine]:
    """One worker, no spare, requests one by one."""
    async with running(acting_model()) as engine:
        yield engine


@pytest_asyncio.fixture(scope="module")
async def joined() -> AsyncIterator[Engine]:
    """One worker and a spare, requests together."""
    async with running(acting_model(batching=True), spares=1) as engine:
        yield engine


@pytest.mark.parametrize(("row", "kind"), [("raise secret", "ValueError"), ("exit", "SystemExit")])
async def test_an_error_of_the_model_is_told_by_kind_and_logged_under_an_id(
    row: str, kind: str, alone: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    [pid] = await ask(alone, "pid")
    with pytest.raises(ModelFailed) as failed:
        await ask(alone, row)
    assert failed.value.metadata["errorKind"] == kind
    assert "secret" not in str(failed.value)
    logged = [record for record in caplog.records if getattr(record, "error_id", "") in str(failed.value)]
    assert [record.kind for record in logged] == [kind]  # type: ignore[attr-defined]
    assert await ask(alone, "pid") == [pid]


async def test_data_that_the_worker_refuses_are_the_callers_fault(alone: Engine) -> None:
    payload = texts("a")
    payload.arrays = [payload.arrays[0].reshape(1, 1)]
    with pytest.raises(InvalidArgument) as refused:
        await alone.predict(payload)
    assert refused.value.reason == pb.ERROR_REASON_BAD_MODEL_INPUT


async def test_a_process_that_is_killed_fails_its_own_request_and_is_replaced(alone: Engine) -> None:
    [pid], before = await ask(alone, "pid"), alone.restarts
    killed = asyncio.create_task(ask(alone, "kill"))
    after = asyncio.create_task(ask(alone, "pid"))
    with pytest.raises(Unavailable, match="SIGKILL") as lost:
        await killed
    assert lost.value.reason == pb.ERROR_REASON_WORKER_LOST
    assert (await after) != [pid]
    assert alone.restarts == before + 1


async def test_a_spare_takes_over_at_once(joined: Engine) -> None:
    await until(lambda: len(joined._pool.processes) == 2)  # type: ignore[attr-defined]
    spare = joined._pool.processes[1].pid  # type: ignore[attr-defined]
    [pid] = await ask(joined, "pid")
    os.kill(int(pid), signal.SIGKILL)
    await until(lambda: joined._pool.processes[:1] and joined._pool.processes[0].pid != int(pid))  # type: ignore[attr-defined]
    assert await ask(joined, "pid") == [str(spare)]


@pytest.mark.parametrize("poison", ["raise no", "kill", "exit"])
async def test_those_who_shared_a_batch_with_it_are_answered(poison: str, joined: Engine, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    first = asyncio.create_task(ask(joined, gate.row))
    await gate.reached()
    rows = ["a", "b", poison, "c"]
    others = [asyncio.create_task(ask(joined, row)) for row in rows]
    await asyncio.sleep(0)
    gate.open()
    answers = await asyncio.gather(*others, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, list)] == [["a"], ["b"], ["c"]]
    assert isinstance(answers[2], Unavailable if poison == "kill" else ModelFailed)
    assert await first == [gate.row]


async def test_a_model_that_does_not_answer_row_by_row_is_asked_one_by_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(tmp_path)
    async with running(acting_model(batching=True)) as engine:
        first = asyncio.create_task(ask(engine, gate.row))
        await gate.reached()
        others = [asyncio.create_task(ask(engine, row)) for row in ("rows 1", "b", "c")]
        await asyncio.sleep(0)
        gate.open()
        assert [await one for one in others] == [["row"], ["b"], ["c"]]
        assert not engine.joins
        await first
    assert "does not answer row by row" in caplog.text


async def test_a_prediction_that_takes_too_long_is_ended_with_its_process(tmp_path: Path) -> None:
    async with running(acting_model(), predict_timeout_s=0.5) as engine:
        [pid] = await ask(engine, "pid")
        with pytest.raises(DeadlineExceeded, match=r"longer than 0\.5 s"):
            await ask(engine, f"wait {tmp_path / 'never'}")
        await until(lambda: engine.restarts == engine.ready_workers == 1)
        assert await ask(engine, "pid") != [pid]


async def test_a_deadline_is_kept_in_the_queue_and_at_work(alone: Engine, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    at_work = asyncio.create_task(ask(alone, gate.row, deadline=time.monotonic() + 0.2))
    queued = asyncio.create_task(ask(alone, "a", deadline=time.monotonic() + 0.1))
    for task in (at_work, queued):
        with pytest.raises(DeadlineExceeded):
            await task
    assert alone.queued == 0
    with pytest.raises(DeadlineExceeded):
        await ask(alone, "a", deadline=time.monotonic() - 1)
    gate.open()
    assert await ask(alone, "b") == ["b"]


async def test_what_does_not_fit_the_queue_is_refused_with_advice(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    async with running(acting_model(), max_queue=2) as engine:
        tasks = [asyncio.create_task(ask(engine, row)) for row in (gate.row, "a", "b")]
        await gate.reached()
        with pytest.raises(ResourceExhausted) as refused:
            await ask(engine, "c")
        assert refused.value.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS
        assert refused.value.retry_after_s is not None
        gate.open()
        assert [await task for task in tasks] == [[gate.row], ["a"], ["b"]]


async def test_a_caller_who_goes_away_leaves_the_queue(alone: Engine, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    first = asyncio.create_task(ask(alone, gate.row))
    await gate.reached()
    next_one = asyncio.create_task(ask(alone, "next"))  # a worker of a quick model holds it already
    gone = asyncio.create_task(ask(alone, "gone"))
    await until(lambda: alone.queued >= 1)
    queued = alone.queued
    gone.cancel()
    await asyncio.wait([gone])
    assert alone.queued == queued - 1
    gate.open()
    assert [await first, await next_one] == [[gate.row], ["next"]]


async def test_a_process_that_grows_too_large_is_replaced_by_one_that_is_ready() -> None:
    async with running(acting_model(), max_worker_bytes=300 << 20) as engine:
        [pid] = await ask(engine, "pid")
        assert await ask(engine, f"leak {300 << 20}") == [f"leak {300 << 20}"]
        answered: list[str] = [pid]
        while answered == [pid]:
            answered = await ask(engine, "pid")  # by the old one until the new one is ready
        await until(lambda: engine.restarts == 1)


async def test_a_stream_ends_with_its_process(joined: Engine) -> None:
    pieces = joined.generate(texts("a", "kill", "c"))
    assert (await anext(pieces)).arrays[0][0] == "a"
    with pytest.raises(Unavailable):
        await anext(pieces)


async def test_closing_answers_what_there_is(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    async with running(acting_model()) as engine:
        tasks = [asyncio.create_task(ask(engine, row)) for row in (gate.row, "a")]
        await gate.reached()
        closing = asyncio.create_task(engine.close(30))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await ask(engine, "b")
        assert refused.value.reason == pb.ERROR_REASON_SHUTTING_DOWN
        gate.open()
        assert [await task for task in tasks] == [[gate.row], ["a"]]
        await closing


async def test_what_is_not_answered_in_time_when_it_closes_fails(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    async with running(acting_model(batching=True), max_batch_wait_s=0) as engine:
        first = asyncio.create_task(ask(engine, gate.row))
        await gate.reached()
        both = [asyncio.create_task(ask(engine, row)) for row in ("a", f"wait {tmp_path / 'never'}", "c")]
        gate.open()
        await first
        await exists(tmp_path / "never.started")
        last = asyncio.create_task(ask(engine, "d"))
        await until(lambda: engine.queued == 1)
        await engine.close(0.01)
        outcomes = await asyncio.gather(*both, last, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)


async def test_a_model_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("import sys; sys.exit(4)")
    save_model(script, tmp_path / "model")
    descriptor = ModelDescriptor.read(tmp_path / "model")
    with pytest.raises(FailedPrecondition, match="start the server with --trust") as refused:
        await start_engine(tmp_path / "model", descriptor, Options())
    assert refused.value.reason == pb.ERROR_REASON_MODEL_NOT_LOADABLE
    with pytest.raises(FailedPrecondition, match="SystemExit: 4"):
        await start_engine(tmp_path / "model", descriptor, Options(trust=True))


async def test_loading_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text("import time; time.sleep(60)")
    save_model(script, tmp_path / "model")
    with pytest.raises(FailedPrecondition, match="took longer than 1 s"):
        await start_engine(
            tmp_path / "model", ModelDescriptor.read(tmp_path / "model"), Options(trust=True, load_timeout_s=1)
        )


def test_workers_end_when_the_server_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from support.serving_engines import ask, running\n"
        "from pathlib import Path\n"
        "async def main():\n"
        "    async with running(Path(sys.argv[1])) as engine:\n"
        "        print(*await ask(engine, 'pid'), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    server = subprocess.Popen([sys.executable, "-c", script, acting_model()], stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        worker = Path("/proc") / server.stdout.readline().strip()
        assert worker.exists()
        server.kill()
    while worker.exists() and "Z" not in (worker / "stat").read_text().rpartition(")")[2].split()[0]:
        time.sleep(0.01)
