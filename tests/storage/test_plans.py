"""Searches of runs read the indexes that are meant for them, whatever the database thinks of its statistics."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from benchmarks.fill.store import fill
from benchmarks.fill.synthetic import Shape

from milepost import v1 as pb
from milepost_server.services.run_facets import RunFacetService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage
from milepost_server.storage.sql import run_search
from support.databases import opened, sqlite_url
from support.plans import analyze, keep_plans
from support.postgres import Postgres

SHAPE = Shape(runs=1000, params=5, metrics=5, tags=3, keys=100)


class Explained:
    """Runs queries and keeps the plans of the statements that find runs."""

    def __init__(self, storage: Storage, experiment_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._runs = RunService(storage, lambda: 0)
        self.facets = RunFacetService(storage)
        self.experiment_id = experiment_id
        self.plans = keep_plans(monkeypatch, storage)

    async def list(self, filter_: str, order_by: str, *, pages: int = 2) -> str:
        """The plans of all statements of some pages but those that read the runs that were found."""
        request = pb.ListRunsRequest(
            experiment_ids=[self.experiment_id], filter=filter_, order_by=order_by, page_size=50
        )
        self.plans.clear()
        for _ in range(pages):
            _, request.page_token = await self._runs.list(request)
            if not request.page_token:
                break
        return "\n\n".join(self.plans)


@pytest_asyncio.fixture(scope="module", params=["sqlite", "sqlite analyzed", "postgresql"])
async def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Storage, str]]:
    """A store of some thousand runs, with and without what SQLite learns of it by ANALYZE."""
    kind, _, analyzed = request.param.partition(" ")
    if kind == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.create_database()
    else:
        url = sqlite_url(tmp_path_factory.mktemp("plans"))
    experiment_id = await fill(url, SHAPE, "plans")
    await fill(url, replace(SHAPE, seed=2), "another")
    if kind == "postgresql" or analyzed:
        await analyze(url)
    async with opened(url) as storage:
        yield storage, experiment_id


@pytest.fixture
def explained(filled: tuple[Storage, str], monkeypatch: pytest.MonkeyPatch) -> Explained:
    # So that the ways for many runs are taken with some thousand.
    monkeypatch.setattr(run_search, "_FEW", 20)
    monkeypatch.setattr(run_search, "_WALKED", 250)
    return Explained(*filled, monkeypatch)


WALKS = {
    ("", ""): "ix_run_start",
    ("", "start_time"): "ix_run_start",
    ("", "metrics.m1"): "ix_series_last",
    ("", "metrics.m1 DESC"): "ix_series_last",
    ("", "metrics.m1.min"): "ix_series_min",
    ("", "metrics.m1.max DESC"): "ix_series_max",
    ("", "params.p2 DESC"): "ix_run_param_number",
    ("", "params.p1"): "ix_run_param_head",
    ("", "tags.t1 DESC"): "ix_run_tag_head",
    ("metrics.m2 > 0.1", "metrics.m1"): "ix_series_last",
    ("params.p1 ILIKE '%a%'", ""): "ix_run_start",
    ("NOT tags.t1 = 'ads'", "start_time"): "ix_run_start",
    ("metrics.m1 < 0.5", "metrics.m1 DESC"): "ix_series_last",
}
READS_FEW = {
    "metrics.m1 > 0.999": "ix_series_last",
    "metrics.m1.max > 0.999": "ix_series_max",
    "metrics.m1.min < 0.001": "ix_series_min",
    "params.p1 = 'zz'": "ix_run_param_head",
    "params.p1 LIKE 'zz%'": "ix_run_param_head",
    "params.p3 > 5000": "ix_run_param_number",
    "params.p2 IN (0.5, 0.25)": "ix_run_param_number",
    "tags.t2 = 'commit 0'": "ix_run_tag_head",
    "run_id = 'none'": "run_run_id|sqlite_autoindex_run_1",
    "parent_run_id = 'none'": "ix_run_parent_run_id",
    "dataset.name = 'none'": "dataset",
}


@pytest.mark.parametrize(("filter_", "order_by"), WALKS)
async def test_an_order_is_read_from_its_index_without_sorting(
    explained: Explained, filter_: str, order_by: str
) -> None:
    plans = await explained.list(filter_, order_by)
    index = WALKS[filter_, order_by]
    walks = [plan for plan in explained.plans if re.search(rf"{index}\b", plan) and "count" not in plan.lower()]
    assert walks, plans
    assert not any(re.search(r"TEMP B-TREE FOR ORDER BY|\bSort\b", plan) for plan in walks), plans
    assert not re.search(r"SCAN (run|series|run_param|run_tag)\b|Seq Scan on (run|series|run_param|run_tag)\b", plans)


@pytest.mark.parametrize("filter_", READS_FEW)
@pytest.mark.parametrize("order_by", ["metrics.m2 DESC", "name"])
async def test_few_runs_are_read_from_the_index_of_their_condition(
    explained: Explained, filter_: str, order_by: str
) -> None:
    plans = await explained.list(f"{filter_} AND metrics.m3 > 0.01", order_by)
    found = [plan for plan in explained.plans if re.search(READS_FEW[filter_], plan)]
    assert len(found) >= 2, plans
    assert not re.search(r"SCAN (series|run_param|run_tag)\b|Seq Scan on (series|run_param|run_tag)\b", plans), plans


async def test_a_walk_that_finds_too_little_is_given_up(explained: Explained) -> None:
    filter_ = "metrics.m2 > 0.8 AND metrics.m3 > 0.8 AND metrics.m4 > 0.8"
    plans = await explained.list(filter_, "metrics.m1 DESC", pages=1)
    assert re.search(r"TEMP B-TREE FOR (LAST TERM OF )?ORDER BY|\bSort\b", explained.plans[-2]), plans


async def test_keys_are_looked_up_in_the_indexes(explained: Explained) -> None:
    for kind in (pb.ListRunKeysRequest.KIND_PARAM, pb.ListRunKeysRequest.KIND_TAG, pb.ListRunKeysRequest.KIND_METRIC):
        explained.plans.clear()
        await explained.facets.keys(pb.ListRunKeysRequest(experiment_ids=[explained.experiment_id], kind=kind))
        assert re.search(r"\bix_(run_param|run_tag|series)_", explained.plans[-1]), explained.plans
        assert not re.search(r"SCAN (series|run_)|Seq Scan on (series|run_)", explained.plans[-1]), explained.plans


async def test_values_are_read_from_the_index(explained: Explained) -> None:
    for column, index in ("params.p1", "ix_run_param_head"), ("tags.t1", "ix_run_tag_head"):
        explained.plans.clear()
        await explained.facets.values(
            pb.ListRunValuesRequest(experiment_ids=[explained.experiment_id], column=column, prefix="a")
        )
        assert index in explained.plans[-1], explained.plans
