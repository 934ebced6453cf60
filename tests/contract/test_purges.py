"""Purging: runs, experiments, and files that belong to none."""

from __future__ import annotations

import os
import time
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.servers import RunningServer
from support.values import param, points, unique


async def _deleted_runs(api: Api, experiment_id: str, number: int, name: str = "") -> list[pb.Run]:
    made = [await api.create_run(experiment_id, name=name) for _ in range(number)]
    return [await api.delete_run(run.run_id) for run in made]


async def _left(api: Api, experiment_id: str) -> set[str]:
    listed = await api.list_runs(experiment_ids=[experiment_id], view=pb.VIEW_ALL)
    return {run.run_id for run in listed.runs}


async def test_active_run_is_not_purged(api: Api, run: pb.Run) -> None:
    with refused("FAILED_PRECONDITION", "NOT_DELETED"):
        await api.purge_run(run.run_id)
    assert await api.get_run(run.run_id) == run


async def test_active_experiment_is_not_purged(api: Api, experiment: pb.Experiment) -> None:
    with refused("FAILED_PRECONDITION", "NOT_DELETED"):
        await api.purge_experiment(experiment.experiment_id)
    assert await api.get_experiment(experiment.experiment_id) == experiment


async def test_dry_run_says_what_a_purge_of_a_run_would_remove(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("a", [1.0] * 5), points("b", [2.0] * 3))
    await api.upload_artifact(run.run_id, "x/one.bin", b"12345")
    await api.upload_artifact(run.run_id, "two.bin", b"123")
    await api.delete_run(run.run_id)
    expected = pb.PurgeSummary(runs=1, metric_points=8, artifacts=2, artifact_bytes=8)
    assert await api.purge_run(run.run_id, dry_run=True) == expected
    assert (await api.get_run(run.run_id)).HasField("delete_time")
    assert (await api.download_artifact(run.run_id, "two.bin")).content == b"123"
    assert await api.purge_run(run.run_id) == expected


