"""Lists fetch what is read, and no more."""

from __future__ import annotations

import pytest

from milepost._pages import AsyncPages, Page, Pages


class Numbers:
    """A list of numbers on the other side, in pages of 3 unless asked for fewer."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.calls: list[tuple[str, int]] = []

    def fetch(self, token: str, size: int) -> Page[int]:
        self.calls.append((token, size))
        first = int(token or 0)
        end = min(first + min(size or 3, 3), self.count)
        return list(range(first, end)), str(end) if end < self.count else ""

    async def fetch_async(self, token: str, size: int) -> Page[int]:
        return self.fetch(token, size)


def test_nothing_is_fetched_before_reading() -> None:
    numbers = Numbers(5)
    Pages(numbers.fetch)
    assert numbers.calls == []


def test_all_pages_are_read_in_order() -> None:
    assert list(Pages(Numbers(7).fetch)) == [0, 1, 2, 3, 4, 5, 6]


def test_reading_again_begins_anew() -> None:
    pages = Pages(Numbers(4).fetch)
    assert list(pages) == list(pages)


def test_a_page_is_fetched_only_when_its_first_item_is_read() -> None:
    numbers = Numbers(7)
    iterator = iter(Pages(numbers.fetch))
    for _ in range(3):
        next(iterator)
    assert [token for token, _ in numbers.calls] == [""]


def test_pages_gives_them_as_the_server_cuts_them() -> None:
    assert list(Pages(Numbers(5).fetch).pages()) == [[0, 1, 2], [3, 4]]


def test_a_limit_ends_the_list_and_asks_for_no_more_than_it_needs() -> None:
    numbers = Numbers(9)
    assert list(Pages(numbers.fetch, limit=4)) == [0, 1, 2, 3]
    assert numbers.calls == [("", 4), ("3", 1)]


def test_a_limit_of_zero_fetches_nothing() -> None:
    numbers = Numbers(9)
    assert list(Pages(numbers.fetch, limit=0)) == []
    assert numbers.calls == []


def test_a_limit_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        Pages(Numbers(1).fetch, limit=-1)


def test_first_asks_for_one_item() -> None:
    numbers = Numbers(9)
    assert Pages(numbers.fetch).first() == 0
    assert numbers.calls == [("", 1)]


def test_first_of_an_empty_list_is_none() -> None:
    assert Pages(Numbers(0).fetch).first() is None


async def test_the_asynchronous_list_reads_all_pages_in_order() -> None:
    assert await AsyncPages(Numbers(7).fetch_async).to_list() == [0, 1, 2, 3, 4, 5, 6]


async def test_the_asynchronous_list_keeps_its_limit() -> None:
    numbers = Numbers(9)
    assert await AsyncPages(numbers.fetch_async, limit=4).to_list() == [0, 1, 2, 3]
    assert await AsyncPages(numbers.fetch_async, limit=4).first() == 0
