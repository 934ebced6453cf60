"""Parts of an import that need no server: what must hold for whatever a source gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost.migration import batches
from milepost.migration.batches import Batch, Batches
from milepost.migration.fitting import fit
from milepost.migration.mlflow._columns import of_run
from milepost.migration.mlflow._folder_points import _row
from milepost.migration.mlflow._order import parents_first
from milepost.migration.mlflow.locations import local_path, proxy_path, scheme_of
from milepost.migration.report import Problems
from milepost.migration.source import Choice, Points, RunRecord
from milepost.migration.tally import Tallies, Tally

int64 = st.integers(-(2**63), 2**63 - 1)
rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c/d"]), int64, int64, st.floats(width=64), st.booleans()), min_size=1
)


def tally_of(*pieces: Points) -> Tally:
    tally = Tally()
    for piece in pieces:
        tally.add(piece)
    return tally


@given(rows, st.randoms())
def test_a_tally_is_the_same_in_any_order_and_in_pieces(points: list[Any], random: Any) -> None:
    shuffled = random.sample(points, len(points))
    middle = len(points) // 2
    pieces = [of_run("r", part) for part in (shuffled[:middle], shuffled[middle:]) if part]
    assert tally_of(*pieces) == tally_of(of_run("r", points))


@given(rows, st.sampled_from([1, 2, 3]))
def test_a_tally_tells_points_apart(points: list[Any], column: int) -> None:
    key, step, time, value, _ = points[0]
    changed = [(key, step ^ (column == 1), time ^ (column == 2), value, column == 3), *points[1:]]
    before = [(*points[0][:3], 1.5 if column == 3 else value, False), *points[1:]]
    assert tally_of(of_run("r", changed)) != tally_of(of_run("r", before))


class Given:
    """A source of given points."""

    location = version = ""

    def __init__(self, points: Sequence[Points]) -> None:
        self.problems = Problems()
        self._points = points

    def runs(self, experiment: pb.Experiment) -> Iterator[Sequence[RunRecord]]:
        names = dict.fromkeys(["empty", *(one.run_id for one in self._points)])
        yield [RunRecord(pb.Run(run_id=name, experiment_id="1")) for name in names]

    def points(self, runs: Sequence[RunRecord]) -> Iterator[Points]:
        return iter(self._points)


@given(st.lists(st.tuples(st.sampled_from("xyz"), rows), max_size=8), st.integers(1, 7))
def test_batches_are_bounded_and_hold_every_point_once_at_its_position(pieces: list[Any], most: int) -> None:
    source: Any = Given([of_run(run_id, points) for run_id, points in pieces])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MAX_POINTS", most)
        found = list(Batches(source, Tallies(), "7").of(pb.Experiment(), Choice()))
    stored: dict[tuple[str, str], list[float]] = {}
    for batch in found:
        assert batch.points <= most
        _store(batch, stored)
    expected: dict[tuple[str, str], list[float]] = {}
    for run_id, points in pieces:
        for piece in of_run(run_id, points).series():
            expected.setdefault((run_id, piece.key), []).extend(piece.values)
    assert {key: numpy.array(values).tobytes() for key, values in stored.items()} == {
        key: numpy.array(values).tobytes() for key, values in expected.items()
    }
    names = [imported.run.run_id for batch in found for imported in batch.runs]
    assert sorted(names) == sorted({"empty", *(run_id for run_id, _ in pieces)})


def _store(batch: Batch, stored: dict[tuple[str, str], list[float]]) -> None:
    for imported in batch.runs:
        assert imported.run.experiment_id == "7"
        for points in imported.metrics:
            stored.setdefault((imported.run.run_id, points.key), []).extend(points.values)
    for one in batch.series:
        there = stored.setdefault((one.run_id, one.points.key), [])
        assert one.position == len(there)
        there.extend(one.points.values)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.integers(0, 3)), st.data())
def test_parents_come_before_their_children(times: dict[str, int], data: st.DataObject) -> None:
    names = [*sorted(times), "elsewhere"]
    parents = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(names)))
    order = parents_first(times, parents)
    assert sorted(order) == sorted(times)
    for child, parent in parents.items():
        if child in times and parent in times and not _in_ring(child, parents):
            assert order.index(parent) < order.index(child)


def _in_ring(name: str, parents: dict[str, str]) -> bool:
    """Whether its line of parents never ends."""
    seen: set[str] = set()
    while name in parents and name not in seen:
        seen.add(name)
        name = parents[name]
    return name in seen


@given(st.binary(max_size=60))
def test_a_line_of_a_metric_is_read_or_refused(line: bytes) -> None:
    row = _row(line)
    assert row is None or (isinstance(row[1], float) and abs(row[0]) <= 2**63 and abs(row[2]) <= 2**63)


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=5)), st.text(max_size=300))
def test_what_fits_is_kept_and_what_does_not_is_said(tags: dict[str, str], user: str) -> None:
    problems = Problems()
    run = pb.Run(run_id="r", user=user, tags=tags)
    assert fit(run, "run r", problems)
    kept = {key: value for key, value in tags.items() if run.tags.get(key) == value and key in run.tags}
    assert problems.total == len(tags) - len(kept) + (run.user != user)
    assert all(0 < len(key) <= 250 for key in run.tags)


def test_a_required_field_that_does_not_fit_refuses_the_whole() -> None:
    problems = Problems()
    assert not fit(pb.Run(run_id="../up"), "run ../up", problems, required=["run_id"])
    assert problems.total == 1


@pytest.mark.parametrize(
    ("uri", "scheme", "local", "proxied"),
    [
        ("s3://bucket/a", "s3", None, "a"),
        ("/srv/a", "", "/srv/a", "srv/a"),
        ("file:///srv/a%20b", "file", "/srv/a b", "srv/a b"),
        ("C:\\runs", "", "C:\\runs", None),
        ("mlflow-artifacts:/1/r/artifacts", "mlflow-artifacts", None, "1/r/artifacts"),
        ("mlflow-artifacts:/1/%2e%2e/x", "mlflow-artifacts", None, None),
        ("", "", None, None),
    ],
)
def test_places_are_read(uri: str, scheme: str, local: str | None, proxied: str | None) -> None:
    path = local_path(uri)
    assert (scheme_of(uri), None if path is None else str(path)) == (scheme, local)
    assert proxy_path(uri) == proxied
