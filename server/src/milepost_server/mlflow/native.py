"""Requests and pages of the native API, on behalf of MLflow's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.rules import rules_for
from milepost_server.errors import NotFound, invalid_field, required_field

Request = TypeVar("Request", bound=Message)
Item = TypeVar("Item", bound=Message)

_NATIVE_PAGE = 1000
_MAX_BYTES = 32 * 1024 * 1024

_VIEWS = {
    mlflow_pb.ACTIVE_ONLY: pb.VIEW_ACTIVE,
    mlflow_pb.DELETED_ONLY: pb.VIEW_DELETED,
    mlflow_pb.ALL: pb.VIEW_ALL,
}


def checked(request: Request) -> Request:
    """A native request that keeps the rules of its proto. Raises `InvalidArgument` for one that does not."""
    rules_for(request.DESCRIPTOR).check(request, "")
    return request


def view(given: mlflow_pb.ViewType.ValueType) -> pb.View.ValueType:
    """The native name of a view."""
    return _VIEWS[given]


def one_order(keys: Sequence[str]) -> str:
    """The native order of several keys."""
    return ", ".join(keys)


def milliseconds(time: Timestamp) -> int:
    """A time as MLflow has it: since the Unix epoch; what is finer is dropped."""
    # Stored times are well formed, so the checks of `ToMilliseconds` are left out: answers have hundreds of times.
    return time.seconds * 1000 + time.nanos // 1_000_000


def set_time(into: Timestamp, value_ms: int, field: str) -> None:
    """Sets a time from MLflow's milliseconds; `field` is where they came, for the error of one that no clock shows."""
    try:
        into.FromMilliseconds(value_ms)
    except ValueError:
        raise invalid_field(
            field, f"{value_ms} is no time of the years 1 to 9999; send milliseconds since 1970"
        ) from None


@contextmanager
def missing_is_fine(reason: pb.ErrorReason.ValueType) -> Iterator[None]:
    """Lets a deletion of what is not there pass: `NotFound` of one reason."""
    try:
        yield
    except NotFound as missing:
        if missing.reason != reason:
            raise


class NamesRun(Protocol):
    """A request that names a run by either of two fields."""

    run_id: str
    run_uuid: str


def run_id_of(request: NamesRun) -> str:
    """The run that a request names, by either of two fields."""
    run_id = request.run_id or request.run_uuid
    if not run_id:
        raise required_field("run_id")
    return run_id


async def take(
    request: Any, most: int, page: Callable[[Any], Awaitable[tuple[list[Item], str]]]
) -> tuple[list[Item], str]:
    """Walks native pages, which are shorter than MLflow's may be.

    Args:
        request: Of the first page. Its token and page size are changed.
        most: Items wanted.
        page: Returns a page and the token of the next.

    Returns:
        At most `most` items, fewer when they are larger than 32 MiB, and the token behind them.
    """
    found: list[Item] = []
    size = 0
    while True:
        request.page_size = min(most - len(found), _NATIVE_PAGE)
        items, token = await page(checked(request))
        found += items
        if not token or len(found) >= most:
            return found, token
        size += sum(item.ByteSize() for item in items)
        if size > _MAX_BYTES:
            return found, token
        request.page_token = token
