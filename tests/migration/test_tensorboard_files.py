"""Event files as programs leave them, and as nobody should: read without a server."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from milepost.migration.tensorboard.records import MAX_BYTES
from milepost.migration.tensorboard.source import TensorBoardSource
from support.event_files import FIRST_FILE, event, header, scalar_event, write_events

EVENTS = [scalar_event("loss", 1 / 3, step) for step in range(5)]
RECORD = len(EVENTS[1].SerializeToString()) + 16


def steps_of(source: TensorBoardSource) -> dict[str, list[int]]:
    """The steps of all points, by the names of runs."""
    found: dict[str, list[int]] = {}
    for experiment in source.experiments():
        for page in source.runs(experiment):
            for record in page:
                points = source.points([record])
                found[record.run.name] = [step for piece in points for step in piece.steps.tolist()]
    return found


def problems_of(source: TensorBoardSource) -> list[tuple[str, str, str]]:
    return [(one.what, one.field, one.message) for one in source.problems.listed]


@given(st.data())
def test_a_file_that_ends_anywhere_gives_the_records_before(data: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder, "run"), *EVENTS)
        whole = file.read_bytes()
        end = data.draw(st.integers(len(whole) - 4 * RECORD, len(whole)))
        file.write_bytes(whole[:end])
        source = TensorBoardSource(Path(folder))
        assert steps_of(source) == {"run": list(range(5 - -(-(len(whole) - end) // RECORD)))}
        assert not source.problems.total


@given(st.data())
def test_no_damage_goes_unsaid(data: Any) -> None:
    """One bit is turned in a record that is not the first, which gives the run its id."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder, "run"), *EVENTS)
        whole = bytearray(file.read_bytes())
        first = len(whole) - 4 * RECORD
        place = data.draw(st.integers(first, len(whole) - 1))
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(whole)
        source = TensorBoardSource(Path(folder))
        number, within = divmod(place - first, RECORD)
        survivors = [1, 2, 3, 4]
        del survivors[number : number + 1 if within >= 12 else None]
        assert steps_of(source) == {"run": [0, *survivors]}
        ((what, field, _),) = problems_of(source)
        assert (what, field) == (f"file run/{FIRST_FILE}", f"byte {first + number * RECORD}")


@given(st.lists(st.binary(max_size=60), max_size=5), st.binary(max_size=60))
def test_no_bytes_break_the_reader(records: list[bytes], rest: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder, "run"), EVENTS[0], *records)
        with file.open("ab") as opened:
            opened.write(rest)
        assert steps_of(TensorBoardSource(Path(folder)))["run"][:1] == [0]


@pytest.mark.parametrize("length", [MAX_BYTES + 1, 2**40, 2**63, 2**64 - 1])
def test_a_record_that_says_it_is_huge_takes_no_memory(tmp_path: Path, length: int) -> None:
    file = write_events(tmp_path / "run", EVENTS[0])
    with file.open("ab") as opened:
        opened.write(header(length))
        if length == MAX_BYTES + 1:  # is all there, and something follows
            opened.truncate(opened.tell() + length + 4)
            opened.seek(0, os.SEEK_END)
            opened.write(write_events(tmp_path / "elsewhere", EVENTS[1]).read_bytes())
    tracemalloc.start()
    source = TensorBoardSource(tmp_path)
    steps = steps_of(source)["run"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert steps == ([0, 1] if length == MAX_BYTES + 1 else [0])
    assert source.problems.total + sum(source.problems.notes.values()) == 1
    assert peak < 8 * 1024 * 1024


def test_links_out_of_the_directory_are_not_followed(tmp_path: Path) -> None:
    outside = write_events(tmp_path / "outside", *EVENTS)
    logs = tmp_path / "logs"
    write_events(logs / "run", *EVENTS[:1])
    (logs / "linked").symlink_to(outside.parent)
    (logs / "latest").symlink_to(logs / "run")
    (logs / "run" / "events.out.tfevents.9.link").symlink_to(outside)
    os.mkfifo(logs / "run" / "events.out.tfevents.9.pipe")
    source = TensorBoardSource(logs)
    assert steps_of(source) == {"run": [0]}
    assert [what for what, _, _ in problems_of(source)] == [
        "folder linked", "file run/events.out.tfevents.9.link", "file run/events.out.tfevents.9.pipe"
    ]  # fmt: skip


def test_folders_may_lie_as_deep_as_the_system_allows(tmp_path: Path) -> None:
    folders = [tmp_path]
    while len(folders) < 1100:
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    file = write_events(folders[-1], EVENTS[0])
    try:
        assert list(steps_of(TensorBoardSource(tmp_path)).values()) == [[0]]
    finally:  # pytest could not remove them
        file.unlink()
        for folder in reversed(folders[1:]):
            folder.rmdir()


def test_an_empty_event_file_is_no_run(tmp_path: Path) -> None:
    write_events(tmp_path / "empty")
    write_events(tmp_path / "run", EVENTS[0])
    source = TensorBoardSource(tmp_path)
    assert steps_of(source) == {"run": [0]}
    assert list(source.problems.notes) == ["folders whose event files hold no event"]


def test_a_folder_that_cannot_be_decoded_keeps_its_run(tmp_path: Path) -> None:
    write_events(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")), EVENTS[0])
    assert steps_of(TensorBoardSource(tmp_path)) == {"caf\N{REPLACEMENT CHARACTER}": [0]}


def test_times_that_are_no_date_are_said(tmp_path: Path) -> None:
    events = [Event(wall_time=time, summary=EVENTS[0].summary) for time in (float("nan"), 1e300, -1e300, 5.5)]
    write_events(tmp_path / "run", *events)
    source = TensorBoardSource(tmp_path)
    (page,) = (page for experiment in source.experiments() for page in source.runs(experiment))
    (points,) = source.points(page)
    assert points.timestamps_ms.tolist() == [0, 0, 0, 5500]
    assert page[0].run.start_time.ToMilliseconds() == page[0].run.end_time.ToMilliseconds() == 5500
    assert [(field, message[:8]) for _, field, message in problems_of(source)] == [("times", "3 events")]


def test_points_that_tensorboard_hides_after_a_restart_are_brought(tmp_path: Path) -> None:
    restart = Event(wall_time=EVENTS[2].wall_time, step=2, session_log=SessionLog(status=SessionLog.START))
    write_events(tmp_path / "run", *EVENTS, restart, *EVENTS[2:])
    source = TensorBoardSource(tmp_path)
    assert steps_of(source) == {"run": [0, 1, 2, 3, 4, 2, 3, 4]}
    assert sum(source.problems.notes.values()) == 1


def test_whatever_has_no_place_is_counted_by_its_kind(tmp_path: Path) -> None:
    write_events(
        tmp_path / "run",
        event(Summary.Value(tag="a", audio=Summary.Audio(sample_rate=1.0))),
        event(Summary.Value(tag="b")),
        Event(graph_def=b"x"),
        Event(graph_def=b"y"),
    )
    source = TensorBoardSource(tmp_path)
    assert steps_of(source) == {"run": []}
    assert [(field, message) for _, field, message in problems_of(source)] == [
        ("audio", "1 left out."), ("graphs", "2 left out."), ("summaries without a value", "1 left out.")
    ]  # fmt: skip
