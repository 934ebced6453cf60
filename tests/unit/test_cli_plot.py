from __future__ import annotations

import math
import sys

from hypothesis import given
from hypothesis import strategies as st

from milepost.cli._plot import Series, draw

LABELS = 13
floats = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(floats, floats), max_size=30), st.integers(0, 60), st.integers(0, 20))
def test_any_points_fill_a_frame_of_the_wanted_size(points: list[tuple[float, float]], width: int, height: int) -> None:
    drawn = draw([Series("s", [x for x, _ in points], [y for _, y in points])], width, height)
    finite = any(math.isfinite(x) and math.isfinite(y) for x, y in points)
    assert (drawn is not None) == finite
    if drawn is not None:
        rows, _ = drawn
        assert len(rows) == max(height, 3)
        assert len({len(text) for text, _ in rows}) == 1
        assert all(len(text) == len(owners) for text, owners in rows)


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    drawn = draw([Series("s", [0, 1], [0, 1])], width=23, height=5)
    assert drawn is not None
    rows = [text[LABELS:] for text, _ in drawn[0]]
    assert rows[0].endswith("⠔⠉") or not rows[0].endswith(" ")
    assert not rows[-1].startswith(" ")
    assert rows[0].startswith(" ")


def test_a_value_that_is_not_finite_leaves_a_gap() -> None:
    drawn = draw([Series("s", [0, 1, 2, 3, 4], [1, 1, math.nan, 1, 1])], width=53, height=3)
    assert drawn is not None
    line = drawn[0][1][0][LABELS:]
    assert line[15:25].strip() == ""
    assert line[0] != " "
    assert line[-1] != " "


def test_extreme_values_are_drawn() -> None:
    largest = sys.float_info.max
    drawn = draw([Series("s", [0, 1], [-largest, largest])], width=30, height=4)
    assert drawn is not None
    assert "1.798e+308" in drawn[0][0][0]
