"""Rules of lists of runs: what to find, and counts, groups, keys and values of what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, quote
from milepost_server.filters import RUNS, Attribute, Metric, Operand, Param, Tag, parse_column, parse_filter
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.storage.base import Query, Storage
from milepost_server.storage.run_facets import Aggregate, Grouping, GroupKey

_ORDER = re.compile(r"\s*(?:(runs)|(mean|min|max|count)\s*\((.*)\))(?:\s+(ASC|DESC))?\s*", re.IGNORECASE | re.DOTALL)


class RunFacetService:
    """Many runs at once."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def count(self, request: pb.CountRunsRequest) -> int:
        """See `TrackingService.CountRuns`."""
        query = _chosen(request)
        return await self._storage.scan(lambda tx: tx.run_facets.count(query))

    async def group(self, request: pb.GroupRunsRequest) -> pb.GroupRunsResponse:
        """See `TrackingService.GroupRuns`."""
        query = _chosen(request)
        after = decode_token(request, request.page_token)
        metrics = tuple(_metric(text, f"metrics[{place}]") for place, text in enumerate(request.metrics))
        order_by, metric, descending = _order(request.order_by, metrics)
        grouping = Grouping(
            by=tuple(_group_key(text, f"group_by[{place}]") for place, text in enumerate(request.group_by)),
            metrics=metrics,
            order_by=order_by,
            metric=metric,
            descending=descending,
            limit=page_limit(request.page_size, 100, 1000),
            skipped=after[0] if after else 0,
        )
        groups = await self._storage.scan(lambda tx: tx.run_facets.group(query, grouping))
        more = (grouping.skipped + grouping.limit,) if len(groups) > grouping.limit else None
        return pb.GroupRunsResponse(groups=groups[: grouping.limit], next_page_token=encode_token(request, more))

    async def keys(self, request: pb.ListRunKeysRequest) -> pb.ListRunKeysResponse:
        """See `TrackingService.ListRunKeys`."""
        after = decode_token(request, request.page_token)
        limit = page_limit(request.page_size, 1000, 20_000)
        numbers = _numbers(request.experiment_ids)
        page = await self._storage.scan(
            lambda tx: tx.run_facets.keys(request.kind, numbers, request.prefix, limit, after[0] if after else None)
        )
        return pb.ListRunKeysResponse(keys=page.items, next_page_token=encode_token(request, page.last))

    async def values(self, request: pb.ListRunValuesRequest) -> pb.ListRunValuesResponse:
        """See `TrackingService.ListRunValues`."""
        after = decode_token(request, request.page_token)
        limit = page_limit(request.page_size, 100, 1000)
        column = parse_column(request.column, RUNS, "column")
        if not isinstance(column, Param | Tag):
            raise _not_a("column", request.column, "param or tag, for example params.optimizer or tags.team")
        numbers = _numbers(request.experiment_ids)
        page = await self._storage.scan(
            lambda tx: tx.run_facets.values(column, numbers, request.prefix, limit, after[0] if after else None)
        )
        return pb.ListRunValuesResponse(values=page.items, next_page_token=encode_token(request, page.last))


def parse_columns(texts: Sequence[str]) -> tuple[Param | Tag | Metric, ...] | None:
    """The params, tags and metrics that `ListRunsRequest.columns` names; None for no names."""
    columns: list[Param | Tag | Metric] = []
    for place, text in enumerate(texts):
        field = f"columns[{place}]"
        operand = parse_column(text, RUNS, field)
        if not isinstance(operand, Param | Tag | Metric):
            raise _not_a(field, text, "param, tag or metric, for example params.lr; `read_mask` names other fields")
        columns.append(operand)
    return tuple(columns) or None


def _chosen(request: pb.CountRunsRequest | pb.GroupRunsRequest) -> Query:
    return Query(
        filter=parse_filter(request.filter, RUNS),
        order_by=(),
        view=request.view,
        limit=0,
        experiment_ids=_numbers(request.experiment_ids),
    )


def _numbers(experiment_ids: Sequence[str]) -> tuple[int, ...]:
    return tuple(int(experiment_id) for experiment_id in experiment_ids)


def _group_key(text: str, field: str) -> GroupKey:
    operand = parse_column(text, RUNS, field)
    if not isinstance(operand, Param | Tag | Attribute):
        raise _not_a(field, text, "param, tag or attribute, for example params.lr, tags.team or state")
    return operand


def _metric(text: str, field: str) -> Metric:
    operand: Operand = parse_column(text, RUNS, field)
    if not isinstance(operand, Metric):
        raise _not_a(field, text, "metric, for example metrics.accuracy or metrics.loss.min")
    return operand


def _order(text: str, metrics: Sequence[Metric]) -> tuple[Aggregate, int, bool]:
    """What groups are sorted by, the place of its metric, and whether the greatest comes first."""
    if not text.strip():
        return "runs", 0, True
    found = _ORDER.fullmatch(text)
    if found is None:
        raise _bad_order("expected runs, or an aggregate such as mean(metrics.accuracy), with an optional ASC or DESC")
    runs, aggregate, name, direction = found.groups()
    descending = (direction or "").upper() == "DESC"
    if runs:
        return "runs", 0, descending
    metric = _metric(name, "order_by")
    if metric not in metrics:
        raise _bad_order(f"{quote(name.strip())} is not aggregated; add it to metrics")
    return cast("Aggregate", aggregate.lower()), metrics.index(metric), descending


def _bad_order(problem: str) -> InvalidArgument:
    return invalid_field("order_by", problem, reason=pb.ERROR_REASON_BAD_ORDER_BY)


def _not_a(field: str, text: str, wanted: str) -> InvalidArgument:
    return invalid_field(field, f"{quote(text)} is not a {wanted}")
