"""Page tokens: exact, opaque, and bound to their query."""

from __future__ import annotations

import base64
import sys
from typing import Any

import pytest
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.services.pages import decode_token, encode_token, page_limit
from support.values import INT64_MAX, INT64_MIN

QUERY = pb.ListRunsRequest(filter="name = 'a'", order_by="name", experiment_ids=["1", "2"], page_size=10)
POSITION = (0, "é\n😀", None, INT64_MIN, INT64_MAX, -0.0, 5e-324, -sys.float_info.max, 2.0**53)


@pytest.mark.parametrize(("size", "limit"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_page_size_has_a_default_and_a_most(size: int, limit: int) -> None:
    assert page_limit(size, 100, 1000) == limit


def test_token_gives_the_position_back_exactly() -> None:
    decoded = decode_token(QUERY, encode_token(QUERY, POSITION))
    assert repr(decoded) == repr(POSITION)


def test_no_position_is_no_token_and_the_other_way_round() -> None:
    assert encode_token(QUERY, None) == ""
    assert decode_token(QUERY, "") is None


def test_token_outlives_a_change_of_page_size_and_its_own_place_in_the_request() -> None:
    token = encode_token(QUERY, POSITION)
    changed = pb.ListRunsRequest()
    changed.CopyFrom(QUERY)
    changed.page_size, changed.page_token = 3, token
    assert decode_token(changed, token) == POSITION


@pytest.mark.parametrize(
    "change", [{"filter": "name = 'b'"}, {"order_by": ""}, {"view": pb.VIEW_ALL}, {"experiment_ids": ["3"]}]
)
def test_token_of_another_query_is_refused(change: dict[str, Any]) -> None:
    other = pb.ListRunsRequest()
    other.CopyFrom(QUERY)
    other.MergeFrom(pb.ListRunsRequest(**change))
    if change == {"order_by": ""}:
        other.ClearField("order_by")
    assert_refused(other, encode_token(QUERY, POSITION))


def test_token_of_another_method_is_refused() -> None:
    assert_refused(pb.ListExperimentsRequest(), encode_token(pb.ListRunsRequest(), POSITION))


@pytest.mark.parametrize("token", ["x", "é", "=", "AAAA", "a" * 17, "\n", "../..", "A" * 9999])
def test_invented_token_is_refused(token: str) -> None:
    assert_refused(QUERY, token)


def test_every_damage_to_a_token_is_found() -> None:
    token = encode_token(QUERY, (1, "a"))
    for place, letter in enumerate(token):
        # The last letter of base64 may hold bits that stand for nothing; another one there changes no byte.
        other = "A" if letter != "A" else "Q"
        damaged = token[:place] + other + token[place + 1 :]
        if decode_bytes(damaged) != decode_bytes(token):
            assert_refused(QUERY, damaged)
    assert_refused(QUERY, token[:-4])


def decode_bytes(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def assert_refused(query: Message, token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_token(query, token)
    assert caught.value.reason == pb.ERROR_REASON_BAD_PAGE_TOKEN
    assert caught.value.metadata == {"field": "page_token"}
