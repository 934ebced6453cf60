"""Positions of a watch in its token: exact, small, and refused when they are something else."""

from __future__ import annotations

import zlib

import pytest

from milepost_server.services.series_positions import MAX_SERIES, Position, Positions


def positions(**fields: int) -> Positions:
    made = Positions()
    for number in range(1, 4):
        made.set(
            number * 10**6,
            Position(**{"run": number - 1, "key_id": 7 - number, "epoch": 0, "next_sequence": 2**62} | fields),
        )
    return made


def test_token_gives_positions_back() -> None:
    made = positions(epoch=3)
    assert list(Positions.from_bytes(made.to_bytes(), 3)) == list(made)
    assert list(Positions.from_bytes(Positions().to_bytes(), 1)) == []


def test_most_series_fit_into_a_token() -> None:
    made = Positions()
    for number in range(MAX_SERIES):
        made.set(number * 3, Position(number % 100, number * 7919 % 20_011, 0, number * number % 1_000_003))
    assert len(made.to_bytes()) * 4 / 3 < 1_000_000
    assert len(Positions.from_bytes(made.to_bytes(), 100)) == MAX_SERIES


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"x",
        zlib.compress(b"x"),
        zlib.compress(bytes(48)),
        positions(run=3).to_bytes(),
        positions(run=-1).to_bytes(),
    ],
)
def test_what_is_no_positions_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Positions.from_bytes(payload, 3)


def test_payload_that_would_unpack_to_a_great_deal_is_not() -> None:
    with pytest.raises(ValueError, match=r".+"):
        Positions.from_bytes(zlib.compress(bytes(10**8)), 3)
