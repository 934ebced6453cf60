"""What services may ask of many runs at once: counts, groups, and the keys and values that runs have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from milepost import v1 as pb
from milepost_server.filters.ast import Attribute, Metric, Param, Tag

if TYPE_CHECKING:
    from milepost_server.storage.base import Page, Query

Aggregate: TypeAlias = Literal["runs", "mean", "min", "max", "count"]
GroupKey: TypeAlias = Attribute | Param | Tag


@dataclass(frozen=True)
class Grouping:
    """A page of groups of runs.

    Args:
        by: What the runs of a group agree in.
        metrics: What to aggregate over them.
        order_by: What to sort the groups by.
        metric: Place in `metrics` of what is sorted by; no meaning for `runs`.
        descending: Whether the greatest comes first. Groups without a value come last in either case.
        limit: Most groups to return.
        skipped: Number of groups on the pages before.
    """

    by: tuple[GroupKey, ...]
    metrics: tuple[Metric, ...]
    order_by: Aggregate
    metric: int
    descending: bool
    limit: int
    skipped: int


class RunFacets(Protocol):
    """Many runs at once. Of a `Query`, the parts that say which runs are looked at."""

    async def count(self, query: Query) -> int:
        """The number of runs."""

    async def group(self, query: Query, grouping: Grouping) -> list[pb.RunGroup]:
        """Groups of runs, one more than the limit when there are more."""

    async def keys(
        self,
        kind: pb.ListRunKeysRequest.Kind.ValueType,
        experiment_ids: Sequence[int],
        prefix: str,
        limit: int,
        after: str | None,
    ) -> Page[str]:
        """Keys that begin with `prefix`, of any experiment when none are given, after the one on which a page ended."""

    async def values(
        self, column: Param | Tag, experiment_ids: Sequence[int], prefix: str, limit: int, after: str | None
    ) -> Page[pb.RunValue]:
        """Values of a param or tag, in the same way."""