async def test_purged_run_is_gone_with_its_history_and_artifacts(api: Api, run: pb.Run, backend: RunningServer) -> None:
    content = unique("bytes").encode()
    await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("m", [1.0])])
    await api.upload_artifact(run.run_id, "a.txt", content)
    await api.delete_run(run.run_id)
    await api.purge_run(run.run_id)
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.get_run(run.run_id)
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.list_metric_history(run.run_id, "m")
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.download_artifact(run.run_id, "a.txt")
    files = [path for path in (backend.data_dir / "artifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.read_bytes() == content]


async def test_id_of_a_purged_run_is_free_and_starts_empty(api: Api, experiment: pb.Experiment) -> None:
    run_id = unique("again")
    await api.create_run(experiment.experiment_id, run_id=run_id, params={"p": param(1)})
    await api.log_metrics(run_id, points("m", [1.0]))
    await api.upload_artifact(run_id, "a.txt")
    await api.delete_run(run_id)
    await api.purge_run(run_id)
    again = await api.create_run(experiment.experiment_id, run_id=run_id)
    assert (dict(again.params), dict(again.metrics)) == ({}, {})
    assert not (await api.list_artifacts(run_id)).artifacts
    with refused("NOT_FOUND", "METRIC_NOT_FOUND"):
        await api.list_metric_history(run_id, "m")


async def test_purging_a_parent_leaves_its_nested_runs_readable(api: Api, run: pb.Run) -> None:
    child = await api.create_run(run.experiment_id, parent_run_id=run.run_id)
    await api.delete_run(run.run_id)
    await api.purge_run(run.run_id)
    assert (await api.get_run(child.run_id)).run_id == child.run_id


async def test_purged_experiment_frees_its_name_and_takes_all_runs(
    api: Api, experiment: pb.Experiment, backend: RunningServer
) -> None:
    content = unique("bytes").encode()
    runs = [await api.create_run(experiment.experiment_id) for _ in range(3)]
    await api.delete_run(runs[0].run_id)
    for run in runs[1:]:
        await api.log_metrics(run.run_id, points("m", [1.0, 2.0]))
        await api.upload_artifact(run.run_id, "a.txt", content)
    await api.delete_experiment(experiment.experiment_id)
    expected = pb.PurgeSummary(runs=3, metric_points=4, artifacts=2, artifact_bytes=2 * len(content))
    assert await api.purge_experiment(experiment.experiment_id, dry_run=True) == expected
    assert (await api.get_experiment(experiment.experiment_id)).name == experiment.name
    assert await api.purge_experiment(experiment.experiment_id) == expected
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await api.get_experiment(experiment.experiment_id)
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.get_run(runs[1].run_id)
    files = [path for path in (backend.data_dir / "artifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.read_bytes() == content]
    assert (await api.create_experiment(experiment.name)).experiment_id != experiment.experiment_id


async def test_purge_of_runs_takes_what_the_filter_chooses_of_the_deleted(api: Api, experiment: pb.Experiment) -> None:
    ids = [experiment.experiment_id]
    chosen = await _deleted_runs(api, ids[0], 2, name="chosen")
    other = await _deleted_runs(api, ids[0], 1, name="other")
    active = await api.create_run(ids[0], name="chosen")
    answer = await api.purge_runs(experiment_ids=ids, filter="name = 'chosen'")
    assert (answer.purged.runs, answer.remaining) == (2, 0)
    assert await _left(api, ids[0]) == {other[0].run_id, active.run_id}
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.get_run(chosen[0].run_id)


async def test_purge_of_runs_stops_at_its_limit_and_says_what_remains(api: Api, experiment: pb.Experiment) -> None:
    ids = [experiment.experiment_id]
    await _deleted_runs(api, ids[0], 5)
    answers = [await api.purge_runs(experiment_ids=ids, limit=2) for _ in range(4)]
    assert [(answer.purged.runs, answer.remaining) for answer in answers] == [(2, 3), (2, 1), (1, 0), (0, 0)]


async def test_purge_of_runs_by_age_leaves_what_was_deleted_later(api: Api, experiment: pb.Experiment) -> None:
    ids = [experiment.experiment_id]
    first, second = await _deleted_runs(api, ids[0], 2)
    assert first.delete_time.ToNanoseconds() < second.delete_time.ToNanoseconds()
    answer = await api.purge_runs(experiment_ids=ids, deleted_before=second.delete_time)
    assert (answer.purged.runs, answer.remaining) == (1, 0)
    assert await _left(api, ids[0]) == {second.run_id}
    assert (await api.purge_runs(experiment_ids=ids, deleted_before=Timestamp(seconds=1))).purged.runs == 0


async def test_dry_run_of_runs_counts_all_and_removes_none(api: Api, experiment: pb.Experiment) -> None:
    ids = [experiment.experiment_id]
    runs = [await api.create_run(ids[0]) for _ in range(3)]
    for run in runs:
        await api.log_metrics(run.run_id, points("a", [1.0] * 4), points("b", [2.0]))
        await api.upload_artifact(run.run_id, "a.txt", b"123")
        await api.delete_run(run.run_id)
    expected = pb.PurgeSummary(runs=3, metric_points=15, artifacts=3, artifact_bytes=9)
    dry = await api.purge_runs(experiment_ids=ids, dry_run=True, limit=1)
    assert (dry.purged, dry.remaining) == (expected, 3)
    assert len(await _left(api, ids[0])) == 3
    assert (await api.purge_runs(experiment_ids=ids)).purged == expected


async def test_purge_of_runs_refuses_a_bad_filter(api: Api) -> None:
    with refused("INVALID_ARGUMENT", "BAD_FILTER"):
        await api.purge_runs(filter="name >")


def _lost_file(backend: RunningServer, run: pb.Run, name: str, age_s: float) -> str:
    """Puts a file into a run's folder that no record names, and returns its path in the store."""
    path = f"{run.experiment_id}/{run.run_id}/artifacts/{name}"
    file = Path(backend.data_dir, "artifacts", path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"12345")
    os.utime(file, (0, time.time() - age_s))
    return path


def _existing(backend: RunningServer, *paths: str) -> list[str]:
    return [path for path in paths if Path(backend.data_dir, "artifacts", path).exists()]


async def test_files_without_a_record_are_found_and_removed_once_they_are_a_day_old(
    api: Api, run: pb.Run, backend: RunningServer
) -> None:
    await api.upload_artifact(run.run_id, "kept.bin", b"kept")
    kept = Path(backend.data_dir, "artifacts", run.experiment_id, run.run_id, "artifacts", "kept.bin")
    os.utime(kept, (0, 0))
    old = _lost_file(backend, run, unique("old"), 25 * 3600)
    young = _lost_file(backend, run, unique("young"), 23 * 3600)
    dry = await api.purge_orphaned_artifacts(dry_run=True)
    assert old in dry.paths
    assert young not in dry.paths
    done = await api.purge_orphaned_artifacts()
    assert (done.files, done.bytes, set(done.paths)) == (dry.files, dry.bytes, set(dry.paths))
    assert _existing(backend, old, young) == [young]
    assert (await api.download_artifact(run.run_id, "kept.bin")).content == b"kept"
    assert (await api.purge_orphaned_artifacts()).files == 0


async def test_status_of_the_database_counts_what_is_stored(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("a", [1.0]), points("b", [1.0]))
    before = await api.get_database_status()
    second = await api.create_run(run.experiment_id)
    await api.log_metrics(second.run_id, points("a", [1.0]), points("b", [1.0]))
    after = await api.get_database_status()
    assert (after.runs - before.runs, after.metric_series - before.metric_series) == (1, 2)
    assert after.size_bytes > after.free_bytes >= 0
