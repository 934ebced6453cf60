"""The fluent API against a real server."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import milepost
from milepost import _context
from milepost.errors import LoggingError, RunAlreadyActive, RunNotFound, TagNotFound
from support.servers import RunningServer


@pytest.fixture(autouse=True)
def experiment(server: RunningServer) -> Iterator[milepost.Experiment]:
    milepost.set_tracking_uri(server.grpc_address)
    yield milepost.set_experiment(f"fluent-{uuid.uuid4().hex}")
    while milepost.active_run() is not None:
        milepost.end_run()
    for session in _context.sessions.values():
        session.writer.close(30)
        session.client.close()
    milepost.set_tracking_uri(None)


def read(run: milepost.Run) -> milepost.Run:
    return milepost.get_run(run.run_id)


def test_a_block_is_a_run_from_start_to_finish(experiment: milepost.Experiment) -> None:
    with milepost.start_run(run_name="first", params={"lr": 0.1}, tags={"t": "x"}, description="d") as run:
        assert milepost.active_run() is run
        milepost.log_param("depth", 3)
        milepost.log_metric("loss", 0.5, step=1)
        milepost.log_metric("loss", np.float32(0.25), step=2)
        milepost.log_metrics({"a": 1, "b": float("nan")}, step=2)
        milepost.set_tag("stage", 1)
    found = read(run)
    assert milepost.active_run() is None
    assert (found.name, found.description, found.experiment_id) == ("first", "d", experiment.experiment_id)
    assert (found.state, found.params) == (milepost.RunState.FINISHED, {"lr": 0.1, "depth": 3})
    assert (found.metrics["loss"], found.metrics["a"], found.tags["stage"]) == (0.25, 1.0, "1")
    assert found.end_time is not None
    assert found.user


def test_runs_say_where_their_code_comes_from() -> None:
    with milepost.start_run() as run:
        pass
    assert {"milepost.host", "milepost.command", "milepost.python.version"} <= set(read(run).tags)


def test_every_point_of_a_loop_is_stored_in_order() -> None:
    with milepost.start_run() as run:
        for step in range(20_000):
            milepost.log_metric("loss", step / 2, step=step, timestamp_ms=step)
        history = run.metric_history("loss")
    assert history.values.tolist() == [step / 2 for step in range(20_000)]
    assert history.steps.tolist() == history.timestamps_ms.tolist() == list(range(20_000))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("x"), milepost.RunState.FAILED),
        (KeyboardInterrupt(), milepost.RunState.KILLED),
        (SystemExit(1), milepost.RunState.FAILED),
        (SystemExit(0), milepost.RunState.FINISHED),
    ],
)
def test_an_exception_decides_how_its_run_ends_and_goes_on(error: BaseException, state: milepost.RunState) -> None:
    run = milepost.start_run()
    with pytest.raises(type(error)), run:
        raise error
    assert read(run).state is state


def test_logging_without_a_run_starts_one() -> None:
    milepost.log_metric("loss", 1.0)
    run = milepost.active_run()
    assert run is not None
    milepost.end_run("KILLED")
    assert milepost.active_run() is None
    assert milepost.last_active_run() is run
    assert read(run).state is milepost.RunState.KILLED


def test_a_second_run_must_be_nested() -> None:
    with milepost.start_run() as outer:
        with pytest.raises(RunAlreadyActive):
            milepost.start_run()
        with milepost.start_run(nested=True) as inner:
            milepost.log_param("where", "inner")
        milepost.log_param("where", "outer")
    assert read(inner).parent_run_id == outer.run_id
    assert (read(inner).params, read(outer).params) == ({"where": "inner"}, {"where": "outer"})


def test_a_run_is_resumed_and_ends_again() -> None:
    with milepost.start_run() as first:
        milepost.log_metric("loss", 1.0, step=1)
    with milepost.start_run(run_id=first.run_id) as again:
        assert read(again).state is milepost.RunState.RUNNING
        assert read(again).end_time is None
        milepost.log_metric("loss", 2.0, step=2)
    assert read(first).metrics == {"loss": 2.0}
    assert read(first).state is milepost.RunState.FINISHED


def test_resuming_a_run_that_is_not_there_is_an_error() -> None:
    with pytest.raises(RunNotFound):
        milepost.start_run(run_id="nothing")
    assert milepost.active_run() is None


def test_threads_and_tasks_do_not_see_each_others_runs() -> None:
    seen: list[milepost.Run | None] = []
    with milepost.start_run() as run:
        thread = threading.Thread(target=lambda: seen.append(milepost.active_run()))
        thread.start()
        thread.join()
    assert seen == [None]

    async def one(number: int) -> dict[str, Any]:
        with milepost.start_run() as mine:
            await asyncio.sleep(0)
            milepost.log_param("n", number)
            await asyncio.sleep(0)
        return (await asyncio.to_thread(read, mine)).params

    async def both() -> list[dict[str, Any]]:
        return list(await asyncio.gather(one(1), one(2)))

    result: list[list[dict[str, Any]]] = []
    runner = threading.Thread(target=lambda: result.append(asyncio.run(both())))
    runner.start()
    runner.join()
    assert result == [[{"n": 1}, {"n": 2}]]
    assert run.ended


def test_a_thread_uses_the_experiment_chosen_elsewhere(experiment: milepost.Experiment) -> None:
    found: list[str] = []

    def work() -> None:
        with milepost.start_run() as run:
            found.append(run.experiment_id)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [experiment.experiment_id]


def test_an_experiment_can_be_named_for_one_run() -> None:
    name = f"other-{uuid.uuid4().hex}"
    with milepost.start_run(experiment=name) as run:
        pass
    assert milepost.get_experiment_by_name(name).experiment_id == run.experiment_id


def test_a_param_of_any_type_is_logged_as_text() -> None:
    with milepost.start_run() as run:
        milepost.log_params({"path": Path("a/b"), "big": 2**70, "list": [1, 2], "none": None})
    assert read(run).params == {"path": "a/b", "big": str(2**70), "list": [1, 2], "none": None}


def test_a_param_conflict_is_a_warning_and_its_neighbours_are_stored() -> None:
    with pytest.warns(milepost.MilepostWarning, match="'lr'"), milepost.start_run() as run:  # noqa: PT031
        milepost.log_param("lr", 1)
        milepost.log_params({"lr": 2, "depth": 3})
        milepost.log_metric("loss", 0.5)
    assert read(run).params == {"lr": 1, "depth": 3}
    assert read(run).metrics == {"loss": 0.5}


def test_a_flush_reports_a_loss_once() -> None:
    with milepost.start_run():
        milepost.log_params({"lr": 1})
        milepost.log_params({"lr": 2})
        with pytest.warns(milepost.MilepostWarning, match="PARAM_CONFLICT|refused"):
            assert not milepost.flush()
        assert milepost.flush()


def test_strict_raises_at_the_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_STRICT", "1")
    with milepost.start_run():
        milepost.log_param("lr", 1)
        milepost.log_param("lr", 2)
        with pytest.raises(LoggingError):
            milepost.flush()
        milepost.log_metric("loss", 0.5)


def test_a_value_that_is_no_number_raises_at_once() -> None:
    with milepost.start_run(), pytest.raises(ValueError, match="float"):
        milepost.log_metric("loss", "high")  # type: ignore[arg-type]


def test_tags_are_changed_and_removed() -> None:
    with milepost.start_run() as run:
        milepost.set_tags({"a": "1", "b": 2})
        milepost.delete_tag("a")
        with pytest.raises(TagNotFound):
            milepost.delete_tag("a")
    assert read(run).tags.get("b") == "2"
    assert "a" not in read(run).tags


def test_artifacts_of_every_kind_are_uploaded(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "f.txt").write_text("f")
    with milepost.start_run() as run:
        milepost.log_artifact(tmp_path / "folder" / "f.txt", "one")
        milepost.log_artifacts(tmp_path / "folder", "many")
        milepost.log_text("text", "t.txt")
        milepost.log_dict({"a": 1}, "d.json")
        milepost.log_figure(Figure(), "plots/p.png")
        milepost.log_image(np.zeros((2, 2)), "i.png")
        milepost.log_table(pd.DataFrame({"a": [1]}), "t.json")
    paths = {artifact.path for artifact in run.artifacts(recursive=True)}
    assert paths == {"one/f.txt", "many/f.txt", "t.txt", "d.json", "plots/p.png", "i.png", "t.json"}


def test_a_dataset_is_an_input_of_the_run() -> None:
    frame = pd.DataFrame({"x": [1, 2]})
    with milepost.start_run() as run:
        milepost.log_input(milepost.data.from_pandas(frame, "train"), "training", {"k": "v"})
    (found,) = read(run).inputs
    assert (found.dataset.name, found.context, dict(found.tags)) == ("train", "training", {"k": "v"})


def test_search_finds_runs_in_every_form() -> None:
    for number in range(3):
        with milepost.start_run(params={"n": number}):
            milepost.log_metric("loss", number / 10)
    frame = milepost.search_runs(filter_string="metrics.loss > 0.05", order_by=["metrics.loss DESC"])
    assert frame["params.n"].tolist() == [2, 1]
    assert frame["metrics.loss"].tolist() == [0.2, 0.1]
    assert milepost.search_runs(output="polars", order_by="params.n")["params.n"].to_list() == [0, 1, 2]
    assert [run.params["n"] for run in milepost.search_runs(output="list", order_by="params.n", max_results=2)] == [
        0,
        1,
    ]


def test_search_in_named_and_in_all_experiments(experiment: milepost.Experiment) -> None:
    with milepost.start_run() as run:
        pass
    milepost.set_experiment(f"empty-{uuid.uuid4().hex}")
    assert milepost.search_runs(output="list") == []
    named = milepost.search_runs(experiment_names=[experiment.name], output="list")
    assert [found.run_id for found in named] == [run.run_id]
    everywhere = milepost.search_runs(search_all_experiments=True, output="list")
    assert run.run_id in {found.run_id for found in everywhere}


def test_ending_twice_or_without_a_run_does_nothing() -> None:
    milepost.end_run()
    run = milepost.start_run()
    run.end("FAILED")
    run.end("FINISHED")
    milepost.end_run()
    assert read(run).state is milepost.RunState.FAILED
