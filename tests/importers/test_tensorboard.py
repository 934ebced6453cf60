"""Event files that TensorBoard itself wrote, read as TensorBoard itself reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary import Writer
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_ndarray
from tensorboardX import SummaryWriter

from milepost import v1 as pb
from milepost._values import from_param
from milepost.migration.source import RunRecord
from milepost.migration.tensorboard.source import TensorBoardSource

START_S = 1_700_000_000.25
EVERYTHING = {"scalars": 0, "tensors": 0}
VALUES = [0.1, -3e38, 1e-45, float("inf"), 7.0]


def records_of(source: TensorBoardSource) -> dict[str, RunRecord]:
    """The runs by their names."""
    pages = (source.runs(experiment) for experiment in source.experiments())
    return {record.run.name: record for runs in pages for page in runs for record in page}


def points_of(source: TensorBoardSource, record: RunRecord) -> list[tuple[str, int, int, float]]:
    """All points of a run: metric, step, milliseconds, value."""

    def rows() -> Iterator[tuple[str, int, int, float]]:
        for points in source.points([record]):
            for series in points.series():
                columns = series.steps, series.timestamps_ms, series.values
                yield from ((series.key, *row) for row in zip(*columns, strict=True))

    return sorted(rows())


def points_that_tensorboard_shows(folder: Path) -> list[tuple[str, int, int, float]]:
    read = EventAccumulator(str(folder), EVERYTHING).Reload()
    simple = [(tag, one, one.value) for tag in read.Tags()["scalars"] for one in read.Scalars(tag)]
    tensors = [
        (tag, one, float(make_ndarray(one.tensor_proto)))
        for tag in read.Tags()["tensors"]
        if read.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
        for one in read.Tensors(tag)
    ]
    return sorted((tag, one.step, round(one.wall_time * 1000), value) for tag, one, value in simple + tensors)


def write_summary(writer: EventFileWriter, made: Any, step: int = 0) -> None:
    event = Event(wall_time=START_S + step, step=step)
    event.summary.MergeFromString(made.SerializeToString())
    writer.add_event(event)


def session_end(status: int, time_s: float) -> Summary:
    """What TensorBoard writes for the end of a session; its own function needs TensorFlow."""
    ended = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time_s)
    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=ended))
    return Summary(
        value=[Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR)]
    )


def test_scalars_are_those_that_tensorboard_shows(tmp_path: Path) -> None:
    tensors = Writer(str(tmp_path / "tensors"))
    with SummaryWriter(str(tmp_path / "simple")) as simple:
        for step, value in enumerate(VALUES):
            for tag in ("loss", "accuracy/top 1"):
                tensors.add_scalar(tag, value, step, wall_time=START_S + step, description="lower is better")
                simple.add_scalar(tag, value, step, walltime=START_S + step)
    tensors.close()
    source = TensorBoardSource(tmp_path)
    records = records_of(source)
    for name in ("tensors", "simple"):
        found = points_of(source, records[name])
        assert found == points_that_tensorboard_shows(tmp_path / name)
        assert len(found) == 2 * len(VALUES)
    assert not source.problems.total


def test_a_session_with_hyperparameters_becomes_a_run_with_params(tmp_path: Path) -> None:
    params = {"lr": 0.5, "layers": 3, "amp": False, "optimizer": "adam"}
    writer = EventFileWriter(str(tmp_path / "trial"))
    write_summary(writer, summary_v2.hparams_pb(params, trial_id="group-1", start_time_secs=START_S - 60))
    write_summary(writer, text_pb("notes", "*begun*"))
    write_summary(writer, session_end(api_pb2.STATUS_FAILURE, START_S + 60), step=9)
    writer.close()
    source = TensorBoardSource(tmp_path)
    run = records_of(source)["trial"].run
    assert {key: from_param(value) for key, value in run.params.items()} == params
    assert dict(run.tags) == {"tensorboard.run": "trial", "tensorboard.group": "group-1", "notes": "*begun*"}
    assert (run.state, run.start_time.ToMilliseconds(), run.end_time.ToMilliseconds()) == (
        pb.Run.STATE_FAILED, round((START_S - 60) * 1000), round((START_S + 60) * 1000)
    )  # fmt: skip
    assert not source.problems.total


def test_histograms_kept_as_tensors_are_counted(tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path / "run"))
    for step in range(3):
        write_summary(writer, histogram_pb("weights", [1.0, 2.0, float(step)]), step)
    writer.close()
    source = TensorBoardSource(tmp_path)
    assert points_of(source, records_of(source)["run"]) == []
    assert [(one.field, one.message) for one in source.problems.listed] == [("histograms", "3 left out.")]


@pytest.mark.parametrize("cut", [1, 20])
def test_of_a_run_that_was_killed_comes_what_tensorboard_shows(tmp_path: Path, cut: int) -> None:
    writer = Writer(str(tmp_path / "run"))
    for step in range(5):
        writer.add_scalar("loss", step / 3, step, wall_time=START_S + step)
    writer.close()
    (file,) = (tmp_path / "run").iterdir()
    file.write_bytes(file.read_bytes()[:-cut])
    source = TensorBoardSource(tmp_path)
    found = points_of(source, records_of(source)["run"])
    assert found == points_that_tensorboard_shows(tmp_path / "run")
    assert [step for _, step, _, _ in found] == [0, 1, 2, 3]
