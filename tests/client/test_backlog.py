"""The backlog: one order over memory and disk, within its bounds, and nothing forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost import _backlog
from milepost._backlog import Backlog, Pending
from milepost._batches import Batch
from milepost._spool import Spool

KB = 1000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 10 * KB)
    monkeypatch.setattr(_backlog, "SPOOL_RETRY_S", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def backlog(folder: Path) -> Iterator[Backlog]:
    made = made_in(folder)
    yield made
    made.forget()


def made_in(folder: Path, limit: int = 1000 * KB) -> Backlog:
    return Backlog(lambda: Spool.create(folder, "host:1"), limit)


def batches(first: int, last: int) -> list[Batch]:
    return [Batch("run", 2, bytes(KB), "writer", number) for number in range(first, last + 1)]


def put(backlog: Backlog, *numbers: int) -> list[Pending]:
    taken: list[Pending] = []
    for batch in batches(numbers[0], numbers[-1]):
        backlog.put(batch)
        taken += backlog.take()
    return taken


def answer_all(backlog: Backlog, taken: list[Pending]) -> list[int]:
    """Answers everything, and returns the numbers in the order in which they were to be sent."""
    order = []
    while taken:
        for pending in taken:
            order.append(pending.batch.sequence)
            backlog.done(pending)
        taken = list(backlog.take())
    return order


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*")) if folder.exists() else []


def test_what_fits_into_memory_touches_no_disk(backlog: Backlog, folder: Path) -> None:
    taken = put(backlog, 1, 10)
    assert len(taken) == 10
    assert answer_all(backlog, taken) == list(range(1, 11))
    assert backlog.is_empty
    assert not folder.exists()


def test_what_does_not_fit_goes_by_disk_in_order_and_the_file_goes_in_the_end(backlog: Backlog, folder: Path) -> None:
    taken = put(backlog, 1, 100)
    assert len(taken) == 10
    assert backlog.values == 200
    assert len(files(folder)) == 1
    assert answer_all(backlog, taken) == list(range(1, 101))
    assert (backlog.is_empty, backlog.values, backlog.done_count, files(folder)) == (True, 0, 100, [])


def test_the_file_begins_with_what_was_in_memory(backlog: Backlog, folder: Path) -> None:
    put(backlog, 1, 30)
    backlog.forget()
    left = Backlog(lambda: pytest.fail("no second file"), 0, Spool.adopt(files(folder)[0]))
    assert (left.values, left.put_count) == (60, 30)
    assert answer_all(left, list(left.take())) == list(range(1, 31))
    assert files(folder) == []


def test_what_was_answered_is_not_sent_again_after_a_crash(backlog: Backlog, folder: Path) -> None:
    taken = put(backlog, 1, 30)
    for pending in taken[:4]:
        backlog.done(pending)
    backlog.forget()
    left = Backlog(lambda: pytest.fail("no second file"), 0, Spool.adopt(files(folder)[0]))
    assert answer_all(left, list(left.take())) == list(range(5, 31))


def test_new_batches_stay_in_memory_again_once_the_disk_was_read(backlog: Backlog, folder: Path) -> None:
    taken = put(backlog, 1, 12)
    for pending in taken:
        backlog.done(pending)
    rest = list(backlog.take())
    size = files(folder)[0].stat().st_size
    rest += put(backlog, 13, 15)
    assert [pending.batch.sequence for pending in rest] == [11, 12, 13, 14, 15]
    assert files(folder)[0].stat().st_size == size
    answer_all(backlog, rest)
    assert files(folder) == []


def test_a_second_overflow_keeps_the_order(backlog: Backlog) -> None:
    taken = put(backlog, 1, 12)
    for pending in taken:
        backlog.done(pending)
    taken = list(backlog.take()) + put(backlog, 13, 60)
    assert answer_all(backlog, taken) == list(range(11, 61))


def test_answers_may_come_in_any_order(backlog: Backlog) -> None:
    taken = put(backlog, 1, 5)
    for pending in taken[:0:-1]:
        backlog.done(pending)
    assert (backlog.done_count, backlog.is_empty) == (0, False)
    backlog.done(taken[0])
    assert (backlog.done_count, backlog.is_empty) == (5, True)


def test_a_full_file_leaves_no_room_until_something_was_answered(folder: Path) -> None:
    backlog = made_in(folder, limit=16 * KB)
    taken = put(backlog, 1, 15)
    assert backlog.has_room
    taken += put(backlog, 16, 16)
    assert not backlog.has_room
    assert answer_all(backlog, taken) == list(range(1, 17))
    assert backlog.has_room
    assert files(folder) == []


def test_a_folder_that_cannot_be_written_leaves_no_room(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    backlog = made_in(tmp_path / "file")
    taken = put(backlog, 1, 11)
    assert not backlog.has_room
    assert backlog.leave() == 22
    assert answer_all(backlog, taken) == list(range(1, 12))


def test_leaving_writes_everything(backlog: Backlog, folder: Path) -> None:
    put(backlog, 1, 3)
    assert backlog.leave() == 0
    left = Backlog(lambda: pytest.fail("no second file"), 0, Spool.adopt(files(folder)[0]))
    assert answer_all(left, list(left.take())) == [1, 2, 3]


def test_a_damaged_tail_is_cut_off_and_counted(backlog: Backlog, folder: Path) -> None:
    put(backlog, 1, 30)
    backlog.forget()
    (path,) = files(folder)
    with path.open("r+b") as file:
        file.seek(-500, 2)
        file.write(b"\xff")
    left = Backlog(lambda: pytest.fail("no second file"), 0, Spool.adopt(path))
    assert left.damaged_bytes > KB
    assert answer_all(left, list(left.take())) == list(range(1, 30))


def test_damage_found_while_reading_is_counted_in_values(backlog: Backlog, folder: Path) -> None:
    taken = put(backlog, 1, 30)
    with files(folder)[0].open("r+b") as file:
        file.seek(-500, 2)
        file.write(b"\xff")
    assert answer_all(backlog, taken) == list(range(1, 30))
    assert (backlog.damaged_values, backlog.values, backlog.done_count, backlog.is_empty) == (2, 0, 30, True)
    assert files(folder) == []
